//! The transition table of `rules.rs`, row by row, and what the faces promise.

use core::time::Duration;

use super::instants::{Known, Millis};
use super::outcome::FailureKind;
use super::rules::{self, Admission, Hand, Outcome, Recorded, Row};
use super::word::{Generation, Mode, View};
use super::{CircuitBreaker, Event, FullPolicy, Policy, State, Why};
use crate::observe::observe_with;
use crate::time::{Instant, ManualClock};

const SECOND: u64 = 1_000_000_000;
const POLICY: FullPolicy = Policy::consecutive_failures(3)
    .open_duration(Duration::from_secs(10))
    .half_open_calls(2)
    .success_threshold(2)
    .half_open_timeout(Duration::from_secs(5))
    .ramp(&[10, 50], Duration::from_secs(10))
    .constant();
const FAILURE: Outcome = Outcome::Failure(FailureKind::Error);

fn view(mode: Mode) -> View {
    View { generation: Generation(7), shadow: false, mode }
}

/// A state entered (or, if open, ending) at second 100 of an outage since second 40.
fn known() -> Known {
    Known { mark: Millis(100_000), opened: Millis(90_000), first: Millis(40_000) }
}

fn half_open(in_flight: u8, successes: u8) -> Mode {
    Mode::HalfOpen { in_flight, successes, streak: 1, slack: 0 }
}

fn ramp(position: u8, step: u8) -> Mode {
    Mode::Recovering { position, step, streak: 1, slack: 0 }
}

fn admit(mode: Mode, second: u64) -> (View, Admission) {
    rules::admit(view(mode), second * SECOND, Some(known()), &POLICY)
}

fn record(mode: Mode, outcome: Outcome, second: u64) -> (View, Recorded) {
    rules::record(view(mode), Generation(7), outcome, second * SECOND, Some(known()), &POLICY)
}

#[test]
fn closed_permits() {
    assert_eq!(
        admit(Mode::Closed { failures: 2 }, 5),
        (view(Mode::Closed { failures: 2 }), Admission::Permitted(None))
    );
}

#[test]
fn closed_counts_failures_in_a_row_and_a_success_ends_the_row() {
    let (next, recorded) = record(Mode::Closed { failures: 1 }, FAILURE, 100);
    assert_eq!(next.mode, Mode::Closed { failures: 2 });
    assert_eq!(recorded, Recorded::Failed { failures: 2, turn: None });
    assert_eq!(
        record(Mode::Closed { failures: 2 }, Outcome::Success, 100).0.mode,
        Mode::Closed { failures: 0 }
    );
    assert_eq!(
        record(Mode::Closed { failures: 2 }, Outcome::Nothing, 100).0.mode,
        Mode::Closed { failures: 2 }
    );
}

#[test]
fn closed_opens_at_the_threshold_and_asks_for_the_time_only_then() {
    let untimed =
        |failures| rules::record_row(view(Mode::Closed { failures }), Generation(7), FAILURE, &POLICY).1;
    assert_eq!(untimed(1), Row::Failed { failures: 2 });
    assert_eq!(untimed(2), Row::NeedsTime);
    let (next, recorded) = record(Mode::Closed { failures: 2 }, FAILURE, 200);
    assert_eq!((next.mode, next.generation), (Mode::Open { streak: 1 }, Generation(8)));
    let Recorded::Failed { failures: 3, turn: Some(turn) } = recorded else { panic!("{recorded:?}") };
    assert_eq!(
        (turn.change.from, turn.change.to, turn.change.why),
        (State::Closed, State::Open, Why::Failures)
    );
    assert_eq!(turn.known, Known { mark: Millis(210_000), opened: Millis(200_000), first: Millis(200_000) });
}

#[test]
fn open_refuses_with_the_time_left_until_exactly_its_end() {
    let (next, admission) =
        rules::admit(view(Mode::Open { streak: 1 }), 100 * SECOND - 1, Some(known()), &POLICY);
    let Admission::Refused(refusal) = admission else { panic!("{admission:?}") };
    assert_eq!(next, view(Mode::Open { streak: 1 }));
    assert_eq!((refusal.retry_after(), refusal.open_for()), (Some(1), Some(10 * SECOND - 1)));
    let (next, admission) = admit(Mode::Open { streak: 1 }, 100);
    assert_eq!(next.mode, half_open(1, 0));
    assert!(matches!(admission, Admission::Permitted(Some(turn)) if turn.change.why == Why::OpenElapsed));
}

#[test]
fn open_refuses_while_its_instants_are_not_known() {
    let (next, admission) = rules::admit(view(Mode::Open { streak: 1 }), u64::MAX, None, &POLICY);
    assert_eq!(next, view(Mode::Open { streak: 1 }));
    assert!(matches!(admission, Admission::Refused(refusal) if refusal.retry_after().is_none()));
}

#[test]
fn half_open_admits_up_to_its_limit_and_tells_no_wait_above_it() {
    assert_eq!(admit(half_open(1, 0), 101), (view(half_open(2, 0)), Admission::Permitted(None)));
    let (next, admission) = admit(half_open(2, 0), 101);
    assert_eq!(next, view(half_open(2, 0)));
    assert!(matches!(admission, Admission::Refused(refusal) if refusal.retry_after().is_none()));
}

#[test]
fn half_open_past_its_timeout_opens_at_its_own_instant() {
    assert!(matches!(
        rules::admit(view(half_open(1, 0)), 105 * SECOND - 1, Some(known()), &POLICY).1,
        Admission::Permitted(None)
    ));
    let (next, admission) = admit(half_open(1, 0), 108);
    assert_eq!(next.mode, Mode::Open { streak: 2 });
    let Admission::Turned(turn) = admission else { panic!("{admission:?}") };
    assert_eq!(turn.change.at, Instant::from_nanos(105 * SECOND));
    assert_eq!(turn.known, Known { mark: Millis(115_000), opened: Millis(105_000), first: Millis(40_000) });
}

#[test]
fn half_open_gives_a_slot_back_and_closes_by_way_of_the_ramp() {
    assert_eq!(record(half_open(2, 0), Outcome::Nothing, 101).0.mode, half_open(1, 0));
    assert_eq!(record(half_open(2, 0), Outcome::Success, 101).0.mode, half_open(1, 1));
    let (next, recorded) = record(half_open(1, 1), Outcome::Success, 101);
    assert_eq!(next.mode, ramp(0, 0));
    assert!(
        matches!(recorded, Recorded::Counted { turn: Some(turn) } if turn.change.to == State::Recovering)
    );
}

#[test]
fn half_open_opens_at_the_first_failure_and_the_streak_grows() {
    let (next, recorded) = record(half_open(2, 1), FAILURE, 101);
    assert_eq!(next.mode, Mode::Open { streak: 2 });
    assert!(
        matches!(recorded, Recorded::Failed { turn: Some(turn), .. } if turn.known.first == Millis(40_000))
    );
}

#[test]
fn an_outcome_at_the_deadline_or_of_another_generation_is_late() {
    let (next, recorded) = record(half_open(1, 1), Outcome::Success, 105);
    assert_eq!(next.mode, Mode::Open { streak: 2 });
    assert!(matches!(recorded, Recorded::Late { turn: Some(_) }));
    for mode in [Mode::Closed { failures: 2 }, half_open(1, 1), ramp(0, 0), Mode::Open { streak: 1 }] {
        let late = rules::record(view(mode), Generation(6), FAILURE, u64::MAX, Some(known()), &POLICY);
        assert_eq!(late, (view(mode), Recorded::Late { turn: None }), "{mode:?}");
    }
}

#[test]
fn the_ramp_admits_its_percents_of_a_hundred_evenly_first_one_first() {
    let mut now = view(ramp(0, 0));
    let mut permitted = Vec::new();
    for call in 0..100 {
        let (next, admission) = rules::admit(now, 101 * SECOND, Some(known()), &POLICY);
        if matches!(admission, Admission::Permitted(None)) {
            permitted.push(call);
        }
        now = next;
    }
    assert_eq!(permitted, (0..100).step_by(10).collect::<Vec<_>>());
    let (next, admission) = rules::admit(now, 110 * SECOND, Some(known()), &POLICY);
    assert_eq!((next.mode, admission), (ramp(1, 1), Admission::Permitted(None)));
    let (next, _) = rules::admit(next, 101 * SECOND, Some(known()), &POLICY);
    assert_eq!(next.mode, ramp(2, 1), "a clock that steps back does not go back a step");
}

#[test]
fn the_ramp_opens_at_a_failure_and_closes_at_its_end() {
    assert_eq!(record(ramp(3, 1), FAILURE, 119).0.mode, Mode::Open { streak: 2 });
    assert_eq!(record(ramp(3, 1), Outcome::Success, 119).0, view(ramp(3, 1)));
    let (next, admission) = admit(ramp(3, 1), 150);
    assert_eq!(next.mode, Mode::Closed { failures: 0 });
    let Admission::Turned(turn) = admission else { panic!("{admission:?}") };
    assert_eq!(turn.change.at, Instant::from_nanos(120 * SECOND));
    assert_eq!(turn.change.outage, Some(Duration::from_secs(80)));
}

#[test]
fn by_hand_every_state_changes_and_a_reset_tells_the_outage() {
    for mode in [
        Mode::Closed { failures: 2 },
        Mode::Open { streak: 9 },
        half_open(1, 1),
        ramp(1, 1),
        Mode::ForcedOpen,
        Mode::Disabled,
    ] {
        for (hand, becomes) in [
            (Hand::ForceOpen, Mode::ForcedOpen),
            (Hand::Disable, Mode::Disabled),
            (Hand::Reset, Mode::Closed { failures: 0 }),
        ] {
            let (next, turn) = rules::by_hand(view(mode), hand, 140 * SECOND, Some(known()));
            assert_eq!((next.mode, next.generation), (becomes, Generation(8)));
            let outage = (hand == Hand::Reset && rules::in_outage(mode)).then_some(Duration::from_secs(100));
            assert_eq!(turn.change.outage, outage, "{hand:?} of {mode:?}");
        }
    }
    assert!(matches!(admit(Mode::ForcedOpen, 500).1, Admission::Refused(_)));
    assert_eq!(admit(Mode::Disabled, 500).1, Admission::Bypassed);
}

#[test]
fn an_opening_under_a_clock_that_steps_back_counts_from_where_time_stood() {
    let closed = Known { mark: Millis(100_000), opened: Millis(90_000), first: Millis(0) };
    let (_, recorded) = rules::record(
        view(Mode::Closed { failures: 2 }),
        Generation(7),
        FAILURE,
        SECOND,
        Some(closed),
        &POLICY,
    );
    assert!(
        matches!(recorded, Recorded::Failed { turn: Some(turn), .. } if turn.known.mark == Millis(110_000))
    );
}

#[test]
fn open_durations_grow_to_their_cap_and_jitter_only_adds() {
    let grown = Policy::consecutive_failures(1)
        .open_duration(Duration::from_secs(1))
        .open_growth(1.5, Duration::from_secs(5))
        .constant();
    let nanos = |policy: &FullPolicy, streak| {
        super::plan::sealed::Shape::open_nanos(policy, streak, Generation(1), 12_345)
    };
    let millis: Vec<_> = (1..=6).map(|streak| nanos(&grown, streak) / 1_000_000).collect();
    assert_eq!(millis, [1_000, 1_500, 2_250, 3_375, 5_000, 5_000]);
    assert_eq!(nanos(&grown, u16::MAX), 5_000_000_000);
    for seed in 0..200 {
        let jittered = Policy::consecutive_failures(1)
            .open_duration(Duration::from_secs(1))
            .open_jitter_seeded(0.25, seed)
            .constant();
        assert!((1_000_000_000..=1_250_000_000).contains(&nanos(&jittered, 1)));
    }
}

#[cfg(feature = "std")]
#[test]
fn a_hook_may_call_the_breaker_again_and_its_panic_harms_nobody() {
    use std::sync::{Arc, OnceLock};
    type Told = CircuitBreaker<
        Policy,
        ManualClock,
        Arc<dyn crate::observe::Observer<Event> + Send + Sync>,
        super::Counters,
    >;
    let breaker: Arc<OnceLock<Told>> = Arc::new(OnceLock::new());
    let again = Arc::clone(&breaker);
    let hook = observe_with(move |event: &Event| {
        if let (Event::Changed(_), Some(breaker)) = (event, again.get()) {
            assert!(breaker.acquire().is_err(), "the change has taken effect");
            panic!("a hook's own trouble");
        }
    });
    let policy = Policy::consecutive_failures(1).constant();
    let observed = CircuitBreaker::new(policy).with_clock(ManualClock::new());
    let observed = CircuitBreaker::with_parts(
        policy,
        ManualClock::new(),
        Arc::new(hook) as Arc<_>,
        observed.counted().counters,
    );
    let told = breaker.get_or_init(|| observed);
    std::panic::set_hook(Box::new(|_| {}));
    let _ = told.call(|| Err::<(), _>("down"));
    let _ = std::panic::take_hook();
    let counts = told.counts();
    assert_eq!((counts.errors, counts.rejected, counts.hook_panics, counts.in_flight()), (1, 1, 1, 0));
}

#[cfg(feature = "std")]
#[test]
fn a_call_that_panics_is_a_failure_of_that_kind() {
    let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant()).counted();
    std::panic::set_hook(Box::new(|_| {}));
    let caught = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        breaker.call(|| -> Result<(), ()> { panic!("the call") })
    }));
    let _ = std::panic::take_hook();
    assert!(caught.is_err());
    assert_eq!((breaker.counts().panics, breaker.look().state), (1, State::Open));
}
