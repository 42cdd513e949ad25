//! Who is told: the observer trait, and what already is one.

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use alloc::sync::Arc;

/// Is told of every event of a primitive, after the change it tells of has taken effect.
///
/// A hook runs on the thread whose call made the event, outside every loop of the primitive: it may call the
/// primitive again. With `std` a hook's panic is caught (and counted by those who count); without it the panic
/// reaches the caller with the primitive whole. Two threads may deliver out of order, so an event that announces a
/// change carries its generation.
///
/// Implemented for `()` (silent, and free: the calls are compiled away), for `&'static O`, for `Arc<O>`, and by
/// [`observe_with`] for a closure.
///
/// # Examples
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use core::time::Duration;
/// use fusebox::breaker::{CircuitBreaker, Event, Policy};
/// use fusebox::observe::Observer;
///
/// #[derive(Default)]
/// struct Openings(AtomicU32);
///
/// impl Observer<Event> for Openings {
///     fn notice(&self, event: &Event) {
///         if let Event::Changed(change) = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///             println!("{} -> {}: {}", change.from, change.to, change.why);
///         }
///     }
/// }
///
/// static SEEN: Openings = Openings(AtomicU32::new(0));
/// let policy = Policy::consecutive_failures(1).open_duration(Duration::from_secs(1)).build()?;
/// let breaker = CircuitBreaker::new(policy).with_observer(&SEEN);
/// let _ = breaker.call(|| Err::<(), _>("down"));
/// assert_eq!(SEEN.0.load(Ordering::Relaxed), 1);
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
pub trait Observer<E> {
    /// Is told of one event.
    fn notice(&self, event: &E);

    /// Whether anybody listens. Where it says no, events are not even made.
    #[inline]
    fn listens(&self) -> bool {
        true
    }
}

impl<E> Observer<E> for () {
    #[inline]
    fn notice(&self, _: &E) {}

    #[inline]
    fn listens(&self) -> bool {
        false
    }
}

impl<E, O: Observer<E> + ?Sized> Observer<E> for &'static O {
    #[inline]
    fn notice(&self, event: &E) {
        (**self).notice(event);
    }

    #[inline]
    fn listens(&self) -> bool {
        (**self).listens()
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<E, O: Observer<E> + ?Sized> Observer<E> for Arc<O> {
    #[inline]
    fn notice(&self, event: &E) {
        (**self).notice(event);
    }

    #[inline]
    fn listens(&self) -> bool {
        (**self).listens()
    }
}

/// Calls a hook; says whether it came back. With `std` its panic ends here, without it the caller gets it.
///
/// Whoever calls this holds nothing that a panic could leave half done.
pub(crate) fn told<E, O: Observer<E>>(observer: &O, event: &E) -> bool {
    #[cfg(feature = "std")]
    {
        use core::panic::AssertUnwindSafe;
        use std::panic::catch_unwind;

        let Err(payload) = catch_unwind(AssertUnwindSafe(|| observer.notice(event))) else { return true };
        // A payload may panic when it is dropped.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            core::mem::forget(again);
        }
        false
    }
    #[cfg(not(feature = "std"))]
    {
        observer.notice(event);
        true
    }
}

/// An observer that calls a closure; made by [`observe_with`].
#[derive(Clone, Copy)]
pub struct ObserveWith<F>(F);

/// Makes an observer of a closure.
///
/// # Examples
/// ```
/// use fusebox::breaker::{CircuitBreaker, Event, Policy};
/// use fusebox::observe::observe_with;
///
/// let breaker = CircuitBreaker::new(Policy::consecutive_failures(5).constant())
///     .with_observer(observe_with(|event: &Event| eprintln!("{event}")));
/// assert!(breaker.call(|| Ok::<_, ()>(1)).is_ok());
/// ```
pub const fn observe_with<F>(hook: F) -> ObserveWith<F> {
    ObserveWith(hook)
}

impl<E, F: Fn(&E)> Observer<E> for ObserveWith<F> {
    #[inline]
    fn notice(&self, event: &E) {
        (self.0)(event);
    }
}

impl<F> core::fmt::Debug for ObserveWith<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ObserveWith(closure)")
    }
}
