//! The limits of a client's operations, by name; and which of them are slow.

mod policy;

use core::fmt;
use core::time::Duration;

use crate::deadline::Deadline;
use crate::observe::{self, Observer};
use crate::sleep::Sleep;
use crate::time::{Clock, DEFAULT_CLOCK, DefaultClock, Instant, TimeSource};
use crate::timeout::{Error, Event, TimedOut, timeout};

pub use policy::{Limits, LimitsBuilder, Operation};

/// Limits for the operations of a client: one for all, others for those that are named, and a threshold above which a call that
/// ended is told as slow.
///
/// It holds no state of its own: nothing is shared between calls, nothing allocated. A call costs the search for its name, and two
/// readings of the clock if there is a threshold; [`run_until`](Self::run_until) reads it once at least. Without a clock
/// nothing is told as slow.
///
/// | parameter | what | unless told otherwise |
/// |---|---|---|
/// | `N` | how many operations have limits of their own | none |
/// | `C` | a [`Clock`] | `StdClock`; without `std` none |
/// | `O` | an [`Observer`] of [`Event`]s | `()`: nobody |
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::{Limits, Operation, Timeouts};
///
/// static LIMITS: Timeouts<2> = Timeouts::new(
///     Limits::of(Duration::from_secs(2))
///         .slow_over(Duration::from_millis(500))
///         .operations([
///             Operation::new("report", Duration::from_secs(60)).slow_over(Duration::from_secs(20)),
///             Operation::new("ping", Duration::from_millis(200)),
///         ])
///         .constant(),
/// );
/// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
/// # futures::executor::block_on(async {
/// let pong = LIMITS.run("ping", &sleep, async { "pong" }).await;
/// assert_eq!(pong, Ok("pong"));
/// assert_eq!(LIMITS.limit("ping"), Duration::from_millis(200));
/// assert_eq!(LIMITS.limit("fetch"), Duration::from_secs(2));
/// # });
/// ```
pub struct Timeouts<const N: usize = 0, C = DefaultClock, O = ()> {
    told: Limits<N>,
    clock: C,
    observer: O,
}

impl<const N: usize> Timeouts<N> {
    /// Of these limits, with the default clock and no observer. Cannot fail: limits are checked when they are built.
    #[must_use]
    pub const fn new(limits: Limits<N>) -> Self {
        Self::with_parts(limits, DEFAULT_CLOCK, ())
    }
}

impl<const N: usize, C, O> Timeouts<N, C, O> {
    /// Of these parts: for a `static` with an observer or another clock.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::timeout::{Limits, Timeouts};
    /// use fusebox::time::NoClock;
    ///
    /// static LIMITS: Timeouts<0, NoClock> =
    ///     Timeouts::with_parts(Limits::of(Duration::from_secs(1)).constant(), NoClock, ());
    /// assert_eq!(LIMITS.limit("any"), Duration::from_secs(1));
    /// ```
    pub const fn with_parts(limits: Limits<N>, clock: C, observer: O) -> Self {
        Self { told: limits, clock, observer }
    }

    /// How long this operation may take: its own limit, or that of all.
    #[must_use]
    pub fn limit(&self, operation: &str) -> Duration {
        self.told.operation(operation).limit
    }

    /// Its clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Who is told.
    pub const fn observer(&self) -> &O {
        &self.observer
    }
}

impl<const N: usize, C: TimeSource, O: Observer<Event>> Timeouts<N, C, O> {
    /// Gives a call the limit of its operation.
    ///
    /// # Errors
    /// [`TimedOut`] where it has not ended by then.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::timeout::{Limits, TimedOut, Timeouts};
    ///
    /// let limits = Timeouts::new(Limits::of(Duration::from_millis(1)).build()?);
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    /// let hangs = futures::executor::block_on(limits.run("fetch", &sleep, core::future::pending::<()>()));
    /// assert_eq!(hangs, Err(TimedOut::new("fetch", Duration::from_millis(1))));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub async fn run<S: Sleep, F: Future>(
        &self,
        operation: &'static str,
        sleeper: &S,
        call: F,
    ) -> Result<F::Output, TimedOut> {
        let told = self.told.operation(operation);
        let began = told.slow_over.and_then(|_| self.clock.time());
        self.measured(told, TimedOut::new(operation, told.limit), began, sleeper, call).await
    }

    /// As [`run`](Self::run), for a call that may fail by itself: one flat result.
    ///
    /// # Errors
    /// The call's own error, or [`TimedOut`].
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::timeout::{Error, Limits, Timeouts};
    ///
    /// let limits = Timeouts::new(Limits::of(Duration::from_secs(2)).build()?);
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    /// let answer = futures::executor::block_on(limits.try_run("fetch", &sleep, async { Err::<(), _>("not found") }));
    /// assert_eq!(answer, Err(Error::Inner("not found")));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub async fn try_run<S: Sleep, F, T, E>(
        &self,
        operation: &'static str,
        sleeper: &S,
        call: F,
    ) -> Result<T, Error<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        Error::flat(self.run(operation, sleeper, call).await)
    }

    /// Waits for the call to end or its time to be over, and tells what is worth telling.
    async fn measured<S: Sleep, F: Future>(
        &self,
        told: Operation,
        over: TimedOut,
        began: Option<Instant>,
        sleeper: &S,
        call: F,
    ) -> Result<F::Output, TimedOut> {
        let ended = timeout(over.limit, sleeper, call).telling(over).await;
        match &ended {
            Err(late) => self.tell(|| Event::TimedOut(*late)),
            Ok(_) => self.tell_if_slow(over.operation, told.slow_over, began),
        }
        ended
    }

    fn tell_if_slow(&self, operation: &'static str, threshold: Option<Duration>, began: Option<Instant>) {
        let (Some(threshold), Some(began)) = (threshold, began) else { return };
        let Some(now) = self.clock.time() else { return };
        let took = now.saturating_since(began);
        if took > threshold {
            self.tell(|| Event::Slow { operation, took, threshold });
        }
    }

    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.observer.listens() {
            // A hook that panics has told what it had to.
            let _ = observe::told(&self.observer, &event());
        }
    }
}

impl<const N: usize, C: Clock, O: Observer<Event>> Timeouts<N, C, O> {
    /// As [`run`](Self::run), with a deadline outside: the limit is the shorter of the operation's own and what is left when the
    /// future is first polled. Where nothing is left the call is not made.
    ///
    /// # Errors
    /// [`TimedOut`], which tells whether the deadline was the shorter one.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::time::{Clock, StdClock};
    /// use fusebox::timeout::{Deadline, Limits, Timeouts};
    ///
    /// let limits = Timeouts::new(Limits::of(Duration::from_secs(2)).build()?);
    /// let request = Deadline::after(Duration::from_millis(1), StdClock.now());
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    /// let hangs = limits.run_until(request, "fetch", &sleep, core::future::pending::<()>());
    /// assert!(futures::executor::block_on(hangs).unwrap_err().by_deadline);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub async fn run_until<S: Sleep, F: Future>(
        &self,
        deadline: Deadline,
        operation: &'static str,
        sleeper: &S,
        call: F,
    ) -> Result<F::Output, TimedOut> {
        let told = self.told.operation(operation);
        let now = self.clock.now();
        let over = TimedOut::new(operation, told.limit).within(deadline, now);
        if over.limit.is_zero() {
            self.tell(|| Event::TimedOut(over));
            return Err(over);
        }
        self.measured(told, over, Some(now), sleeper, call).await
    }

    /// As [`run_until`](Self::run_until), for a call that may fail by itself: one flat result.
    ///
    /// # Errors
    /// The call's own error, or [`TimedOut`].
    pub async fn try_run_until<S: Sleep, F, T, E>(
        &self,
        deadline: Deadline,
        operation: &'static str,
        sleeper: &S,
        call: F,
    ) -> Result<T, Error<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        Error::flat(self.run_until(deadline, operation, sleeper, call).await)
    }

    /// Does ahead what the first call would do: reads the clock, which calibrates it.
    pub fn warm_up(&self) {
        let _ = self.clock.now();
    }
}

impl<const N: usize, C, O> fmt::Debug for Timeouts<N, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeouts").field("told", &self.told).finish_non_exhaustive()
    }
}
