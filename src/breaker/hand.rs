//! The breaker in somebody's hand: looked at, forced open, disabled, reset, put in shadow.

use core::time::Duration;

use crate::breaker::CircuitBreaker;
use crate::breaker::counts::Counting;
use crate::breaker::event::Event;
use crate::breaker::instants::Known;
use crate::breaker::outcome::State;
use crate::breaker::plan::Plan;
use crate::breaker::refusal::Refusal;
use crate::breaker::rules::{self, Hand};
use crate::breaker::word::{Mode, View};
use crate::observe::Observer;
use crate::time::{Clock, Instant, TimeSource};

/// What a look at a breaker shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The state; a timeout or a ramp's end that has passed is seen, though it has not taken effect yet.
    pub state: State,
    /// While open: how long until the next call may be a probe.
    pub retry_after: Option<Duration>,
    /// While it has not closed again: the time since the latest opening.
    pub open_for: Option<Duration>,
    /// While closed, under a consecutive policy: the failures in a row.
    pub consecutive_failures: u32,
    /// While half-open: the probes in flight.
    pub in_flight: u32,
    /// While half-open: the successes so far.
    pub successes: u32,
    /// How many times it has opened in a row, while it has not closed again.
    pub opened_in_a_row: u32,
    /// Rejections since the latest opening, for breakers that count.
    pub rejected_since_open: Option<u64>,
    /// The generation of the state.
    pub generation: u16,
    /// Whether it is in shadow.
    pub shadow: bool,
}

impl<P: Plan, C: Clock, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// Looks at the breaker; changes nothing, and tells nobody.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy, State};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(3).constant());
    /// let _ = breaker.call(|| Err::<(), _>("down"));
    /// let status = breaker.look();
    /// assert_eq!((status.state, status.consecutive_failures), (State::Closed, 1));
    /// ```
    #[must_use]
    pub fn look(&self) -> Status {
        self.look_at(self.clock.now())
    }

    /// Rejects everything until [`reset`](Self::reset) or [`disable`](Self::disable).
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(3).constant());
    /// breaker.force_open();
    /// assert_eq!(breaker.acquire().unwrap_err().retry_after(), None, "until somebody says so");
    /// breaker.reset();
    /// assert!(breaker.acquire().is_ok());
    /// ```
    pub fn force_open(&self) {
        self.force_open_at(self.clock.now());
    }

    /// Permits everything, and records nothing but that it did, until [`reset`](Self::reset) or
    /// [`force_open`](Self::force_open).
    pub fn disable(&self) {
        self.disable_at(self.clock.now());
    }

    /// Closes the breaker, with all counts of its state at zero.
    pub fn reset(&self) {
        self.reset_at(self.clock.now());
    }
}

impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// As `force_open`, at this instant.
    pub fn force_open_at(&self, now: Instant) {
        self.by_hand(Hand::ForceOpen, now);
    }

    /// As `disable`, at this instant.
    pub fn disable_at(&self, now: Instant) {
        self.by_hand(Hand::Disable, now);
    }

    /// As `reset`, at this instant.
    pub fn reset_at(&self, now: Instant) {
        self.by_hand(Hand::Reset, now);
    }

    fn by_hand(&self, hand: Hand, now: Instant) {
        let turn = self.word.apply(|view: View| {
            rules::by_hand(view, hand, now.as_nanos(), self.instants.known(view.generation))
        });
        self.turned(turn);
    }

    /// In shadow the breaker decides, counts and tells what it would have rejected, and lets it through; such a call's
    /// outcome feeds nothing. The state is kept, either way.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant()).counted();
    /// breaker.set_shadow(true);
    /// let _ = breaker.call(|| Err::<(), _>("down"));
    /// assert!(breaker.call(|| Ok::<_, &str>("let through")).is_ok());
    /// assert_eq!(breaker.counts().would_reject, 1);
    /// ```
    pub fn set_shadow(&self, shadow: bool) {
        self.word.apply(|view: View| (View { shadow, ..view }, ()));
    }

    /// As `look`, at this instant.
    #[must_use]
    pub fn look_at(&self, now: Instant) -> Status {
        let (view, known) = self.seen();
        self.status(view, known, now.as_nanos())
    }

    /// What one reading of the word and its instants shows.
    pub(super) fn status(&self, mut view: View, mut known: Option<Known>, now: u64) -> Status {
        if let Some((next, turn)) =
            known.and_then(|known| rules::deadline_passed(view, now, known, &self.policy))
        {
            (view, known) = (next, Some(turn.known));
        }
        let refusal = match (view.mode, known) {
            (Mode::Open { .. }, Some(known)) => Some(Refusal::while_open(now, known.mark, known.opened)),
            _ => None,
        };
        let opened = known.filter(|_| rules::in_outage(view.mode)).map(|known| known.opened);
        let (in_flight, successes) = match view.mode {
            Mode::HalfOpen { in_flight, successes, .. } => (in_flight.into(), successes.into()),
            _ => (0, 0),
        };
        Status {
            state: rules::state(view.mode),
            retry_after: refusal.and_then(Refusal::retry_after).map(Duration::from_nanos),
            open_for: opened.map(|opened| Duration::from_nanos(opened.elapsed(now))),
            consecutive_failures: if let Mode::Closed { failures } = view.mode { failures.into() } else { 0 },
            in_flight,
            successes,
            opened_in_a_row: view.mode.streak().into(),
            rejected_since_open: self.counters.rejected_since_open(),
            generation: view.generation.0,
            shadow: view.shadow,
        }
    }

    /// The word, and its instants if they are known.
    pub(super) fn seen(&self) -> (View, Option<Known>) {
        let view: View = self.word.view();
        (view, self.instants.known(view.generation))
    }
}
