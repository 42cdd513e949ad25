//! A circuit breaker whose state is one atomic word.
//!
//! It watches the calls to one dependency. When too many fail it opens: calls are rejected at once, in nanoseconds,
//! instead of waiting for what will not come. After a while it lets a few probes through, and closes when they
//! succeed. (The pattern: Michael Nygard, "Release It!", 2007.)
//!
//! ```
//! use core::time::Duration;
//! use fusebox::breaker::{CircuitBreaker, Error, Policy};
//!
//! static IDENTITY: CircuitBreaker = CircuitBreaker::new(
//!     Policy::consecutive_failures(5).open_duration(Duration::from_secs(10)).constant(),
//! );
//!
//! fn introspect(token: &str) -> Result<String, std::io::Error> {
//!     Ok(format!("owner of {token}")) // the real call
//! }
//!
//! match IDENTITY.call(|| introspect("abc")) {
//!     Ok(owner) => println!("{owner}"),
//!     Err(Error::Rejected(rejected)) => println!("not asked: {rejected}"),
//!     Err(Error::Inner(error)) => println!("asked, and failed: {error}"),
//! }
//! ```
//!
//! # One breaker per dependency
//!
//! A breaker learns from the calls that go through *it*. Make one for each dependency, in a `static` or an `Arc`, and
//! share it. One made per request, per message or per connection starts closed each time, sees a single call, and
//! never opens: it costs something and protects nothing. One shared by two dependencies rejects calls to the healthy
//! one because of the other.
//!
//! # What it costs
//!
//! | operation | cost |
//! |---|---|
//! | closed, success, consecutive policy | two loads of the word, nothing written, no clock read |
//! | closed, success, window by count | the same, and one store to the thread's own cache line |
//! | closed, success, window by time | the same, and one clock read |
//! | a slow limit | one clock read at the start and one at the end |
//! | a failure that does not open it | one compare-and-swap |
//! | a failure under a rate | the window is summed: a word for 12 calls, or 64 words a lane and 128 shared ones |
//! | a rejection while open | one clock read, three loads, nothing written |
//! | counting ([`CircuitBreaker::counted`]) | one store to the thread's own cache line each |
//!
//! # Consistency
//!
//! Every change of state is one compare-and-swap, and has one winner, who tells the observer. Permits are stamped with
//! the generation of the state that gave them; an outcome of an older one changes nothing. Rejections and gauges may
//! be a moment old. Instants stand in companion words that the winner publishes after its swap; who comes in between
//! is rejected, without `retry_after`.

mod admit;
mod builder;
mod check;
#[cfg(feature = "alloc")]
mod count_window;
mod counts;
mod event;
mod future;
mod hand;
mod instants;
mod outcome;
mod permit;
mod plan;
mod policy;
mod record;
mod refusal;
mod rules;
mod snapshot;
#[cfg(feature = "stream")]
mod stream;
#[cfg(feature = "alloc")]
mod time_window;
mod window;
#[cfg_attr(not(any(fusebox_loom, fusebox_fuzz)), expect(unreachable_pub, reason = "`proof` shows the view"))]
mod word;

/// The word, for those who prove things about it.
#[cfg(any(fusebox_loom, fusebox_fuzz))]
#[doc(hidden)]
pub mod proof {
    pub use super::word::{Generation, Mode, View};
    use crate::cell::Meaning as _;

    pub fn decode(word: u64) -> View {
        View::decode(word)
    }

    pub fn encode(view: View) -> u64 {
        view.encode()
    }

    pub const fn generation(number: u16) -> Generation {
        Generation(number)
    }
}

#[cfg(all(test, not(fusebox_loom)))]
mod tests;

use core::{fmt, mem};

use crate::cell::Cell;
use crate::observe::Observer;
use crate::sync::const_fn;
use crate::time::{Clock, DEFAULT_CLOCK, DefaultClock, Instant, TimeSource};

pub use builder::{Full, Plain, PolicyBuilder};
pub use counts::{Counters, Counting, Counts};
pub use event::{Change, Event, Failure, NearTrip, Why};
pub use hand::Status;
pub use outcome::{Classify, Error, ErrorsFail, FailureKind, Rejected, State, Verdict};
pub use permit::{Holder, Permit};
pub use plan::Plan;
pub use policy::{FullPolicy, Policy, Window};
pub use snapshot::{RestoreError, Snapshot, WindowSnapshot};
#[cfg(feature = "stream")]
pub use stream::GuardedStream;

use counts::Kind;
use instants::Instants;
pub(crate) use permit::Pass;
use permit::{Grant, Unwinding};
use record::Ending;
use window::Remember as _;
use word::{Generation, View};

/// A circuit breaker; see the [module](self).
///
/// | parameter | what | unless told otherwise |
/// |---|---|---|
/// | `P` | [`Policy`] (one cache line in all) or [`FullPolicy`] | [`Policy`] |
/// | `C` | a [`Clock`] | `StdClock`; without `std` none, and the `…_at(now)` methods |
/// | `O` | an [`Observer`] of [`Event`]s | `()`: nobody |
/// | `N` | [`Counters`] | `()`: it does not count |
pub struct CircuitBreaker<P: Plan = Policy, C = DefaultClock, O = (), N = ()> {
    word: Cell,
    instants: Instants,
    policy: P,
    memory: P::Memory,
    clock: C,
    observer: O,
    counters: N,
}

const _: () =
    assert!(size_of::<CircuitBreaker>() <= 64 || cfg!(fusebox_loom), "the plain breaker fits a cache line");

impl<P: Plan> CircuitBreaker<P> {
    const_fn! {
        /// A closed breaker with the default clock, no observer, no counters. Cannot fail: a policy is checked when
        /// it is built.
        #[must_use]
        pub const fn new(policy: P) -> Self {
            Self::with_parts(policy, DEFAULT_CLOCK, (), ())
        }
    }
}

impl<P: Plan, C, O, N> CircuitBreaker<P, C, O, N> {
    const_fn! {
        /// A closed breaker of these parts: for a `static` with an observer, counters or another clock.
        ///
        /// # Examples
        /// ```
        /// use fusebox::breaker::{CircuitBreaker, Counters, Policy};
        /// use fusebox::time::CoarseClock;
        ///
        /// static NOW: CoarseClock = CoarseClock::new();
        /// static BREAKER: CircuitBreaker<Policy, &CoarseClock, (), Counters> = CircuitBreaker::with_parts(
        ///     Policy::consecutive_failures(5).constant(), &NOW, (), Counters::new());
        /// assert!(BREAKER.call(|| Ok::<_, ()>(())).is_ok());
        /// ```
        pub const fn with_parts(policy: P, clock: C, observer: O, counters: N) -> Self {
            Self {
                word: Cell::fresh(),
                instants: Instants::fresh(),
                policy,
                memory: P::FRESH,
                clock,
                observer,
                counters,
            }
        }
    }

    /// The same breaker with this clock.
    #[must_use]
    pub fn with_clock<D>(self, clock: D) -> CircuitBreaker<P, D, O, N> {
        CircuitBreaker::with_parts(self.policy, clock, self.observer, self.counters)
    }

    /// The same breaker, told to this observer.
    #[must_use]
    pub fn with_observer<D>(self, observer: D) -> CircuitBreaker<P, C, D, N> {
        CircuitBreaker::with_parts(self.policy, self.clock, observer, self.counters)
    }

    /// The same breaker with [`Counters`].
    #[must_use]
    pub fn counted(self) -> CircuitBreaker<P, C, O, Counters> {
        CircuitBreaker::with_parts(self.policy, self.clock, self.observer, Counters::new())
    }

    /// What it was told.
    pub const fn policy(&self) -> &P {
        &self.policy
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

impl<P: Plan, C, O, const LANES: usize> CircuitBreaker<P, C, O, Counters<LANES>> {
    /// What it did so far, as sums over its lanes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }
}

impl<P: Plan, C: Clock, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// Does ahead what the first calls would do: reads the clock (which calibrates it) and allocates the window.
    pub fn warm_up(&self) {
        let _ = self.clock.now();
        self.memory.warm_up(self.policy.rate());
    }

    /// Makes this call, if the breaker lets it through. Every `Ok` is a success, every `Err` a failure, a panic a
    /// failure of kind `Panic`.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(3).constant());
    /// assert_eq!(breaker.call(|| "7".parse::<u8>()).unwrap(), 7);
    /// let error = breaker.call(|| "x".parse::<u8>()).unwrap_err();
    /// assert!(error.into_inner().is_some(), "the call was made, and gave this error");
    /// ```
    #[inline(always)]
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, Error<E>> {
        self.call_with(ErrorsFail, call)
    }

    /// As [`call`](Self::call); `classify` says what of the results is a success, a failure, or neither.
    #[inline(always)]
    #[expect(clippy::needless_pass_by_value, reason = "a closure is handed over, as everywhere")]
    pub fn call_with<T, E>(
        &self,
        classify: impl Classify<T, E>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, Error<E>> {
        let word = self.word.load();
        // Two paths stand apart, so that they stay in registers: a closed breaker's, and an open one's rejection.
        if word::is_closed(word) && self.policy.base().slow_nanos().is_none() {
            return self.call_while_closed(word::generation(word), &classify, call);
        }
        let mut at = None;
        if let Some(generation) = word::plainly_open(word) {
            let now = self.instant(None);
            if let Some(refusal) = self.refuse_while_open(generation, now.as_nanos()) {
                return Err(Error::Rejected(self.reject(refusal)));
            }
            at = Some(now);
        }
        self.call_with_care(&classify, call, at)
    }

    #[inline(always)]
    fn call_while_closed<T, E>(
        &self,
        generation: Generation,
        classify: &impl Classify<T, E>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, Error<E>> {
        self.counters.add(Kind::Admitted);
        let panics = CallPanics { breaker: self, generation };
        let result = call();
        let verdict = classify.classify(&result);
        // From here on nothing of the caller's runs.
        mem::forget(panics);
        self.end_closed(generation, verdict);
        result.map_err(Error::Inner)
    }

    /// Out of line, with the caller's own place for the result: one that several paths share is written and read in
    /// different sizes, and waits for the store buffer.
    #[inline(never)]
    fn call_with_care<T, E>(
        &self,
        classify: &impl Classify<T, E>,
        call: impl FnOnce() -> Result<T, E>,
        at: Option<Instant>,
    ) -> Result<T, Error<E>> {
        let permit = Permit::new(self, self.admit(Unwinding::HeldByCall, at)?);
        let result = call();
        permit.record(classify.classify(&result));
        result.map_err(Error::Inner)
    }

    /// Asks for a permit, for those who say the outcome by hand.
    ///
    /// # Errors
    /// The facts of the rejection.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(3).constant());
    /// let permit = breaker.acquire()?;
    /// // … the call …
    /// permit.success();
    /// # Ok::<(), fusebox::breaker::Rejected>(())
    /// ```
    #[inline]
    pub fn acquire(&self) -> Result<Permit<&Self>, Rejected> {
        Ok(Permit::new(self, self.admit(Unwinding::now(), None)?))
    }

    /// As [`acquire`](Self::acquire), with a permit that holds the breaker and may outlive the borrow.
    ///
    /// # Errors
    /// The facts of the rejection.
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    pub fn acquire_owned(self: &alloc::sync::Arc<Self>) -> Result<Permit<alloc::sync::Arc<Self>>, Rejected> {
        let pass = self.admit(Unwinding::now(), None)?;
        Ok(Permit::new(alloc::sync::Arc::clone(self), pass))
    }
}

impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// As `acquire`, at this instant: the breaker's clock is not read.
    ///
    /// # Errors
    /// The facts of the rejection.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy};
    /// use fusebox::time::{Instant, NoClock};
    ///
    /// static BREAKER: CircuitBreaker<Policy, NoClock> =
    ///     CircuitBreaker::with_parts(Policy::consecutive_failures(1).constant(), NoClock, (), ());
    ///
    /// let permit = BREAKER.acquire_at(Instant::from_nanos(5_000))?;
    /// permit.failure_at(Instant::from_nanos(9_000));
    /// assert!(BREAKER.acquire_at(Instant::from_nanos(10_000)).is_err());
    /// # Ok::<(), fusebox::breaker::Rejected>(())
    /// ```
    #[inline]
    pub fn acquire_at(&self, now: Instant) -> Result<Permit<&Self>, Rejected> {
        Ok(Permit::new(self, self.admit(Unwinding::now(), Some(now))?))
    }

    /// As `acquire_owned`, at this instant.
    ///
    /// # Errors
    /// The facts of the rejection.
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    pub fn acquire_owned_at(
        self: &alloc::sync::Arc<Self>,
        now: Instant,
    ) -> Result<Permit<alloc::sync::Arc<Self>>, Rejected> {
        let pass = self.admit(Unwinding::now(), Some(now))?;
        Ok(Permit::new(alloc::sync::Arc::clone(self), pass))
    }
}

impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// A call that was let through while closed has ended.
    #[inline(always)]
    fn end_closed(&self, generation: Generation, verdict: Verdict) {
        if verdict == Verdict::Success && self.word.load() == word::healthy(generation) {
            self.healthy_success(generation, None);
        } else {
            self.end_closed_call(generation, verdict);
        }
    }

    /// Takes two scalars, so that nothing of the fast path is put into memory for this.
    #[inline(never)]
    fn end_closed_call(&self, generation: Generation, verdict: Verdict) {
        let pass = Pass::new(generation, Grant::Normal, Unwinding::HeldByCall, None);
        self.end_with_care(pass, Ending::Said(verdict), None);
    }
}

/// Records the panic of a call that unwinds through [`CircuitBreaker::call`]; otherwise it is forgotten.
struct CallPanics<'a, P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> {
    breaker: &'a CircuitBreaker<P, C, O, N>,
    generation: Generation,
}

impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> Drop for CallPanics<'_, P, C, O, N> {
    #[cold]
    fn drop(&mut self) {
        let pass = Pass::new(self.generation, Grant::Normal, Unwinding::HeldByCall, None);
        self.breaker.end_with_care(pass, Ending::Said(Verdict::Failure(FailureKind::Panic)), None);
    }
}

impl<P: Plan, C, O, N> fmt::Debug for CircuitBreaker<P, C, O, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view: View = self.word.view();
        f.debug_struct("CircuitBreaker")
            .field("generation", &view.generation.0)
            .field("mode", &view.mode)
            .field("shadow", &view.shadow)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
