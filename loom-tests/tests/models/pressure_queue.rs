//! 1. A slot that is given back beside somebody who sits down to wait is not forgotten.
//! 2. A slot that is handed to somebody who leaves goes on to the next one, or is free.
//! 3. More capacity beside somebody who sits down is not forgotten.
//! 4. A closing beside somebody who sits down sends it home.
//! 5. Of two waiters and one release, one is served, and the other by the next release.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::time::Duration;

use fusebox::pressure::{Fixed, OwnedPermit, Priority, Refused};
use fusebox::time::ManualClock;
use loom::future::block_on;

use crate::harness::{at_once, both_at_once, model, model_within};
use crate::pressure::{Shedder, shedder};

/// One slot, taken; whoever has the permit may give it back.
struct Taken {
    shedder: Arc<Shedder>,
    permit: Mutex<Option<OwnedPermit<Fixed, ManualClock>>>,
}

impl Taken {
    fn new() -> Arc<Self> {
        let shedder = shedder(1);
        let permit = Mutex::new(Some(shedder.admit_owned(Priority::Critical).unwrap()));
        let taken = Arc::new(Self { shedder, permit });
        // The memory for those who wait is made when one first does, by a library's protocol.
        assert!(!taken.wait_a_moment());
        taken
    }

    fn give_back(&self) {
        drop(self.permit.lock().unwrap().take());
    }

    /// Waits for a slot, and gives it back.
    fn wait(&self, priority: Priority) -> Result<(), Refused> {
        let never = |_| std::future::pending();
        block_on(self.shedder.admit_within(priority, Duration::from_secs(1), &never)).map(drop)
    }

    /// Begins to wait, and thinks better of it.
    fn wait_a_moment(&self) -> bool {
        let never = |_| std::future::pending();
        let mut wait =
            Box::pin(self.shedder.admit_within(Priority::Critical, Duration::from_secs(1), &never));
        wait.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    fn is_at_rest(&self) {
        let look = self.shedder.look();
        assert_eq!((look.depth, look.waiting), (0, 0));
    }
}

#[test]
fn a_slot_given_back_beside_somebody_who_sits_down_is_not_forgotten() {
    model(|| {
        let taken = Taken::new();
        both_at_once(
            &taken,
            |taken| taken.give_back(),
            |taken| assert!(taken.wait(Priority::Normal).is_ok()),
        );
        taken.is_at_rest();
    });
}

#[test]
fn a_slot_handed_to_somebody_who_leaves_goes_on() {
    model_within(2, || {
        let taken = Taken::new();
        at_once(
            &taken,
            |taken| taken.give_back(),
            |taken| taken.wait_a_moment(),
            |taken| assert!(taken.wait(Priority::Normal).is_ok()),
        );
        taken.is_at_rest();
    });
}

#[test]
fn more_capacity_beside_somebody_who_sits_down_is_not_forgotten() {
    model(|| {
        let taken = Taken::new();
        both_at_once(
            &taken,
            |taken| taken.shedder.set_capacity(2).map(drop).unwrap(),
            |taken| assert!(taken.wait(Priority::Critical).is_ok()),
        );
        taken.give_back();
        taken.is_at_rest();
    });
}

#[test]
fn a_closing_beside_somebody_who_sits_down_sends_it_home() {
    model(|| {
        let taken = Taken::new();
        both_at_once(
            &taken,
            |taken| taken.shedder.close(),
            |taken| assert!(taken.wait(Priority::Critical).unwrap_err().is_closed()),
        );
        taken.give_back();
        taken.is_at_rest();
    });
}

#[test]
fn two_who_wait_are_both_served() {
    model_within(2, || {
        let taken = Taken::new();
        at_once(
            &taken,
            |taken| taken.give_back(),
            |taken| assert!(taken.wait(Priority::Critical).is_ok()),
            |taken| assert!(taken.wait(Priority::Background).is_ok()),
        );
        taken.is_at_rest();
    });
}
