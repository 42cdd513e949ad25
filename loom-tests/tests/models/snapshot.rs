//! 1. A snapshot racing outcomes tells of a state that was.
//! 2. A restore racing outcomes is a change of state: outcomes of before are late, those of after count in it.
//! 3. A window that is filled while others count loses nothing of either.

use std::sync::Arc;
use std::time::Duration;

use fusebox::breaker::{Policy, Snapshot, State, Why, Window, WindowSnapshot};

use crate::harness::{OPEN, Watched, after, at_once, check_story, fail, model, model_within, ms, watched};

const WALL: Duration = Duration::from_secs(1);

#[test]
fn a_snapshot_racing_an_opening_tells_of_before_or_after() {
    model(|| {
        let breaker = watched(after(2).build().unwrap());
        fail(&breaker);
        let permit = breaker.acquire_owned().unwrap();
        let (_, _, told) = at_once(
            &breaker,
            |_| permit.failure_at(ms(3)),
            |breaker| drop(breaker.acquire_at(ms(3))),
            |breaker| breaker.snapshot_at(ms(3), WALL),
        );
        let row = (told.consecutive_failures, told.opened_in_a_row, told.open_for);
        match told.state {
            State::Closed => assert_eq!((row, told.remaining), ((1, 0, None), None)),
            State::Open => {
                assert!(matches!(row, (0, 1, Some(Duration::ZERO) | None)), "{told:?}");
                assert!(matches!(told.remaining, Some(OPEN) | None), "{told:?}");
            }
            other => panic!("{other}"),
        }
        // A breaker can always become what was told.
        let other = watched(after(2).build().unwrap());
        assert_eq!(other.restore_at(&told, ms(3), WALL), Ok(()), "{told:?}");
    });
}

/// What a breaker tells that was opened at the origin.
fn open_snapshot() -> Snapshot {
    let breaker = watched(after(1).build().unwrap());
    fail(&breaker);
    breaker.snapshot_at(ms(0), WALL)
}

#[test]
fn an_outcome_racing_a_restore_comes_before_it_or_is_late() {
    model(|| {
        let told = open_snapshot();
        let breaker = watched(after(1).build().unwrap());
        let (one, two) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        at_once(
            &breaker,
            |_| one.failure_at(ms(1)),
            |_| two.success_at(ms(1)),
            move |breaker| breaker.restore_at(&told, ms(1), WALL).unwrap(),
        );
        check_story(&breaker);
        let whys = breaker.observer().whys();
        assert!(matches!(whys[..], [Why::Restored] | [Why::Failures, Why::Restored]), "{whys:?}");
        let now = breaker.look_at(ms(1));
        assert_eq!((now.state, now.retry_after), (State::Open, Some(Duration::from_millis(10))));
    });
}

fn rated() -> fusebox::breaker::FullPolicy {
    Policy::failure_rate(100, Window::calls(10), 10).build().unwrap()
}

#[test]
fn a_window_filled_while_others_fail_holds_all_of_it() {
    model_within(2, || {
        let told = {
            let breaker = watched(rated());
            fail(&breaker);
            fail(&breaker);
            breaker.snapshot_at(ms(0), WALL)
        };
        let breaker = watched(rated());
        breaker.warm_up();
        let call = |breaker: &Arc<Watched<_>>| {
            let permit = breaker.acquire_at(ms(0)).unwrap();
            let restored = permit.generation() == 1;
            permit.failure_at(ms(0));
            restored
        };
        let (_, one, two) =
            at_once(&breaker, move |breaker| breaker.restore_at(&told, ms(0), WALL).unwrap(), call, call);
        let now = breaker.snapshot_at(ms(0), WALL);
        let Some(WindowSnapshot::Calls { calls, marks }) = now.window else { panic!("{now:?}") };
        let least = 2 + u64::from(one) + u64::from(two);
        // An outcome that was late by the time it was recorded is in no window.
        assert!(calls <= least && calls >= 2, "{calls} calls, {marks:?}");
        assert_eq!(marks.len() as u64, calls, "every call of it failed: {marks:?}");
    });
}
