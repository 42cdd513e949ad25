//! A rate limiter whose state is one atomic word, and its forms for one hot quota on many cores and for many keys.
//!
//! It admits so many cells a period and no more, to the nanosecond: GCRA, the generic cell rate algorithm of ITU-T I.371,
//! counted in units in which the interval between two cells is a whole number. Nothing drifts at any rate.
//!
//! ```
//! use fusebox::limiter::{Decision, Quota, RateLimiter};
//!
//! static PER_PROCESS: RateLimiter = RateLimiter::new(Quota::per_second(50).burst(100).constant());
//!
//! fn handle() -> u16 {
//!     match PER_PROCESS.check() {
//!         Decision::Allowed(_) => 200,
//!         Decision::Denied(denied) => {
//!             eprintln!("Retry-After: {}", denied.retry_after_seconds());
//!             429
//!         }
//!         Decision::NeverFits(_) => 413,
//!     }
//! }
//! assert_eq!(handle(), 200);
//! ```
//!
//! # Which form
//!
//! | form | for | a check costs |
//! |---|---|---|
//! | [`RateLimiter`] (strict) | one quota; a cache line | one clock read, one compare-and-swap; a denial writes nothing |
//! | [`RateLimiter::adjustable`] | one quota that changes under traffic | the same, and a guarded load of the quota |
//! | [`RateLimiter::leased`] | one quota that many cores ask at once | one compare-and-swap on the core's own line, no clock |
//! | [`KeyedRateLimiter`] | a quota for each tenant, user, address | a hash, one clock read, one line of a fixed table |
//! | [`Gcra`] | a word that the caller keeps | arithmetic |
//!
//! # Consistency
//!
//! Each admission is one compare-and-swap, and no interleaving admits a cell beyond `burst + d / T` in any interval of
//! length d, by the instants at which the clock was read (or that were given): a thread that is held up after its reading uses
//! its cell later than that. Reserved cells count at the instant from which they may be used. A clock that is read late or steps back denies rather than admits. (Three exceptions, for those whose clocks step
//! back: while the clock stands before a later admission, a [refund](RateLimiter::refund) may give back too much, a change to a
//! faster quota may forget a part of the debt, and a key that had recovered may be new.)

#[cfg(feature = "std")]
mod adjust;
mod counts;
mod event;
mod form;
mod ip;
#[cfg(feature = "alloc")]
mod keyed;
#[cfg(feature = "alloc")]
mod lease;
mod notes;
mod outcome;
mod policy;
mod rules;
mod scale;
mod state;
#[cfg(all(test, not(fusebox_loom)))]
mod tests;
mod wait;
mod word;

use core::fmt;
use core::time::Duration;

use crate::observe::{self, Observer};
use crate::sync::const_fn;
use crate::time::{Clock, DEFAULT_CLOCK, DefaultClock, Instant, TimeSource};

#[cfg(feature = "std")]
pub use adjust::Adjustable;
pub use counts::{Counters, Counting, Counts};
pub use event::Event;
pub use form::{Form, Strict};
pub use ip::{IpKey, IpKeys};
#[cfg(feature = "alloc")]
pub use keyed::{ByFunction, Keyed, KeyedCounts, KeyedRateLimiter, OneTier, Tiers, WhenFull};
#[cfg(feature = "alloc")]
pub use lease::{Leased, Leases};
pub use outcome::{Allowed, Decision, Denied, Level, NeverFits, Refused, Reservation};
pub use policy::{Quota, QuotaBuilder};
pub use state::Gcra;

use counts::Kind;
use notes::Notes;

/// A rate limiter; see the [module](self).
///
/// | parameter | what | unless told otherwise |
/// |---|---|---|
/// | `F` | the [`Form`]: [`Strict`], `Adjustable`, `Leased` | [`Strict`] |
/// | `C` | a [`Clock`] | `StdClock`; without `std` none, and the `…_at(now)` methods |
/// | `O` | an [`Observer`] of [`Event`]s | `()`: nobody |
/// | `N` | [`Counters`] | `()`: it does not count |
pub struct RateLimiter<F: Form = Strict, C = DefaultClock, O = (), N = ()> {
    form: F,
    notes: Notes,
    clock: C,
    observer: O,
    counters: N,
}

const _: () =
    assert!(size_of::<RateLimiter>() <= 64 || cfg!(fusebox_loom), "the strict limiter fits a cache line");

impl RateLimiter {
    const_fn! {
        /// A full limiter with the default clock, no observer, no counters. Cannot fail: a quota is checked when it is
        /// built.
        #[must_use]
        pub const fn new(quota: Quota) -> Self {
            Self::with_parts(quota, DEFAULT_CLOCK, (), ())
        }
    }
}

impl<C, O, N> RateLimiter<Strict, C, O, N> {
    const_fn! {
        /// A full limiter of these parts: for a `static` with an observer, counters or another clock.
        ///
        /// # Examples
        /// ```
        /// use fusebox::limiter::{Counters, Quota, RateLimiter, Strict};
        /// use fusebox::time::CoarseClock;
        ///
        /// static NOW: CoarseClock = CoarseClock::new();
        /// static LIMITER: RateLimiter<Strict, &CoarseClock, (), Counters> =
        ///     RateLimiter::with_parts(Quota::per_second(50).constant(), &NOW, (), Counters::new());
        /// assert!(LIMITER.check().is_allowed());
        /// ```
        pub const fn with_parts(quota: Quota, clock: C, observer: O, counters: N) -> Self {
            Self::of(Strict::new(quota), clock, observer, counters)
        }
    }
}

impl<F: Form, C, O, N> RateLimiter<F, C, O, N> {
    const_fn! {
        const fn of(form: F, clock: C, observer: O, counters: N) -> Self {
            Self { form, notes: Notes::none(), clock, observer, counters }
        }
    }

    /// The same limiter with this clock. Made before its first use, while it is full.
    #[must_use]
    pub fn with_clock<D>(self, clock: D) -> RateLimiter<F, D, O, N> {
        RateLimiter {
            form: self.form,
            notes: self.notes,
            clock,
            observer: self.observer,
            counters: self.counters,
        }
    }

    /// The same limiter, told to this observer.
    #[must_use]
    pub fn with_observer<D>(self, observer: D) -> RateLimiter<F, C, D, N> {
        RateLimiter {
            form: self.form,
            notes: self.notes,
            clock: self.clock,
            observer,
            counters: self.counters,
        }
    }

    /// The same limiter with [`Counters`].
    #[must_use]
    pub fn counted(self) -> RateLimiter<F, C, O, Counters> {
        let counters = Counters::new();
        RateLimiter {
            form: self.form,
            notes: self.notes,
            clock: self.clock,
            observer: self.observer,
            counters,
        }
    }

    /// What it was told.
    pub fn quota(&self) -> Quota {
        self.form.quota()
    }

    /// Its clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Who is told.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// In shadow it decides, counts and tells what it would have refused, and lets it through. What is let through so
    /// holds no cells.
    ///
    /// # Examples
    /// ```
    /// use fusebox::limiter::{Quota, RateLimiter};
    ///
    /// let limiter = RateLimiter::new(Quota::per_hour(1).constant()).counted();
    /// limiter.set_shadow(true);
    /// assert!((0..5).all(|_| limiter.check().is_allowed()));
    /// assert_eq!(limiter.counts().shadowed, 4);
    /// ```
    pub fn set_shadow(&self, on: bool) {
        self.notes.set_shadow(on);
    }

    /// Whether it is in shadow.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.notes.shadow()
    }
}

impl<F: Form, C, O, const LANES: usize> RateLimiter<F, C, O, Counters<LANES>> {
    /// What it did so far, as sums over its lanes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }
}

impl<F: Form, C: Clock, O: Observer<Event>, N: Counting> RateLimiter<F, C, O, N> {
    /// Takes a cell, if there is one.
    #[inline]
    pub fn check(&self) -> Decision {
        self.check_n(1)
    }

    /// Takes `n` cells, all or none. None are always there, and change nothing.
    #[inline]
    pub fn check_n(&self, n: u32) -> Decision {
        self.decide(n, || self.clock.now())
    }

    /// What is left; changes nothing.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::limiter::{Quota, RateLimiter};
    /// use fusebox::time::ManualClock;
    ///
    /// let clock = ManualClock::new();
    /// let limiter = RateLimiter::new(Quota::per_second(10).burst(5).build()?).with_clock(&clock);
    /// assert!(limiter.check_n(2).is_allowed());
    /// let level = limiter.peek();
    /// assert_eq!((level.remaining(), level.full_in()), (3, Duration::from_millis(200)));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn peek(&self) -> Level {
        self.peek_at(self.clock.now())
    }

    /// Takes `n` cells now, to be used after a wait of `longest` at most.
    ///
    /// Of a leased limiter: from the centre if it has them now, else from the leases if they have, else from what the centre
    /// will have.
    ///
    /// # Errors
    /// The facts of the refusal: the wait would be longer, or there never are so many at once.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::limiter::{Quota, RateLimiter};
    /// use fusebox::time::ManualClock;
    ///
    /// let clock = ManualClock::new();
    /// let limiter = RateLimiter::new(Quota::per_second(10).burst(1).build()?).with_clock(&clock);
    /// assert!(limiter.check().is_allowed());
    /// let reserved = limiter.reserve(1, Duration::from_secs(1)).unwrap();
    /// assert_eq!(reserved.wait(), Duration::from_millis(100));
    /// assert_eq!(limiter.refund(reserved), 1, "not needed after all");
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub fn reserve(&self, n: u32, longest: Duration) -> Result<Reservation, Refused> {
        self.reserve_at(n, longest, self.clock.now())
    }

    /// Gives back what a reservation has not used up yet: of its cells those that the quota would not have refilled by
    /// now anyway. Tells how many whole cells that were.
    ///
    /// Others that wait behind it keep their instants, and while they do it gives back nothing: its place in the queue stays
    /// empty, since a newcomer's would be one of theirs. Of a leased limiter: what came out of a lease is not given back. Only
    /// for a reservation of this very limiter.
    #[expect(clippy::needless_pass_by_value, reason = "what was refunded is not refunded again")]
    pub fn refund(&self, reservation: Reservation) -> u32 {
        self.give_back(&reservation, || self.clock.now())
    }

    /// Does ahead what the first call would do: reads the clock, which calibrates it.
    pub fn warm_up(&self) {
        let _ = self.clock.now();
    }
}

impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> RateLimiter<F, C, O, N> {
    /// As `check`, at this instant: the limiter's clock is not read.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::limiter::{Quota, RateLimiter, Strict};
    /// use fusebox::time::{Instant, NoClock};
    ///
    /// static LIMITER: RateLimiter<Strict, NoClock> =
    ///     RateLimiter::with_parts(Quota::per_second(10).burst(1).constant(), NoClock, (), ());
    /// assert!(LIMITER.check_at(Instant::ORIGIN).is_allowed());
    /// let denied = LIMITER.check_at(Instant::from_nanos(30_000_000));
    /// assert_eq!(denied.retry_after(), Some(Duration::from_millis(70)));
    /// ```
    #[inline]
    pub fn check_at(&self, now: Instant) -> Decision {
        self.check_n_at(1, now)
    }

    /// As `check_n`, at this instant.
    #[inline]
    pub fn check_n_at(&self, n: u32, now: Instant) -> Decision {
        self.decide(n, || now)
    }

    /// As `peek`, at this instant.
    #[must_use]
    pub fn peek_at(&self, now: Instant) -> Level {
        self.form.level(now)
    }

    /// As `reserve`, at this instant.
    ///
    /// # Errors
    /// The facts of the refusal.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::limiter::{Quota, RateLimiter};
    /// use fusebox::time::Instant;
    ///
    /// let limiter = RateLimiter::new(Quota::per_second(10).burst(1).build()?);
    /// let now = Instant::from_nanos(7);
    /// let first = limiter.reserve_at(1, Duration::ZERO, now).unwrap();
    /// let second = limiter.reserve_at(1, Duration::from_secs(1), now).unwrap();
    /// assert_eq!((first.wait(), second.wait()), (Duration::ZERO, Duration::from_millis(100)));
    /// assert_eq!(limiter.refund_at(second, now), 1);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub fn reserve_at(&self, n: u32, longest: Duration, now: Instant) -> Result<Reservation, Refused> {
        match self.form.reserve(n, longest, now, &self.notes) {
            Ok(reservation) => {
                self.count_admitted(n);
                Ok(reservation)
            }
            Err(refused) if self.refuse(n, refused) => {
                Ok(Reservation { cells: n, made: now, due: now, after: None, regime: 0, refunded: 0 })
            }
            Err(refused) => Err(refused),
        }
    }

    /// As `refund`, at this instant.
    #[expect(clippy::needless_pass_by_value, reason = "what was refunded is not refunded again")]
    pub fn refund_at(&self, reservation: Reservation, now: Instant) -> u32 {
        self.give_back(&reservation, || now)
    }

    #[inline]
    fn decide(&self, n: u32, clock: impl Fn() -> Instant) -> Decision {
        self.settled(n, self.form.admit(n, &clock), clock)
    }

    /// Counts and tells what a form has decided.
    #[inline]
    fn settled(&self, n: u32, decision: Decision, clock: impl Fn() -> Instant) -> Decision {
        let (refused, seen) = match decision {
            Decision::Allowed(_) => {
                self.count_admitted(n);
                return decision;
            }
            Decision::Denied(denied) => (Refused::Denied(denied), Some(Instant::from_nanos(denied.now))),
            Decision::NeverFits(never) => (Refused::NeverFits(never), None),
        };
        if self.refuse(n, refused) {
            let left = outcome::Left::Word(self.form.level(seen.unwrap_or_else(clock)));
            return Decision::Allowed(Allowed { left, shadowed: true });
        }
        decision
    }

    fn give_back(&self, reservation: &Reservation, clock: impl FnMut() -> Instant) -> u32 {
        let cells = self.form.refund(reservation, clock, &self.notes);
        self.counters.add(Kind::Refunded, cells.into());
        cells
    }

    #[inline]
    fn count_admitted(&self, n: u32) {
        self.counters.add(Kind::Admitted, 1);
        self.counters.add(Kind::Cells, n.into());
    }

    /// Counts and tells a refusal; says whether it is let through all the same.
    #[inline]
    fn refuse(&self, cells: u32, why: Refused) -> bool {
        if self.is_shadow() {
            self.counters.add(Kind::Admitted, 1);
            self.counters.add(Kind::Shadowed, 1);
            self.tell(|| Event::WouldRefuse { cells, why });
            return true;
        }
        self.counters.add(if let Refused::Denied(_) = why { Kind::Denied } else { Kind::NeverFits }, 1);
        self.tell(|| Event::Refused { cells, why });
        false
    }

    #[inline]
    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.observer.listens() {
            self.notice(&event());
        }
    }

    #[cold]
    fn notice(&self, event: &Event) {
        if !observe::told(&self.observer, event) {
            self.counters.add(Kind::HookPanicked, 1);
        }
    }
}

impl<F: Form, C: TimeSource, O, N> fmt::Debug for RateLimiter<F, C, O, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RateLimiter");
        shown.field("quota", &self.form.quota()).field("shadow", &self.is_shadow());
        if let Some(now) = self.clock.time() {
            shown.field("level", &self.form.level(now));
        }
        shown.finish_non_exhaustive()
    }
}
