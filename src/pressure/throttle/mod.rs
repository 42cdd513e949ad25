//! The client's side: a throttle that asks less of a service that refuses, before the service has to.
//!
//! Adaptive throttling of Google's Site Reliability Engineering, chapter 21 ("Handling Overload"): with so many requests asked for in the
//! last two minutes, and so many of them accepted by the service, the next one is thrown away here with the probability
//! `max(0, (requests - K * accepts) / (requests + 1))`. A request that is thrown away counts as a request, so that the service is
//! asked the less the longer it refuses, and yet always now and then.
//!
//! Recovery feeds on what is accepted, and takes its time: once the service accepts all again, what is sent grows by half every
//! quarter of the window (with K = 2). After a window in which nothing was accepted, that is four to eight windows at some hundred
//! requests a second. A shorter window, or a greater K, is back sooner.

mod policy;
#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests;
mod word;

use core::fmt;

use crate::cell::{Cell, Meaning};
use crate::lanes::CachePadded;
use crate::observe::{self, Observer};
use crate::random;
use crate::refusal::{By, MayRefuse, Refusal};
use crate::sync::{Shown, const_fn};
use crate::time::{Clock, DEFAULT_CLOCK, DefaultClock, Instant};

pub use policy::{Throttling, ThrottlingBuilder};

use word::Slice;

/// A window is so many slices.
const SLICES: usize = 8;

/// A throttle for a client of one service.
///
/// Shared by all that call the service; one that is made anew per call has seen no call, and throttles nothing.
///
/// # Examples
/// ```
/// use fusebox::pressure::{Throttle, Throttling};
///
/// let throttle = Throttle::new(Throttling::new().seed(7).build()?);
/// let mut sent = 0;
/// for _ in 0..1_000 {
///     if let Ok(attempt) = throttle.ask() {
///         sent += 1;
///         drop(attempt); // 503 from the service
///     }
/// }
/// assert!(sent < 20, "{sent}");
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
pub struct Throttle<C = DefaultClock, O = ()> {
    slices: CachePadded<[Cell; SLICES]>,
    drawn: Cell,
    /// The latest instant: a clock that steps back stands still here.
    latest: Shown,
    /// Not zero: in shadow.
    shadow: Shown,
    told: Throttling,
    clock: C,
    observer: O,
}

/// A request that may be sent. Say when the service took it; one that is dropped was not accepted, for whatever reason: it was
/// refused, timed out, or never arrived.
///
/// # Examples
/// ```
/// use fusebox::pressure::{Throttle, Throttling};
///
/// let throttle = Throttle::new(Throttling::new().build()?);
/// let attempt = throttle.ask().unwrap();
/// let status = 404; // an answer, if not a welcome one
/// if status != 429 && status != 503 {
///     attempt.accepted();
/// }
/// assert_eq!(throttle.look().accepts, 1);
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[must_use = "say when the service accepted it: dropped, it was not"]
pub struct Attempt<'a, C, O> {
    throttle: &'a Throttle<C, O>,
    /// In shadow it would have been thrown away: what becomes of it says nothing.
    shadowed: bool,
}

/// A request that was thrown away, for the service refuses too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttled {
    /// Requests in the window, this one not included.
    pub requests: u64,
    /// How many of them the service accepted.
    pub accepts: u64,
}

/// What an observer of a throttle is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThrottleEvent {
    /// A request was thrown away.
    Throttled(Throttled),
    /// In shadow: a request that would have been thrown away was let through.
    WouldThrottle(Throttled),
}

/// A throttle at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ThrottleLook {
    /// Requests in the window.
    pub requests: u64,
    /// How many of them the service accepted.
    pub accepts: u64,
    /// With which probability the next one is thrown away.
    pub probability: f64,
}

/// How many numbers were drawn.
#[derive(Clone, Copy)]
struct Drawn(u64);

impl Meaning for Drawn {
    fn encode(self) -> u64 {
        self.0
    }

    fn decode(word: u64) -> Self {
        Self(word)
    }
}

impl Throttle {
    const_fn! {
        /// A throttle that has seen nothing, with the default clock and no observer.
        #[must_use]
        pub const fn new(throttling: Throttling) -> Self {
            Self::with_parts(throttling, DEFAULT_CLOCK, ())
        }
    }
}

impl<C, O> Throttle<C, O> {
    #[cfg(not(fusebox_loom))]
    /// A throttle that has seen nothing, of these parts: for a `static` with an observer or another clock.
    pub const fn with_parts(throttling: Throttling, clock: C, observer: O) -> Self {
        let slices = CachePadded::new([const { Cell::fresh() }; SLICES]);
        Self {
            slices,
            drawn: Cell::fresh(),
            latest: Shown::zero(),
            shadow: Shown::zero(),
            told: throttling,
            clock,
            observer,
        }
    }

    #[cfg(fusebox_loom)]
    /// A throttle that has seen nothing, of these parts.
    pub fn with_parts(throttling: Throttling, clock: C, observer: O) -> Self {
        let slices = CachePadded::new(core::array::from_fn(|_| Cell::fresh()));
        Self {
            slices,
            drawn: Cell::fresh(),
            latest: Shown::zero(),
            shadow: Shown::zero(),
            told: throttling,
            clock,
            observer,
        }
    }

    /// In shadow it decides and tells what it would have thrown away, and lets it through.
    pub fn set_shadow(&self, on: bool) {
        self.shadow.set(on.into());
    }

    /// Whether it is in shadow.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.shadow.get() != 0
    }

    fn slice(&self, now: Instant) -> u64 {
        now.as_nanos().max(self.latest.get()) / self.told.slice
    }

    fn add(&self, now: Instant, requests: u64, accepts: u64) {
        if now.as_nanos() > self.latest.get() {
            self.latest.raise(now.as_nanos());
        }
        let now = self.slice(now);
        #[expect(clippy::cast_possible_truncation, reason = "a remainder by the number of slices")]
        if let Some(cell) = self.slices.get((now % SLICES as u64) as usize) {
            cell.apply(|slice: Slice| (slice.with(now, requests, accepts), ()));
        }
    }

    /// Requests and accepts in the window.
    fn sums(&self, now: Instant) -> (u64, u64) {
        let now = self.slice(now);
        self.slices
            .iter()
            .map(Cell::view::<Slice>)
            .filter(|slice| slice.age(now) < SLICES as u64)
            .fold((0, 0), |(requests, accepts), slice| (requests + slice.requests, accepts + slice.accepts))
    }

    /// By how many the requests are too many.
    fn excess(&self, requests: u64, accepts: u64) -> u64 {
        requests.saturating_sub(self.told.ratio.of(accepts))
    }

    fn seed(&self) -> u64 {
        #[cfg(feature = "std")]
        return self.told.seed.unwrap_or_else(random::process_seed);
        #[cfg(not(feature = "std"))]
        return self.told.seed.unwrap_or_default();
    }

    /// Whether the next request is thrown away: as often as `excess` in `requests + 1`.
    fn draws(&self, excess: u64, requests: u64) -> bool {
        let position = self.drawn.apply(|Drawn(drawn)| (Drawn(drawn.wrapping_add(1)), drawn));
        random::up_to(requests, random::number(self.seed(), position)) < excess
    }
}

impl<C: Clock, O: Observer<ThrottleEvent>> Throttle<C, O> {
    /// Whether to send a request.
    ///
    /// # Errors
    /// The facts: then do not send it, and do not try it again at once.
    pub fn ask(&self) -> Result<Attempt<'_, C, O>, Throttled> {
        self.ask_at(self.clock.now())
    }

    /// How it stands.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Throttle, Throttling};
    ///
    /// let throttle = Throttle::new(Throttling::new().build()?);
    /// drop(throttle.ask()); // in vain
    /// let look = throttle.look();
    /// assert_eq!((look.requests, look.accepts, look.probability), (1, 0, 0.5));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn look(&self) -> ThrottleLook {
        self.look_at(self.clock.now())
    }

    /// Does ahead what the first call would do: reads the clock, which calibrates it, and draws the seed.
    pub fn warm_up(&self) {
        let _ = (self.clock.now(), self.seed());
    }
}

impl<C, O: Observer<ThrottleEvent>> Throttle<C, O> {
    /// As `ask`, at this instant.
    ///
    /// # Errors
    /// The facts.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Throttle, Throttling};
    /// use fusebox::time::{Instant, NoClock};
    ///
    /// static THROTTLE: Throttle<NoClock> = Throttle::with_parts(Throttling::new().seed(1).constant(), NoClock, ());
    /// let now = Instant::from_nanos(5);
    /// THROTTLE.ask_at(now).unwrap().accepted_at(now);
    /// assert_eq!(THROTTLE.look_at(now).probability, 0.0);
    /// ```
    pub fn ask_at(&self, now: Instant) -> Result<Attempt<'_, C, O>, Throttled> {
        let (requests, accepts) = self.sums(now);
        self.add(now, 1, 0);
        let excess = self.excess(requests, accepts);
        if excess == 0 || !self.draws(excess, requests) {
            return Ok(Attempt { throttle: self, shadowed: false });
        }
        let throttled = Throttled { requests, accepts };
        if self.is_shadow() {
            self.tell(|| ThrottleEvent::WouldThrottle(throttled));
            return Ok(Attempt { throttle: self, shadowed: true });
        }
        self.tell(|| ThrottleEvent::Throttled(throttled));
        Err(throttled)
    }

    /// As `look`, at this instant.
    #[must_use]
    pub fn look_at(&self, now: Instant) -> ThrottleLook {
        let (requests, accepts) = self.sums(now);
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let probability = self.excess(requests, accepts) as f64 / (requests + 1) as f64;
        ThrottleLook { requests, accepts, probability }
    }

    fn tell(&self, event: impl FnOnce() -> ThrottleEvent) {
        if self.observer.listens() {
            // A hook that panics has told what it had to.
            let _ = observe::told(&self.observer, &event());
        }
    }
}

impl<C: Clock, O> Attempt<'_, C, O> {
    /// The service took it, whatever it answered.
    pub fn accepted(self) {
        let now = self.throttle.clock.now();
        self.accepted_at(now);
    }
}

impl<C, O> Attempt<'_, C, O> {
    /// As `accepted`, at this instant.
    pub fn accepted_at(self, now: Instant) {
        if !self.shadowed {
            self.throttle.add(now, 0, 1);
        }
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "throttled: of {} requests the service accepted {}", self.requests, self.accepts)
    }
}

impl core::error::Error for Throttled {}

impl MayRefuse for Throttled {
    fn refusal(&self) -> Option<Refusal> {
        Some(Refusal { by: By::Throttle, retry_after: None })
    }
}

impl fmt::Display for ThrottleEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttled(throttled) => throttled.fmt(f),
            Self::WouldThrottle(throttled) => write!(f, "in shadow: {throttled}"),
        }
    }
}

impl<C, O> fmt::Debug for Attempt<'_, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}

impl<C, O> fmt::Debug for Throttle<C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("told", &self.told)
            .field("shadow", &self.is_shadow())
            .finish_non_exhaustive()
    }
}
