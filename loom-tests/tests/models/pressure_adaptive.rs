//! 1. One thread works a window out, and no sample is lost or counted twice.
//! 2. One congestion event is one decrease, however many calls tell of it at once.
//! 3. A window's verdict beside a congestion event does not undo its decrease.
//! 4. A throttle's counts lose nothing.

use std::sync::Arc;
use std::time::Duration;

use fusebox::pressure::{
    Adaptation, Adaptive, Algorithm, Capacity, LoadShedder, Outcome, Priority, Throttle, Throttling,
};
use fusebox::time::{Instant, ManualClock, NoClock};

use crate::harness::{at_once, both_at_once, model_within, ms};

type Shedder = LoadShedder<Adaptive, ManualClock>;

/// A window of 10 ms and one sample.
fn shedder_of(slots: u32) -> Arc<Shedder> {
    let capacity = Capacity::of(slots).build().unwrap();
    let adaptation = Adaptation::of(capacity).algorithm(Algorithm::Aimd).between(1, 20);
    let adaptation = adaptation.window(Duration::from_millis(10), 1).build().unwrap();
    Arc::new(LoadShedder::adaptive_with_parts(adaptation, ManualClock::new(), (), ()))
}

fn shedder() -> Arc<Shedder> {
    shedder_of(10)
}

fn call(shedder: &Shedder, began: Instant, outcome: Outcome, ended: Instant) {
    if let Ok(permit) = shedder.admit_at(Priority::Critical, began) {
        permit.record_at(outcome, ended);
    }
}

#[test]
fn one_thread_works_a_window_out_and_no_sample_is_lost() {
    model_within(2, || {
        // Of so few slots that one call is half of them.
        let shedder = shedder_of(2);
        // The first says when the first window begins.
        call(&shedder, ms(0), Outcome::Success, ms(4));
        at_once(
            &shedder,
            |shedder| call(shedder, ms(4), Outcome::Success, ms(16)),
            |shedder| call(shedder, ms(8), Outcome::Success, ms(16)),
            |shedder| call(shedder, ms(12), Outcome::Success, ms(16)),
        );
        // Whatever windows the three fell into, their means are means of 4, 8 and 12 ms, in units of 256 ns.
        let baseline = shedder.baseline().unwrap();
        assert!((Duration::from_millis(4)..=Duration::from_millis(12)).contains(&baseline), "{baseline:?}");
        let capacity = shedder.look().capacity;
        assert!((3..=6).contains(&capacity), "{capacity}");
    });
}

#[test]
fn one_congestion_event_is_one_decrease_however_many_tell_of_it() {
    model_within(2, || {
        let shedder = shedder();
        let overload = |shedder: &Arc<Shedder>| call(shedder, ms(1), Outcome::Overload, ms(5));
        at_once(&shedder, overload, overload, overload);
        assert_eq!(shedder.look().capacity, 9);
    });
}

#[test]
fn a_windows_verdict_does_not_undo_a_decrease() {
    model_within(2, || {
        let shedder = shedder();
        call(&shedder, ms(0), Outcome::Success, ms(4));
        both_at_once(
            &shedder,
            |shedder| call(shedder, ms(1), Outcome::Overload, ms(20)),
            |shedder| {
                // Half of the slots are taken, so the window lets it grow: by one for each round trip, four in all.
                let calls = [(); 5].map(|()| shedder.admit_at(Priority::Critical, ms(16)).unwrap());
                calls.into_iter().for_each(|call| call.record_at(Outcome::Success, ms(20)));
            },
        );
        // The decrease after the growth, before it, or between what the growth followed from and itself.
        let capacity = shedder.look().capacity;
        assert!([12, 13, 9].contains(&capacity), "{capacity}");
    });
}

#[test]
fn a_throttles_counts_lose_nothing() {
    model_within(2, || {
        let throttling = Throttling::new().seed(1).build().unwrap();
        let throttle: Arc<Throttle<NoClock>> = Arc::new(Throttle::with_parts(throttling, NoClock, ()));
        let ask = |throttle: &Arc<Throttle<NoClock>>| {
            let Ok(attempt) = throttle.ask_at(ms(1)) else { return 0 };
            attempt.accepted_at(ms(1));
            1
        };
        let (one, two, three): (u64, u64, u64) = at_once(&throttle, ask, ask, ask);
        let look = throttle.look_at(ms(1));
        assert_eq!((look.requests, look.accepts), (3, one + two + three));
    });
}
