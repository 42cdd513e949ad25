//! Time as a value: an instant, and the clocks that give one.
//!
//! Every operation that needs the time has an `…_at(now)` form that takes it; the short names read the primitive's
//! clock once. A clock that steps backwards never makes a decision looser than if time had stood still.

use core::time::Duration;

use crate::sync::{Shown, const_fn};

/// An instant on a monotonic clock: whole nanoseconds since that clock's origin, 584 years of them.
///
/// All arithmetic saturates.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::time::Instant;
///
/// let later = Instant::ORIGIN.saturating_add(Duration::from_millis(2));
/// assert_eq!(later, Instant::from_nanos(2_000_000));
/// assert_eq!(later.saturating_since(Instant::ORIGIN), Duration::from_millis(2));
/// assert_eq!(Instant::ORIGIN.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Where the clock began.
    pub const ORIGIN: Self = Self(0);

    /// The instant `nanos` nanoseconds after the origin.
    #[must_use]
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The nanoseconds since the origin.
    #[must_use]
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This instant moved on by `duration`, at most to the end of the clock.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(saturating_nanos(duration)))
    }

    /// This instant moved back by `duration`, at most to the origin.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(saturating_nanos(duration)))
    }

    /// The time since `earlier`; nothing if that is not earlier.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in nanoseconds, `u64::MAX` for what is longer than 584 years.
pub(crate) const fn saturating_nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    #[expect(clippy::cast_possible_truncation, reason = "it fits in the branch that casts it")]
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

/// A source of [`Instant`]s.
///
/// It should not step backwards; if it does, no decision becomes looser than if time had stood still. A reading must
/// be cheap and must not panic. `&C` and `Arc<C>` of a clock are clocks.
///
/// # Examples
/// ```
/// use fusebox::time::{Clock, Instant};
///
/// /// A tick counter that an interrupt advances every microsecond.
/// struct Ticks(core::sync::atomic::AtomicU32);
///
/// impl Clock for Ticks {
///     fn now(&self) -> Instant {
///         let ticks = self.0.load(core::sync::atomic::Ordering::Relaxed);
///         Instant::from_nanos(u64::from(ticks) * 1_000)
///     }
/// }
/// assert_eq!(Ticks(7.into()).now(), Instant::from_nanos(7_000));
/// ```
pub trait Clock {
    /// The instant now.
    fn now(&self) -> Instant;
}

impl<C: Clock + ?Sized> Clock for &C {
    #[inline]
    fn now(&self) -> Instant {
        (**self).now()
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<C: Clock + ?Sized> Clock for alloc::sync::Arc<C> {
    #[inline]
    fn now(&self) -> Instant {
        (**self).now()
    }
}

/// The clock of a primitive that has none: only its `…_at(now)` methods exist. The default without `std`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoClock;

/// What a primitive can do where the time may be unknown: every [`Clock`] tells it, [`NoClock`] does not.
///
/// Sealed by its shape: implemented for all clocks and for [`NoClock`].
pub trait TimeSource {
    /// The instant now, if there is a clock.
    fn time(&self) -> Option<Instant>;
}

impl<C: Clock> TimeSource for C {
    #[inline]
    fn time(&self) -> Option<Instant> {
        Some(self.now())
    }
}

impl TimeSource for NoClock {
    #[inline]
    fn time(&self) -> Option<Instant> {
        None
    }
}

/// The clock a primitive has when none is named: [`StdClock`] with `std`, [`NoClock`] without.
#[cfg(feature = "std")]
pub type DefaultClock = StdClock;
/// The clock a primitive has when none is named: `StdClock` with `std`, [`NoClock`] without.
#[cfg(not(feature = "std"))]
pub type DefaultClock = NoClock;

#[cfg(feature = "std")]
pub(crate) const DEFAULT_CLOCK: DefaultClock = StdClock;
#[cfg(not(feature = "std"))]
pub(crate) const DEFAULT_CLOCK: DefaultClock = NoClock;

/// The process-wide monotonic clock (quanta: the CPU's time stamp counter where it can be trusted, the system's
/// monotonic clock elsewhere). Zero-sized.
///
/// Its origin is the first reading in the process, which also calibrates it and takes up to 200 ms on hardware whose
/// frequency is not told; a primitive's `warm_up()` does that ahead of the first call.
///
/// # Examples
/// ```
/// use fusebox::time::{Clock, StdClock};
///
/// let earlier = StdClock.now();
/// assert!(StdClock.now() >= earlier);
/// ```
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
pub struct StdClock;

#[cfg(feature = "std")]
static PROCESS: std::sync::OnceLock<Calibrated> = std::sync::OnceLock::new();

#[cfg(feature = "std")]
struct Calibrated {
    clock: quanta::Clock,
    origin: u64,
    /// Nanoseconds in 2^40 of the clock's ticks: a shift by a fixed width is cheaper than quanta's own.
    scale: u64,
}

#[cfg(feature = "std")]
impl Clock for StdClock {
    #[inline]
    fn now(&self) -> Instant {
        let Calibrated { clock, origin, scale } = match PROCESS.get() {
            Some(calibrated) => calibrated,
            None => calibrate(),
        };
        // Saturates at zero where another core's counter stands before the origin.
        let ticks = clock.raw().saturating_sub(*origin);
        #[expect(clippy::cast_possible_truncation, reason = "584 years of uptime fit")]
        Instant(((u128::from(ticks) * u128::from(*scale)) >> 40) as u64)
    }
}

#[cfg(feature = "std")]
#[cold]
fn calibrate() -> &'static Calibrated {
    PROCESS.get_or_init(|| {
        let clock = quanta::Clock::new();
        let origin = clock.raw();
        let scale = clock.delta_as_nanos(0, 1 << 40);
        Calibrated { clock, origin, scale }
    })
}

/// A clock that stands until it is told the time: for tests, simulations, and those who drive time themselves.
///
/// It may be set backwards, to see what happens then.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::breaker::{CircuitBreaker, Policy, State};
/// use fusebox::time::ManualClock;
///
/// let clock = ManualClock::new();
/// let policy = Policy::consecutive_failures(1).open_duration(Duration::from_secs(10)).build()?;
/// let breaker = CircuitBreaker::new(policy).with_clock(&clock);
///
/// let _ = breaker.call(|| Err::<(), _>("down"));
/// assert_eq!(breaker.look().state, State::Open);
/// clock.advance(Duration::from_secs(10));
/// assert!(breaker.call(|| Ok::<_, ()>("up")).is_ok());
/// assert_eq!(breaker.look().state, State::Closed);
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Debug)]
pub struct ManualClock(Shown);

impl ManualClock {
    const_fn! {
        /// A clock that stands at its origin.
        #[must_use]
        pub const fn new() -> Self {
            Self(Shown::zero())
        }
    }

    /// Moves the clock to `now`, forwards or backwards.
    pub fn set(&self, now: Instant) {
        self.0.set(now.as_nanos());
    }

    /// Moves the clock forwards, at most to its end.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().saturating_add(duration));
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    #[inline]
    fn now(&self) -> Instant {
        Instant(self.0.get())
    }
}

/// An instant kept in memory and refreshed from outside: a reading is one load instead of a clock's ten nanoseconds,
/// and as old as the last refresh.
///
/// Refreshed by an upkeep thread (`spawn_upkeep`, with `std`), or by the caller: from a timer, an interrupt, an event
/// loop. It never goes backwards. A late reading only makes decisions stricter: a breaker stays open that much longer.
///
/// # Examples
/// ```
/// use fusebox::breaker::{CircuitBreaker, Policy};
/// use fusebox::time::{CoarseClock, Instant};
///
/// static NOW: CoarseClock = CoarseClock::new();
/// let breaker = CircuitBreaker::new(Policy::consecutive_failures(5).constant()).with_clock(&NOW);
/// NOW.set(Instant::from_nanos(1_000_000)); // say, once a millisecond
/// assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
/// ```
#[derive(Debug)]
pub struct CoarseClock(Shown);

impl CoarseClock {
    const_fn! {
        /// A clock that stands at its origin.
        #[must_use]
        pub const fn new() -> Self {
            Self(Shown::zero())
        }
    }

    /// Moves the clock forwards to `now`; an instant before its own changes nothing.
    pub fn set(&self, now: Instant) {
        self.0.raise(now.as_nanos());
    }

    /// Moves the clock forwards to what [`StdClock`] says.
    #[cfg(feature = "std")]
    pub fn refresh(&self) {
        self.set(StdClock.now());
    }

    /// Starts a thread that refreshes this clock `every` so often, until the returned guard is dropped.
    ///
    /// `every` is at least a millisecond: what is shorter is taken as that.
    ///
    /// # Errors
    /// What the system says when it cannot start a thread.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::time::CoarseClock;
    ///
    /// static NOW: CoarseClock = CoarseClock::new();
    /// let upkeep = CoarseClock::spawn_upkeep(&NOW, Duration::from_millis(1))?;
    /// // … serve …
    /// drop(upkeep);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(all(feature = "std", not(fusebox_loom)))]
    pub fn spawn_upkeep<R>(clock: R, every: Duration) -> std::io::Result<Upkeep>
    where
        R: core::ops::Deref<Target = Self> + Send + 'static,
    {
        let every = every.max(Duration::from_millis(1));
        let (stop, stopped) = std::sync::mpsc::channel::<core::convert::Infallible>();
        clock.refresh();
        let thread = std::thread::Builder::new().name("fusebox-upkeep".into()).spawn(move || {
            // The channel only ever closes: a timeout is the next tick, anything else is the guard's drop.
            while stopped.recv_timeout(every) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                clock.refresh();
            }
        })?;
        Ok(Upkeep { stop: Some(stop), thread: Some(thread) })
    }
}

impl Default for CoarseClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for CoarseClock {
    #[inline]
    fn now(&self) -> Instant {
        Instant(self.0.get())
    }
}

/// Keeps the upkeep thread of a [`CoarseClock`] going; dropping it ends the thread.
#[cfg(all(feature = "std", not(fusebox_loom)))]
#[must_use = "the upkeep ends when this is dropped"]
#[derive(Debug)]
pub struct Upkeep {
    stop: Option<std::sync::mpsc::Sender<core::convert::Infallible>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[cfg(all(feature = "std", not(fusebox_loom)))]
impl Drop for Upkeep {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A refresh cannot panic, and a guard's drop has nobody to tell.
            let _ = thread.join();
        }
    }
}
