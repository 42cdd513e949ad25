//! What may happen to a breaker: pure functions from (what the word says, an instant, the policy) to (what it says
//! next, what that means). No clock, no atomics, no hooks.
//!
//! ```text
//!            failures              open_duration passed            success_threshold successes
//!  Closed ─────────────▶ Open ─────────────────────────▶ HalfOpen ───────────────────────────▶ Closed
//!    ▲                     ▲                                │  │                                  ▲
//!    │                     ├── a probe fails, or no verdict ┘  └▶ Recovering ── the ramp ends ────┤
//!    │                     └──────────── a call of the ramp fails ──────┘                         │
//!    └───────────────────── ForcedOpen, Disabled: by hand, until `reset` ─────────────────────────┘
//! ```
//!
//! | asked in | for a permit | to record a success | … a failure | … nothing (ignored, cancelled) |
//! |---|---|---|---|---|
//! | Closed | permitted | row = 0 | row + 1; at the threshold Open | – |
//! | Open | refused; once it has ended HalfOpen, the first probe | late | late | late |
//! | HalfOpen | a probe, up to the limit; past its timeout Open | one success; the last one closes | Open | slot back |
//! | Recovering | the step's percent of calls; past the ramp Closed | – | Open | – |
//! | ForcedOpen | refused | late | late | late |
//! | Disabled | permitted (bypassed) | – | – | – |
//!
//! An outcome of another generation is late everywhere, as is one at or after the state's own deadline.

use crate::breaker::event::{Change, Why};
use crate::breaker::instants::{Known, Millis};
use crate::breaker::outcome::{FailureKind, State};
use crate::breaker::plan::Plan;
use crate::breaker::policy::Ramp;
use crate::breaker::refusal::Refusal;
use crate::breaker::word::{Generation, Mode, View, once_more};
use crate::time::Instant;

/// The answer to who asks for a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Its outcome counts; `Some` if it is the probe that made the breaker half-open.
    Permitted(Option<Turn>),
    /// Disabled: its outcome counts for nothing.
    Bypassed,
    Refused(Refusal),
    /// A deadline had passed; that took effect, now ask again.
    Turned(Turn),
}

/// What an outcome did to the row of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Counted,
    Failed {
        failures: u16,
    },
    /// Of another generation.
    Late,
    /// It may change the state, which depends on the time.
    NeedsTime,
}

/// What an outcome did, in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    Counted {
        turn: Option<Turn>,
    },
    Failed {
        failures: u16,
        turn: Option<Turn>,
    },
    /// Of another generation, or after the deadline of its own (then that deadline took effect).
    Late {
        turn: Option<Turn>,
    },
}

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Failure(FailureKind),
    /// Ignored or cancelled.
    Nothing,
}

/// A change of state, and the instants of the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) change: Change,
    pub(super) known: Known,
}

/// Decides whether a call may pass at `now`.
#[inline]
pub(super) fn admit<P: Plan>(view: View, now: u64, known: Option<Known>, policy: &P) -> (View, Admission) {
    let (mode, known) = match (view.mode, known) {
        (Mode::Closed { .. }, _) => return (view, Admission::Permitted(None)),
        (Mode::Disabled, _) => return (view, Admission::Bypassed),
        (Mode::Open { streak }, Some(known)) => return admit_open(view, streak, now, known),
        (Mode::ForcedOpen, known) => {
            let refusal = Refusal::without_wait(State::ForcedOpen, now, known);
            return (view, Admission::Refused(refusal));
        }
        (mode, Some(known)) => (mode, known),
        (mode, None) => return (view, Admission::Refused(Refusal::without_wait(state(mode), now, None))),
    };
    let refused = Admission::Refused(Refusal::without_wait(state(mode), now, Some(known)));
    match deadline_passed(view, now, known, policy) {
        Some((next, turn)) => (next, Admission::Turned(turn)),
        None => match mode {
            Mode::HalfOpen { in_flight, successes, streak, slack }
                if in_flight < policy.base().half_open_calls =>
            {
                let next = Mode::HalfOpen { in_flight: in_flight + 1, successes, streak, slack };
                (view.with(next), Admission::Permitted(None))
            }
            Mode::Recovering { position, step, streak, slack } => {
                let (permitted, position, step) =
                    ramp_admits(policy, position, step, now, began(known, slack));
                let next = view.with(Mode::Recovering { position, step, streak, slack });
                let answer = if permitted { Admission::Permitted(None) } else { refused };
                (next, answer)
            }
            _ => (view, refused),
        },
    }
}

#[inline]
fn admit_open(view: View, streak: u16, now: u64, known: Known) -> (View, Admission) {
    match known.mark.on_clock() {
        Some(end) if now >= end => {
            let (mark, slack) = Millis::ceil(now.into());
            let next = view.enter(Mode::HalfOpen { in_flight: 1, successes: 0, streak, slack });
            (
                next,
                Admission::Permitted(Some(turn(view, next, Why::OpenElapsed, now, Known { mark, ..known }))),
            )
        }
        _ => (view, Admission::Refused(Refusal::while_open(now, known.mark, known.opened))),
    }
}

/// Records an outcome that can neither open nor close anything: the common case, without the time.
#[inline]
pub(super) fn record_row<P: Plan>(
    view: View,
    generation: Generation,
    outcome: Outcome,
    policy: &P,
) -> (View, Row) {
    if view.generation != generation {
        return (view, Row::Late);
    }
    match (view.mode, outcome) {
        (Mode::Closed { .. }, Outcome::Nothing) => (view, Row::Counted),
        (Mode::Closed { .. }, Outcome::Success) => (view.with(Mode::Closed { failures: 0 }), Row::Counted),
        (Mode::Closed { failures }, Outcome::Failure(_))
            if failures.saturating_add(1) < policy.base().threshold =>
        {
            let failures = failures + 1;
            (view.with(Mode::Closed { failures }), Row::Failed { failures })
        }
        _ => (view, Row::NeedsTime),
    }
}

/// Records what became of a permit of `generation`, at `now`. (Under a rate a closed breaker's outcomes go into its
/// window instead, and it [`trip`]s.)
pub(super) fn record<P: Plan>(
    view: View,
    generation: Generation,
    outcome: Outcome,
    now: u64,
    known: Option<Known>,
    policy: &P,
) -> (View, Recorded) {
    match (record_row(view, generation, outcome, policy), view.mode, outcome) {
        ((next, Row::Counted), _, _) => (next, Recorded::Counted { turn: None }),
        ((next, Row::Failed { failures }), _, _) => (next, Recorded::Failed { failures, turn: None }),
        ((_, Row::NeedsTime), Mode::Closed { failures }, _) => {
            let failures = failures.saturating_add(1);
            let (next, turn) = open(view, 1, stand_still(view, now, known), Why::Failures, known, policy);
            (next, Recorded::Failed { failures, turn: Some(turn) })
        }
        ((_, Row::NeedsTime), Mode::HalfOpen { .. } | Mode::Recovering { .. }, outcome) => {
            record_trial(view, outcome, now, known, policy)
        }
        // No permit of the other states is ever recorded.
        ((_, Row::NeedsTime | Row::Late), _, _) => (view, Recorded::Late { turn: None }),
    }
}

/// An outcome while half-open or recovering.
fn record_trial<P: Plan>(
    view: View,
    outcome: Outcome,
    now: u64,
    known: Option<Known>,
    policy: &P,
) -> (View, Recorded) {
    if let Some((next, turn)) = known.and_then(|known| deadline_passed(view, now, known, policy)) {
        return (next, Recorded::Late { turn: Some(turn) });
    }
    let at = stand_still(view, now, known);
    let failed = |turn| Recorded::Failed { failures: 1, turn: Some(turn) };
    match (view.mode, outcome) {
        (Mode::HalfOpen { streak, .. }, Outcome::Failure(_)) => {
            let (next, turn) = open(view, once_more(streak), at, Why::ProbeFailed, known, policy);
            (next, failed(turn))
        }
        (Mode::Recovering { streak, .. }, Outcome::Failure(_)) => {
            let (next, turn) = open(view, once_more(streak), at, Why::RampFailed, known, policy);
            (next, failed(turn))
        }
        (Mode::HalfOpen { in_flight, successes, streak, slack }, Outcome::Success) => {
            let (in_flight, successes) = (in_flight.saturating_sub(1), successes.saturating_add(1));
            if successes < policy.base().success_threshold {
                let next = view.with(Mode::HalfOpen { in_flight, successes, streak, slack });
                return (next, Recorded::Counted { turn: None });
            }
            let (next, turn) = recover(view, streak, at, known, policy);
            (next, Recorded::Counted { turn: Some(turn) })
        }
        (Mode::HalfOpen { in_flight, successes, streak, slack }, Outcome::Nothing) => {
            let in_flight = in_flight.saturating_sub(1);
            (
                view.with(Mode::HalfOpen { in_flight, successes, streak, slack }),
                Recorded::Counted { turn: None },
            )
        }
        _ => (view, Recorded::Counted { turn: None }),
    }
}

/// Opens a breaker that is still closed in `generation`: its window says so.
pub(super) fn trip<P: Plan>(
    view: View,
    generation: Generation,
    why: Why,
    now: u64,
    known: Option<Known>,
    policy: &P,
) -> (View, Option<Turn>) {
    match view.mode {
        Mode::Closed { .. } if view.generation == generation => {
            let (next, turn) = open(view, 1, stand_still(view, now, known), why, known, policy);
            (next, Some(turn))
        }
        _ => (view, None),
    }
}

/// What is done by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    ForceOpen,
    Disable,
    Reset,
}

/// Each is a change of state, also from the same state.
pub(super) fn by_hand(view: View, hand: Hand, now: u64, known: Option<Known>) -> (View, Turn) {
    let at = stand_still(view, now, known);
    let (mark, slack) = Millis::ceil(at);
    let here = Millis::floor(at);
    let opened = known.map_or(here, |known| known.opened);
    let outage = known.filter(|_| in_outage(view.mode)).map(|known| known.first);
    let rounding = Millis(slack.into());
    let (mode, why, known) = match hand {
        Hand::ForceOpen => {
            (Mode::ForcedOpen, Why::ForcedOpen, Known { mark, opened: here, first: outage.unwrap_or(here) })
        }
        Hand::Disable => (Mode::Disabled, Why::Disabled, Known { mark, opened, first: rounding }),
        Hand::Reset => (Mode::Closed { failures: 0 }, Why::Reset, Known { mark, opened, first: rounding }),
    };
    let next = view.enter(mode);
    let mut turn = turn(view, next, why, on_clock(at), known);
    if hand == Hand::Reset {
        turn.change.outage = outage.map(|first| elapsed(first, at));
    }
    (next, turn)
}

/// What has become of the state by `now`, if its own deadline has passed: it takes effect at its own instant.
pub(super) fn deadline_passed<P: Plan>(
    view: View,
    now: u64,
    known: Known,
    policy: &P,
) -> Option<(View, Turn)> {
    match view.mode {
        Mode::HalfOpen { streak, slack, .. } => {
            let at = began(known, slack) + i128::from(policy.base().half_open_nanos()?);
            reached(at, now)
                .then(|| open(view, once_more(streak), at, Why::HalfOpenTimeout, Some(known), policy))
        }
        Mode::Recovering { slack, .. } => {
            let at = began(known, slack) + policy.ramp().map_or(0, ramp_nanos);
            reached(at, now).then(|| close(view, at, Why::RampDone, Some(known)))
        }
        _ => None,
    }
}

pub(super) fn ramp_nanos(ramp: Ramp) -> i128 {
    i128::from(ramp.steps()) * i128::from(ramp.step_nanos)
}

/// Whether the breaker's own instant `at`, in whole milliseconds, has come.
fn reached(at: i128, now: u64) -> bool {
    i128::from(now) >= Millis::ceil(at).0.nanos()
}

/// When the half-open state or the ramp began, exactly.
pub(super) fn began(known: Known, slack: u32) -> i128 {
    known.mark.nanos() - i128::from(slack)
}

/// `now`, but not before the state began: while the clock stands before that, time stands still.
fn stand_still(view: View, now: u64, known: Option<Known>) -> i128 {
    let now = i128::from(now);
    let Some(known) = known else { return now };
    match view.mode {
        Mode::HalfOpen { slack, .. } | Mode::Recovering { slack, .. } => now.max(began(known, slack)),
        Mode::Closed { .. } | Mode::Disabled => {
            now.max(known.mark.nanos() - i128::from(known.first.0.clamp(0, 999_999)))
        }
        Mode::Open { .. } | Mode::ForcedOpen => now.max(known.opened.nanos()),
    }
}

fn open<P: Plan>(
    view: View,
    streak: u16,
    at: i128,
    why: Why,
    known: Option<Known>,
    policy: &P,
) -> (View, Turn) {
    let opened = Millis::floor(at);
    let first = known.filter(|_| in_outage(view.mode)).map_or(opened, |known| known.first);
    let (mark, _) = Millis::ceil(at.saturating_add(policy.open_nanos(streak, view.generation, at)));
    let next = view.enter(Mode::Open { streak });
    (next, turn(view, next, why, on_clock(at), Known { mark, opened, first }))
}

/// Enough probes have succeeded: onto the ramp, or closed.
fn recover<P: Plan>(view: View, streak: u16, at: i128, known: Option<Known>, policy: &P) -> (View, Turn) {
    let (Some(_), Some(known)) = (policy.ramp(), known) else {
        return close(view, at, Why::ProbesSucceeded, known);
    };
    let (mark, slack) = Millis::ceil(at);
    let next = view.enter(Mode::Recovering { position: 0, step: 0, streak, slack });
    (next, turn(view, next, Why::ProbesSucceeded, on_clock(at), Known { mark, ..known }))
}

fn close(view: View, at: i128, why: Why, known: Option<Known>) -> (View, Turn) {
    let (mark, slack) = Millis::ceil(at);
    let opened = known.map_or(Millis::floor(at), |known| known.opened);
    let next = view.enter(Mode::Closed { failures: 0 });
    let mut turn = turn(view, next, why, on_clock(at), Known { mark, opened, first: Millis(slack.into()) });
    turn.change.outage = known.map(|known| elapsed(known.first, at));
    (next, turn)
}

/// Whether the ramp lets this call pass, and how many of the step's hundred were decided then.
fn ramp_admits<P: Plan>(policy: &P, position: u8, step: u8, now: u64, began: i128) -> (bool, u8, u8) {
    let Some(ramp) = policy.ramp() else { return (true, position, step) };
    let passed = |step: &u8| reached(began + i128::from(*step) * i128::from(ramp.step_nanos), now);
    // Never back to an earlier step: while the clock goes backwards, time stands still.
    let current = (1..ramp.steps()).take_while(passed).last().unwrap_or(0).max(step);
    let position = if current == step { position } else { 0 };
    let percent = u32::from(ramp.percent(current));
    let permitted = u32::from(position) * percent % 100 < percent;
    (permitted, (position + 1) % 100, current)
}

fn turn(from: View, to: View, why: Why, at: u64, known: Known) -> Turn {
    let change = Change {
        from: state(from.mode),
        to: state(to.mode),
        why,
        at: Instant::from_nanos(at),
        generation: to.generation.0,
        outage: None,
    };
    Turn { change, known }
}

/// Whether the breaker has opened and not closed since.
pub(super) const fn in_outage(mode: Mode) -> bool {
    match mode {
        Mode::Open { .. } | Mode::HalfOpen { .. } | Mode::Recovering { .. } | Mode::ForcedOpen => true,
        Mode::Closed { .. } | Mode::Disabled => false,
    }
}

pub(super) const fn state(mode: Mode) -> State {
    match mode {
        Mode::Closed { .. } => State::Closed,
        Mode::Open { .. } => State::Open,
        Mode::HalfOpen { .. } => State::HalfOpen,
        Mode::Recovering { .. } => State::Recovering,
        Mode::ForcedOpen => State::ForcedOpen,
        Mode::Disabled => State::Disabled,
    }
}

fn elapsed(since: Millis, at: i128) -> core::time::Duration {
    let nanos = (at - since.nanos()).max(0);
    core::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// An exact instant as one on the clock.
fn on_clock(at: i128) -> u64 {
    u64::try_from(at.max(0)).unwrap_or(u64::MAX)
}
