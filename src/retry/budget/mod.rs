//! The budget: retries as a share of the calls, over all who share it, so that no outage is made worse by those who try again.
//!
//! Each first call deposits a part of a token, each retry takes a whole one. (Finagle's `RetryBudget`, Twitter 2016, and "Handling
//! overload" in Google's Site Reliability Engineering, 2016, have the idea.) One atomic word, exact: ten deposits of a tenth
//! make one retry, and no interleaving makes two.

mod policy;
mod word;

use core::fmt;

use crate::cell::Cell;
use crate::lanes::Count;
use crate::observe::{self, Observer};
use crate::sync::{Shown, const_fn};
use crate::time::{Clock, DEFAULT_CLOCK, DefaultClock, Instant, TimeSource};

pub use policy::{Allowed, AllowedBuilder};

use word::{Spent, TOKEN};

/// A budget of retries, shared by all who call one dependency: in a `static` or an `Arc`.
///
/// A deposit into a full budget writes nothing, and reads no clock: in good times it costs two loads. Otherwise each
/// operation is one compare-and-swap, and one clock reading where tokens come by time.
///
/// # Examples
/// ```
/// use fusebox::retry::{Allowed, Budget};
///
/// static BUDGET: Budget = Budget::new(Allowed::ratio(0.1).constant());
///
/// for _ in 0..10 {
///     BUDGET.deposit(); // a first call
/// }
/// assert!(BUDGET.withdraw().is_ok(), "ten calls buy one retry");
/// assert_eq!(BUDGET.withdraw().unwrap_err().refused, 1);
/// ```
pub struct Budget<C = DefaultClock, O = ()> {
    word: Cell,
    /// The latest instant of all: a clock that steps back stands still here.
    latest: Shown,
    refused: Count,
    /// Not zero: in shadow.
    shadow: Shown,
    told: Allowed,
    clock: C,
    observer: O,
}

/// There was no token for a retry.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct NoToken {
    /// The tokens there are: less than one.
    pub balance: f64,
    /// How many retries were refused so far, this one included.
    pub refused: u64,
}

/// What an observer of a budget is told.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum BudgetEvent {
    /// A retry was refused.
    Refused(NoToken),
    /// In shadow: a retry that would have been refused was let through.
    WouldRefuse(NoToken),
}

/// A budget at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BudgetLook {
    /// The tokens there are.
    pub balance: f64,
    /// How many retries were refused so far; in shadow, would have been.
    pub refused: u64,
}

/// Where retries get their tokens: a [`Budget`], one that is borrowed or shared, or `()`, which has always one.
pub trait Allowance {
    /// A first call. `now` is the caller's reading, for a budget without a clock of its own.
    fn deposit(&self, now: Option<Instant>);

    /// A retry: whether there was a token for it.
    fn withdraw(&self, now: Option<Instant>) -> bool;
}

impl Allowance for () {
    #[inline]
    fn deposit(&self, _: Option<Instant>) {}

    #[inline]
    fn withdraw(&self, _: Option<Instant>) -> bool {
        true
    }
}

impl<C: TimeSource, O: Observer<BudgetEvent>> Allowance for Budget<C, O> {
    #[inline]
    fn deposit(&self, now: Option<Instant>) {
        if !self.is_full() {
            self.deposit_at(self.reading(now));
        }
    }

    fn withdraw(&self, now: Option<Instant>) -> bool {
        self.withdraw_at(self.reading(now)).is_ok()
    }
}

impl<B: Allowance + ?Sized> Allowance for &B {
    #[inline]
    fn deposit(&self, now: Option<Instant>) {
        (**self).deposit(now);
    }

    fn withdraw(&self, now: Option<Instant>) -> bool {
        (**self).withdraw(now)
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<B: Allowance + ?Sized> Allowance for alloc::sync::Arc<B> {
    #[inline]
    fn deposit(&self, now: Option<Instant>) {
        (**self).deposit(now);
    }

    fn withdraw(&self, now: Option<Instant>) -> bool {
        (**self).withdraw(now)
    }
}

impl Budget {
    const_fn! {
        /// A budget with the default clock and no observer.
        #[must_use]
        pub const fn new(allowed: Allowed) -> Self {
            Self::with_parts(allowed, DEFAULT_CLOCK, ())
        }
    }
}

impl<C, O> Budget<C, O> {
    const_fn! {
        /// A budget of these parts: for a `static` with an observer or another clock.
        ///
        /// # Examples
        /// ```
        /// use fusebox::retry::{Allowed, Budget};
        /// use fusebox::time::ManualClock;
        ///
        /// static CLOCK: ManualClock = ManualClock::new();
        /// static BUDGET: Budget<&ManualClock> =
        ///     Budget::with_parts(Allowed::ratio(0.0).min_per_second(2).constant(), &CLOCK, ());
        /// CLOCK.advance(core::time::Duration::from_millis(500));
        /// assert!(BUDGET.withdraw().is_ok());
        /// ```
        pub const fn with_parts(allowed: Allowed, clock: C, observer: O) -> Self {
            Self {
                word: Cell::holding(Spent::beginning_with(allowed.initial).word()),
                latest: Shown::zero(),
                refused: Count::zero(),
                shadow: Shown::zero(),
                told: allowed,
                clock,
                observer,
            }
        }
    }

    /// The same budget with this clock. Made before its first use: instants of one clock mean nothing to another.
    #[must_use]
    pub fn with_clock<D>(self, clock: D) -> Budget<D, O> {
        Budget::with_parts(self.told, clock, self.observer)
    }

    /// The same budget, told to this observer. Made before its first use.
    #[must_use]
    pub fn with_observer<D>(self, observer: D) -> Budget<C, D> {
        Budget::with_parts(self.told, self.clock, observer)
    }

    /// Its clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Who is told.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// In shadow it decides, counts and tells what it would have refused, and lets it through. What is let through so takes
    /// no token.
    pub fn set_shadow(&self, on: bool) {
        self.shadow.set(on.into());
    }

    /// Whether it is in shadow.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.shadow.get() != 0
    }

    /// The latest instant so far. Asked for after the word was read (see `word.rs`).
    fn latest(&self) -> u64 {
        self.latest.get()
    }

    /// Whether it is full. Full it stays until somebody takes from it, whatever the clock says.
    #[inline]
    fn is_full(&self) -> bool {
        self.word.view::<Spent>().balance(self.latest(), &self.told) == self.told.capacity
    }

    fn raise(&self, now: Instant) {
        if now.as_nanos() > self.latest.get() {
            self.latest.raise(now.as_nanos());
        }
    }
}

impl<C: Clock, O: Observer<BudgetEvent>> Budget<C, O> {
    /// A first call: deposits its part of a token.
    #[inline]
    pub fn deposit(&self) {
        Allowance::deposit(self, None);
    }

    /// A retry: takes a token.
    ///
    /// # Errors
    /// The facts; then do not try again.
    pub fn withdraw(&self) -> Result<(), NoToken> {
        self.withdraw_at(self.reading(None))
    }

    /// How it stands.
    ///
    /// # Examples
    /// ```
    /// use fusebox::retry::{Allowed, Budget};
    ///
    /// let budget = Budget::new(Allowed::ratio(0.5).initial(2.0).build()?);
    /// budget.deposit();
    /// assert_eq!((budget.look().balance, budget.look().refused), (2.5, 0));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn look(&self) -> BudgetLook {
        self.look_at(self.reading(None))
    }
}

impl<C: TimeSource, O> Budget<C, O> {
    /// Where no token comes by time, time does not matter.
    fn reading(&self, now: Option<Instant>) -> Instant {
        if self.told.rate == 0 { Instant::ORIGIN } else { self.clock.time().or(now).unwrap_or_default() }
    }
}

impl<C, O: Observer<BudgetEvent>> Budget<C, O> {
    /// As `deposit`, at this instant.
    pub fn deposit_at(&self, now: Instant) {
        self.raise(now);
        self.word.apply(|spent: Spent| (spent.with_deposit(self.latest(), &self.told), ()));
    }

    /// As `withdraw`, at this instant.
    ///
    /// # Errors
    /// The facts.
    ///
    /// # Examples
    /// ```
    /// use fusebox::retry::{Allowed, Budget};
    /// use fusebox::time::{Instant, NoClock};
    ///
    /// static BUDGET: Budget<NoClock> =
    ///     Budget::with_parts(Allowed::ratio(0.0).min_per_second(1).constant(), NoClock, ());
    /// assert!(BUDGET.withdraw_at(Instant::from_nanos(999_999_999)).is_err());
    /// assert!(BUDGET.withdraw_at(Instant::from_nanos(1_000_000_000)).is_ok());
    /// ```
    pub fn withdraw_at(&self, now: Instant) -> Result<(), NoToken> {
        self.raise(now);
        let rule = |spent: Spent| spent.without_token(self.latest(), &self.told);
        let Err(spent) = self.word.attempt(rule) else { return Ok(()) };
        let refused = self.refused.add_shared();
        let no_token = NoToken { balance: tokens(spent.balance(self.latest(), &self.told)), refused };
        if self.is_shadow() {
            self.tell(|| BudgetEvent::WouldRefuse(no_token));
            return Ok(());
        }
        self.tell(|| BudgetEvent::Refused(no_token));
        Err(no_token)
    }

    /// As `look`, at this instant.
    #[must_use]
    pub fn look_at(&self, now: Instant) -> BudgetLook {
        let spent: Spent = self.word.view();
        let now = now.as_nanos().max(self.latest());
        BudgetLook { balance: tokens(spent.balance(now, &self.told)), refused: self.refused.get() }
    }

    fn tell(&self, event: impl FnOnce() -> BudgetEvent) {
        if self.observer.listens() {
            // A hook that panics has told what it had to.
            let _ = observe::told(&self.observer, &event());
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn tokens(billionths: u64) -> f64 {
    billionths as f64 / TOKEN as f64
}

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no retry: the budget holds {} of a token", self.balance)
    }
}

impl core::error::Error for NoToken {}

impl fmt::Display for BudgetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(no_token) => no_token.fmt(f),
            Self::WouldRefuse(no_token) => write!(f, "in shadow: {no_token}"),
        }
    }
}

impl<C, O> fmt::Debug for Budget<C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("told", &self.told)
            .field("refused", &self.refused.get())
            .field("shadow", &self.is_shadow())
            .finish_non_exhaustive()
    }
}
