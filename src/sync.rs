//! The one file that names an atomic type, so that a model checker sees each of them.
//!
//! | build | atomics come from |
//! |---|---|
//! | a target with 64-bit atomics | `core` |
//! | any other target | portable-atomic (its fallback, or the application's `critical-section`) |
//! | `loom-tests` (private cfg `fusebox_loom`) | loom, where each access is a schedule point |

#[cfg(fusebox_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};

#[cfg(not(fusebox_loom))]
pub(crate) use core::sync::atomic::{Ordering, fence};

#[cfg(all(not(fusebox_loom), target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::AtomicU64;

#[cfg(all(not(fusebox_loom), not(target_has_atomic = "64")))]
pub(crate) use portable_atomic::AtomicU64;

/// Declares a `const fn`; under loom, whose atomics are made at run time, the same body as a plain `fn`.
macro_rules! const_fn {
    ($(#[$attribute:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(fusebox_loom))]
        $(#[$attribute])* $vis const fn $($rest)*
        #[cfg(fusebox_loom)]
        $(#[$attribute])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// A number that one side shows and others look at.
///
/// Relaxed throughout: the number is the whole message, and nothing is published through it.
#[derive(Debug)]
pub(crate) struct Shown(AtomicU64);

impl Shown {
    const_fn! {
        pub(crate) const fn zero() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// Sets it, unless it is higher already.
    pub(crate) fn raise(&self, number: u64) {
        self.0.fetch_max(number, Ordering::Relaxed);
    }
}

/// Memory made at its first use, without a lock.
///
/// Two threads may both make it; one of them is kept, the other dropped.
#[cfg(feature = "alloc")]
pub(crate) struct Once<T> {
    #[cfg(not(fusebox_loom))]
    inner: once_cell::race::OnceBox<T>,
    // Making the memory is the library's protocol, not ours: models make it before they start their threads.
    #[cfg(fusebox_loom)]
    inner: std::sync::OnceLock<alloc::boxed::Box<T>>,
}

#[cfg(feature = "alloc")]
impl<T> Once<T> {
    pub(crate) const fn new() -> Self {
        #[cfg(not(fusebox_loom))]
        return Self { inner: once_cell::race::OnceBox::new() };
        #[cfg(fusebox_loom)]
        return Self { inner: std::sync::OnceLock::new() };
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        #[cfg(not(fusebox_loom))]
        return self.inner.get();
        #[cfg(fusebox_loom)]
        return self.inner.get().map(|boxed| &**boxed);
    }

    #[inline]
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        self.inner.get_or_init(|| alloc::boxed::Box::new(make()))
    }
}

/// A shared value that is replaced as a whole.
#[cfg(feature = "std")]
pub(crate) struct Swap<T> {
    #[cfg(not(fusebox_loom))]
    inner: arc_swap::ArcSwapOption<T>,
    // The replacing is the library's protocol, not ours; each access is a schedule point.
    #[cfg(fusebox_loom)]
    inner: loom::sync::Mutex<Option<alloc::sync::Arc<T>>>,
}

#[cfg(feature = "std")]
impl<T> Swap<T> {
    pub(crate) fn of(value: alloc::sync::Arc<T>) -> Self {
        #[cfg(not(fusebox_loom))]
        return Self { inner: arc_swap::ArcSwapOption::new(Some(value)) };
        #[cfg(fusebox_loom)]
        return Self { inner: loom::sync::Mutex::new(Some(value)) };
    }

    pub(crate) fn none() -> Self {
        #[cfg(not(fusebox_loom))]
        return Self { inner: arc_swap::ArcSwapOption::new(None) };
        #[cfg(fusebox_loom)]
        return Self { inner: loom::sync::Mutex::new(None) };
    }

    pub(crate) fn get(&self) -> Option<alloc::sync::Arc<T>> {
        #[cfg(not(fusebox_loom))]
        return self.inner.load_full();
        #[cfg(fusebox_loom)]
        return self.locked().clone();
    }

    /// Looks at the value without owning it.
    #[inline]
    pub(crate) fn with<R>(&self, look: impl FnOnce(Option<&T>) -> R) -> R {
        #[cfg(not(fusebox_loom))]
        return look(self.inner.load().as_deref());
        #[cfg(fusebox_loom)]
        return look(self.get().as_deref());
    }

    /// Replaces the value, if it still is this one.
    pub(crate) fn replace(&self, seen: &alloc::sync::Arc<T>, next: alloc::sync::Arc<T>) -> bool {
        #[cfg(not(fusebox_loom))]
        {
            let found = self.inner.compare_and_swap(seen, Some(next));
            found.as_ref().is_some_and(|found| alloc::sync::Arc::ptr_eq(found, seen))
        }
        #[cfg(fusebox_loom)]
        {
            let mut held = self.locked();
            let same = held.as_ref().is_some_and(|held| alloc::sync::Arc::ptr_eq(held, seen));
            if same {
                *held = Some(next);
            }
            same
        }
    }

    pub(crate) fn clear(&self) {
        #[cfg(not(fusebox_loom))]
        self.inner.store(None);
        #[cfg(fusebox_loom)]
        {
            *self.locked() = None;
        }
    }

    #[cfg(fusebox_loom)]
    fn locked(&self) -> loom::sync::MutexGuard<'_, Option<alloc::sync::Arc<T>>> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(feature = "std")]
impl<T> core::fmt::Debug for Swap<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Swap")
    }
}

/// The waker of the one task that waits; it is taken out before it is called.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
#[derive(Debug)]
pub(crate) struct OneWaker {
    #[cfg(not(fusebox_loom))]
    inner: atomic_waker::AtomicWaker,
    #[cfg(fusebox_loom)]
    inner: loom::future::AtomicWaker,
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl OneWaker {
    pub(crate) fn none() -> Self {
        #[cfg(not(fusebox_loom))]
        return Self { inner: atomic_waker::AtomicWaker::new() };
        #[cfg(fusebox_loom)]
        return Self { inner: loom::future::AtomicWaker::new() };
    }

    /// Whoever registers, then looks, misses nothing that is changed before a wake.
    pub(crate) fn register(&self, waker: &core::task::Waker) {
        #[cfg(not(fusebox_loom))]
        self.inner.register(waker);
        #[cfg(fusebox_loom)]
        self.inner.register_by_ref(waker);
    }

    pub(crate) fn wake(&self) {
        self.inner.wake();
    }
}

/// Wakes those who listen. Whoever listens, then looks, then waits, misses nothing that is changed before a ring.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub(crate) struct Bell {
    #[cfg(not(fusebox_loom))]
    inner: event_listener::Event,
    // The waking is the library's protocol, not ours; each access is a schedule point.
    #[cfg(fusebox_loom)]
    inner: loom::sync::Mutex<Rung>,
}

/// How often it rang, and who is to be woken.
#[cfg(fusebox_loom)]
#[derive(Default)]
struct Rung {
    times: u64,
    listening: alloc::vec::Vec<core::task::Waker>,
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl Bell {
    const_fn! {
        pub(crate) const fn new() -> Self {
            #[cfg(not(fusebox_loom))]
            return Self { inner: event_listener::Event::new() };
            #[cfg(fusebox_loom)]
            return Self { inner: loom::sync::Mutex::default() };
        }
    }

    /// Ready once it has rung after this call.
    #[cfg(not(fusebox_loom))]
    pub(crate) fn listen(&self) -> event_listener::EventListener {
        self.inner.listen()
    }

    /// Ready once it has rung after this call.
    #[cfg(fusebox_loom)]
    pub(crate) fn listen(&self) -> impl Future<Output = ()> {
        let times = self.rung().times;
        core::future::poll_fn(move |context| {
            let mut rung = self.rung();
            if rung.times != times {
                return core::task::Poll::Ready(());
            }
            rung.listening.push(context.waker().clone());
            core::task::Poll::Pending
        })
    }

    pub(crate) fn ring(&self) {
        #[cfg(not(fusebox_loom))]
        self.inner.notify(usize::MAX);
        #[cfg(fusebox_loom)]
        {
            let listening = {
                let mut rung = self.rung();
                rung.times += 1;
                core::mem::take(&mut rung.listening)
            };
            listening.into_iter().for_each(core::task::Waker::wake);
        }
    }

    #[cfg(fusebox_loom)]
    fn rung(&self) -> loom::sync::MutexGuard<'_, Rung> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl core::fmt::Debug for Bell {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bell")
    }
}

/// Blocks the thread until the bell has rung, for so long at most.
#[cfg(all(feature = "cache", not(target_family = "wasm"), not(fusebox_loom)))]
pub(crate) fn wait_for(rung: event_listener::EventListener, longest: core::time::Duration) {
    use event_listener::Listener;
    rung.wait_timeout(longest);
}

/// How many threads the machine runs at once; one where nobody can tell.
#[cfg(feature = "alloc")]
pub(crate) fn parallelism() -> usize {
    #[cfg(fusebox_loom)]
    return 1;
    #[cfg(all(feature = "std", not(fusebox_loom)))]
    return std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
    #[cfg(not(any(feature = "std", fusebox_loom)))]
    return 1;
}
