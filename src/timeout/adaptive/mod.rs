//! A limit that finds itself: a quantile of what successful calls take, and a margin.
//!
//! A call that timed out would have taken longer than its limit; who leaves it out sees only the fast ones (right-censoring), and
//! the limit never grows again. It is recorded as what it took at least, and at least as so much that the limit doubles
//! wherever the quantile is a call that timed out. So when all calls time out, the limit grows without bound, to its ceiling; when
//! no more of them do than the quantile leaves out, it stays.

mod policy;
mod run;

use core::fmt;
use core::time::Duration;

use crate::cell::{Cell, Meaning};
use crate::observe::{self, Observer};
use crate::ratio::Ratio;
use crate::sketch::{Sketch, moves_quantiles};
use crate::sync::const_fn;
use crate::time::{Clock, DEFAULT_CLOCK, DefaultClock, Instant, saturating_nanos};
use crate::timeout::Event;

pub use policy::{Adapting, AdaptingBuilder};

/// A limit that follows the calls it limits.
///
/// Shared by all calls of one operation; one that is made anew per call knows nothing. It takes about two kilobytes, in place.
///
/// | do | cost |
/// |---|---|
/// | [`limit`](Self::limit) | one load |
/// | [`record`](Self::record) | one clock reading, two loads, one compare-and-swap; and a walk over the sketch when a bucket has grown by a sixteenth |
/// | [`run`](Self::run) | a load, two clock readings, a record |
///
/// The limit is never below the quantile of what was recorded, times the margin, and at most 12.5 % above it, but for what the bounds
/// cut off, for what is shorter than a microsecond, and for the last records, which it follows when their bucket has grown. Beside
/// other threads it may for a moment be that of a higher quantile.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::{Adapting, AdaptiveTimeout};
///
/// static FETCH: AdaptiveTimeout =
///     AdaptiveTimeout::new(Adapting::from(Duration::from_secs(1)).operation("fetch").constant());
///
/// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
/// # futures::executor::block_on(async {
/// let answer = FETCH.run(&sleep, async { 200 }).await; // `&tokio::time::sleep`, in earnest
/// assert_eq!(answer, Ok(200));
/// # });
/// for _ in 0..100 {
///     FETCH.record(Duration::from_millis(40));
/// }
/// let limit = FETCH.limit();
/// assert!(limit >= Duration::from_millis(80) && limit <= Duration::from_millis(90), "{limit:?}");
/// ```
pub struct AdaptiveTimeout<C = DefaultClock, O = ()> {
    shown: Cell,
    sketch: Sketch,
    told: Adapting,
    clock: C,
    observer: O,
}

/// An adaptive limit at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdaptiveLook {
    /// The limit of the next call.
    pub limit: Duration,
    /// Whether it comes from samples; else it is the initial one.
    pub known: bool,
    /// How much the samples weigh, in whole ones that have not faded.
    pub samples: u64,
}

/// The limit that is shown, in nanoseconds; zero while it is not known.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Limit(u64);

impl Meaning for Limit {
    fn encode(self) -> u64 {
        self.0
    }

    fn decode(word: u64) -> Self {
        Self(word)
    }
}

impl AdaptiveTimeout {
    const_fn! {
        /// One that has seen nothing, with the default clock and no observer. Cannot fail: a policy is checked when it is built.
        #[must_use]
        pub const fn new(adapting: Adapting) -> Self {
            Self::with_parts(adapting, DEFAULT_CLOCK, ())
        }
    }
}

impl<C, O> AdaptiveTimeout<C, O> {
    const_fn! {
        /// One that has seen nothing, of these parts: for a `static` with an observer or another clock.
        ///
        /// # Examples
        /// ```
        /// use core::time::Duration;
        /// use fusebox::time::CoarseClock;
        /// use fusebox::timeout::{Adapting, AdaptiveTimeout};
        ///
        /// static NOW: CoarseClock = CoarseClock::new();
        /// static FETCH: AdaptiveTimeout<&CoarseClock> =
        ///     AdaptiveTimeout::with_parts(Adapting::from(Duration::from_secs(1)).constant(), &NOW, ());
        /// assert_eq!(FETCH.limit(), Duration::from_secs(1));
        /// ```
        pub const fn with_parts(adapting: Adapting, clock: C, observer: O) -> Self {
            Self { shown: Cell::fresh(), sketch: Sketch::new(adapting.fading), told: adapting, clock, observer }
        }
    }

    /// The limit of the next call.
    #[must_use]
    #[inline]
    pub fn limit(&self) -> Duration {
        Duration::from_nanos(self.or_initial(self.shown.view()))
    }

    /// Whether the limit is as long as it may become: calls are slower than they should ever be.
    #[must_use]
    pub fn is_at_ceiling(&self) -> bool {
        self.or_initial(self.shown.view()) >= self.told.ceiling
    }

    /// How it stands.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::timeout::{Adapting, AdaptiveTimeout};
    ///
    /// let fetch = AdaptiveTimeout::new(Adapting::from(Duration::from_secs(1)).minimum_samples(2).build()?);
    /// fetch.record(Duration::from_millis(30));
    /// let look = fetch.look();
    /// assert_eq!((look.limit, look.known, look.samples), (Duration::from_secs(1), false, 1));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn look(&self) -> AdaptiveLook {
        let shown = self.shown.view::<Limit>();
        AdaptiveLook {
            limit: Duration::from_nanos(self.or_initial(shown)),
            known: shown != Limit(0),
            samples: self.sketch.samples(),
        }
    }

    /// Its clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Who is told.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    const fn or_initial(&self, Limit(shown): Limit) -> u64 {
        if shown == 0 { self.told.initial } else { shown }
    }

    /// What the limit should be; nothing while too little is known.
    fn worked_out(&self) -> Option<u64> {
        let quantile = self.sketch.quantile(self.told.quantile)?;
        // Never zero, which would be unknown: neither an edge nor the ceiling is.
        Some(self.told.margin.of(quantile).clamp(self.told.floor, self.told.ceiling))
    }
}

impl<C, O: Observer<Event>> AdaptiveTimeout<C, O> {
    /// As [`record`](Self::record), at this instant.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::time::{Instant, NoClock};
    /// use fusebox::timeout::{Adapting, AdaptiveTimeout};
    ///
    /// static FETCH: AdaptiveTimeout<NoClock> = AdaptiveTimeout::with_parts(
    ///     Adapting::from(Duration::from_secs(1)).minimum_samples(1).margin(1.0).constant(),
    ///     NoClock,
    ///     (),
    /// );
    /// FETCH.record_at(Duration::from_millis(100), Instant::ORIGIN);
    /// assert!(FETCH.limit() >= Duration::from_millis(100) && FETCH.limit() <= Duration::from_micros(112_500));
    /// ```
    pub fn record_at(&self, took: Duration, now: Instant) {
        self.add(saturating_nanos(took), now);
    }

    /// As [`timed_out_after`](Self::timed_out_after), at this instant.
    pub fn timed_out_after_at(&self, limit: Duration, now: Instant) {
        let limit = saturating_nanos(limit);
        // So much that the limit doubles where this is the quantile; and never less than it took.
        let doubling = u128::from(limit) * 2 * u128::from(Ratio::ONE.billionths());
        let doubling = doubling.div_ceil(u128::from(self.told.margin.billionths().max(1)));
        self.add(limit.max(u64::try_from(doubling).unwrap_or(u64::MAX)), now);
    }

    /// As [`timed_out`](Self::timed_out), at this instant.
    pub fn timed_out_at(&self, now: Instant) {
        self.timed_out_after_at(self.limit(), now);
    }

    fn add(&self, nanos: u64, now: Instant) {
        let held = self.sketch.record(nanos, now);
        if self.shown.load() == 0 || moves_quantiles(held) {
            self.refresh();
        }
    }

    /// Works the limit out, shows it, and tells where it moved. Worked out inside the loop: whoever is overtaken looks again,
    /// so that nobody shows what is older than what is shown.
    #[cold]
    fn refresh(&self) {
        let (from, to) = self.shown.apply(|shown: Limit| {
            let next = self.worked_out().map_or(shown, Limit);
            (next, (shown, next))
        });
        if from != to {
            let [from, to] = [from, to].map(|limit| Duration::from_nanos(self.or_initial(limit)));
            self.tell(|| Event::Moved { operation: self.told.operation, from, to });
        }
    }

    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.observer.listens() {
            // A hook that panics has told what it had to.
            let _ = observe::told(&self.observer, &event());
        }
    }
}

impl<C: Clock, O: Observer<Event>> AdaptiveTimeout<C, O> {
    /// A call succeeded, and took so long. Failures say nothing of how long an answer takes: do not record them.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::timeout::{Adapting, AdaptiveTimeout};
    ///
    /// let fetch = AdaptiveTimeout::new(Adapting::from(Duration::from_secs(1)).minimum_samples(1).build()?);
    /// fetch.record(Duration::from_millis(50));
    /// assert!(fetch.limit() >= Duration::from_millis(100));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub fn record(&self, took: Duration) {
        self.record_at(took, self.clock.now());
    }

    /// A call timed out at the present limit. Where the limit may have moved since the call began, say which it was:
    /// [`timed_out_after`](Self::timed_out_after).
    pub fn timed_out(&self) {
        self.timed_out_at(self.clock.now());
    }

    /// A call timed out after so long, at a limit that was this policy's own. One that its caller's deadline had shortened says
    /// nothing: do not record it.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::timeout::{Adapting, AdaptiveTimeout};
    ///
    /// let fetch = AdaptiveTimeout::new(Adapting::from(Duration::from_secs(1)).minimum_samples(1).build()?);
    /// fetch.timed_out_after(Duration::from_secs(1));
    /// assert!(fetch.limit() >= Duration::from_secs(2), "{:?}", fetch.limit());
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub fn timed_out_after(&self, limit: Duration) {
        self.timed_out_after_at(limit, self.clock.now());
    }

    /// Does ahead what the first call would do: reads the clock, which calibrates it.
    pub fn warm_up(&self) {
        let _ = self.clock.now();
    }
}

impl<C, O> fmt::Debug for AdaptiveTimeout<C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AdaptiveLook { limit, known, samples } = self.look();
        f.debug_struct("AdaptiveTimeout")
            .field("limit", &limit)
            .field("known", &known)
            .field("samples", &samples)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
