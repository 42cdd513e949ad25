//! The permit: a call that was let through, until its outcome is said.

use crate::breaker::CircuitBreaker;
use crate::breaker::counts::Counting;
use crate::breaker::event::Event;
use crate::breaker::outcome::{FailureKind, Verdict};
use crate::breaker::plan::Plan;
use crate::breaker::word::Generation;
use crate::ended;
use crate::observe::Observer;
use crate::time::{Clock, Instant, TimeSource};

/// A call that was let through. Its outcome is said by consuming it; dropping it cancels the call.
///
/// A cancelled call decides nothing and gives back the slot it held. With `std`, a permit dropped by a panic that
/// began after its acquire is a failure of kind `Panic`, and one that is dropped with a call that fusebox ended at its limit or
/// deadline is one of kind `Timeout`; elsewhere [`panicked`](Self::panicked) and [`timed_out`](Self::timed_out) say so.
///
/// It belongs to the generation that gave it: once the breaker has changed its state, the outcome is late and changes
/// nothing.
///
/// # Examples
/// ```
/// use fusebox::breaker::{CircuitBreaker, Policy};
///
/// let breaker = CircuitBreaker::new(Policy::consecutive_failures(2).constant());
/// match breaker.acquire() {
///     Ok(permit) => permit.success(),
///     Err(rejected) => println!("{rejected}"),
/// }
/// ```
#[must_use = "dropping a permit cancels the call: say its outcome"]
pub struct Permit<R: Holder> {
    holder: R,
    pass: Pass,
    over: bool,
}

/// What a permit remembers.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    pub(super) generation: Generation,
    pub(super) kind: Grant,
    pub(super) unwinding: Unwinding,
    /// When the call began, in nanoseconds, where that matters (a slow limit).
    started: u64,
}

/// Stands for a beginning that nobody asks for.
const NOT_ASKED: u64 = u64::MAX;

/// What its outcome counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    Normal,
    Probe,
    /// Disabled: for nothing.
    Bypass,
    /// In shadow, where it would have been rejected: for nothing.
    Shadow,
}

/// How a drop tells a panic from a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwinding {
    /// Held across a closure only: a drop is that closure's panic.
    HeldByCall,
    /// Whether the thread was unwinding at the acquire.
    AtAcquire(bool),
}

impl Unwinding {
    #[inline]
    pub(super) fn now() -> Self {
        #[cfg(feature = "std")]
        return Self::AtAcquire(std::thread::panicking());
        #[cfg(not(feature = "std"))]
        return Self::AtAcquire(false);
    }

    fn has_begun(self) -> bool {
        match self {
            Self::HeldByCall => true,
            #[cfg(feature = "std")]
            Self::AtAcquire(before) => !before && std::thread::panicking(),
            #[cfg(not(feature = "std"))]
            Self::AtAcquire(_) => false,
        }
    }
}

impl Pass {
    #[inline]
    pub(super) const fn new(
        generation: Generation,
        kind: Grant,
        unwinding: Unwinding,
        started: Option<Instant>,
    ) -> Self {
        let started = match started {
            Some(instant) => instant.as_nanos(),
            None => NOT_ASKED,
        };
        Self { generation, kind, unwinding, started }
    }

    pub(super) fn started(self) -> Option<Instant> {
        (self.started != NOT_ASKED).then_some(Instant::from_nanos(self.started))
    }
}

/// How a permit holds its breaker: `&CircuitBreaker` or `Arc<CircuitBreaker>`. Sealed.
pub trait Holder: sealed::Hold {}

impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> Holder for &CircuitBreaker<P, C, O, N> {}
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> Holder
    for alloc::sync::Arc<CircuitBreaker<P, C, O, N>>
{
}

pub(super) mod sealed {
    use super::{CircuitBreaker, Counting, Event, Instant, Observer, Pass, Plan, TimeSource};
    use crate::breaker::record::Ending;

    /// What a permit needs of its breaker.
    pub trait Hold {
        /// The breaker's clock.
        type Clock;

        fn end(&self, pass: &Pass, ending: Ending, at: Option<Instant>);

        fn fail_beside(&self, at: Option<Instant>);
    }

    impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> Hold for &CircuitBreaker<P, C, O, N> {
        type Clock = C;

        #[inline]
        fn end(&self, pass: &Pass, ending: Ending, at: Option<Instant>) {
            CircuitBreaker::end(self, pass, ending, at);
        }

        fn fail_beside(&self, at: Option<Instant>) {
            CircuitBreaker::fail_beside(self, at);
        }
    }

    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> Hold
        for alloc::sync::Arc<CircuitBreaker<P, C, O, N>>
    {
        type Clock = C;

        #[inline]
        fn end(&self, pass: &Pass, ending: Ending, at: Option<Instant>) {
            CircuitBreaker::end(self, pass, ending, at);
        }

        fn fail_beside(&self, at: Option<Instant>) {
            CircuitBreaker::fail_beside(self, at);
        }
    }
}
use crate::breaker::record::Ending;

impl<R: Holder> Permit<R> {
    #[inline]
    pub(super) const fn new(holder: R, pass: Pass) -> Self {
        Self { holder, pass, over: false }
    }

    /// The generation that gave it.
    #[must_use]
    pub const fn generation(&self) -> u16 {
        self.pass.generation.0
    }

    /// Whether it is a probe of the half-open state.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        matches!(self.pass.kind, Grant::Probe)
    }

    #[inline]
    fn end(mut self, ending: Ending, at: Option<Instant>) {
        self.over = true;
        self.holder.end(&self.pass, ending, at);
    }

    /// A failure of an already recorded call, in the generation then current.
    #[cfg(feature = "stream")]
    pub(super) fn fail_beside(holder: &R) {
        holder.fail_beside(None);
    }

    /// Records this outcome, of a call that ended at `now`.
    #[inline]
    pub fn record_at(self, verdict: Verdict, now: Instant) {
        self.end(Ending::Said(verdict), Some(now));
    }

    /// The call succeeded at `now`.
    #[inline]
    pub fn success_at(self, now: Instant) {
        self.record_at(Verdict::Success, now);
    }

    /// The call failed at `now`.
    #[inline]
    pub fn failure_at(self, now: Instant) {
        self.record_at(Verdict::Failure(FailureKind::Error), now);
    }

    /// The call says nothing about the dependency; it ended at `now`.
    #[inline]
    pub fn ignore_at(self, now: Instant) {
        self.record_at(Verdict::Ignored, now);
    }

    /// The call panicked at `now`.
    #[inline]
    pub fn panicked_at(self, now: Instant) {
        self.record_at(Verdict::Failure(FailureKind::Panic), now);
    }

    /// The caller's limit ended the call at `now`.
    #[inline]
    pub fn timed_out_at(self, now: Instant) {
        self.record_at(Verdict::Failure(FailureKind::Timeout), now);
    }

    /// The call was given up at `now`: what a drop does for those with a clock.
    #[inline]
    pub fn cancel_at(self, now: Instant) {
        self.end(Ending::Dropped, Some(now));
    }
}

/// The same, at the instant the breaker's clock shows; it is read only where the outcome depends on it.
impl<R: Holder> Permit<R>
where
    R::Clock: Clock,
{
    /// Records this outcome.
    #[inline]
    pub fn record(self, verdict: Verdict) {
        self.end(Ending::Said(verdict), None);
    }

    /// The call succeeded.
    #[inline]
    pub fn success(self) {
        self.record(Verdict::Success);
    }

    /// The call failed, with an error.
    #[inline]
    pub fn failure(self) {
        self.record(Verdict::Failure(FailureKind::Error));
    }

    /// The call failed, in this way.
    #[inline]
    pub fn fail(self, kind: FailureKind) {
        self.record(Verdict::Failure(kind));
    }

    /// The call says nothing about the dependency.
    #[inline]
    pub fn ignore(self) {
        self.record(Verdict::Ignored);
    }

    /// The call panicked.
    #[inline]
    pub fn panicked(self) {
        self.fail(FailureKind::Panic);
    }

    /// The caller's own limit ended the call: a failure of the dependency, not a cancellation.
    #[inline]
    pub fn timed_out(self) {
        self.fail(FailureKind::Timeout);
    }
}

impl<R: Holder> Drop for Permit<R> {
    #[inline]
    fn drop(&mut self) {
        if !self.over {
            let ending = if self.pass.unwinding.has_begun() {
                Ending::Said(Verdict::Failure(FailureKind::Panic))
            } else if ended::is_at_its_limit() {
                Ending::Said(Verdict::Failure(FailureKind::Timeout))
            } else {
                Ending::Dropped
            };
            self.holder.end(&self.pass, ending, None);
        }
    }
}

impl<R: Holder> core::fmt::Debug for Permit<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Permit")
            .field("generation", &self.pass.generation.0)
            .field("kind", &self.pass.kind)
            .field("started", &self.pass.started())
            .finish_non_exhaustive()
    }
}
