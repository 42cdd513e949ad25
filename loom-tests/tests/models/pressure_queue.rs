//! 1. A slot that is given back beside somebody who sits down to wait is not forgotten.
//! 2. A slot that is handed to somebody who leaves goes on to the next one, or is free.
//! 3. More capacity beside somebody who sits down is not forgotten.
//! 4. A closing beside somebody who sits down sends it home.
//! 5. Of two waiters and one release, one is served, and the other by the next release.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use fusebox::pressure::{Fixed, OwnedPermit, Priority, Refused};
use fusebox::time::ManualClock;
use loom::future::block_on;

use crate::harness::{at_once, both_at_once, model, model_within};
use crate::pressure::{Shedder, shedder};

type Permit = OwnedPermit<Fixed, ManualClock>;
type Wait = Pin<Box<dyn Future<Output = Result<Permit, Refused>>>>;

/// One slot, taken; whoever has the permit may give it back.
struct Taken {
    shedder: Arc<Shedder>,
    permit: Mutex<Option<Permit>>,
    /// Who sat down to wait before all began.
    first: Mutex<Option<Wait>>,
}

impl Taken {
    fn new() -> Arc<Self> {
        let shedder = shedder(1);
        let permit = Mutex::new(Some(shedder.admit_owned(Priority::Critical).unwrap()));
        let taken = Self { shedder, permit, first: Mutex::new(None) };
        // The memory for those who wait is made when one first does, by a library's protocol.
        drop(taken.sit());
        Arc::new(taken)
    }

    /// The same, with somebody who waits already.
    fn with_a_waiter() -> Arc<Self> {
        let taken = Self::new();
        *taken.first.lock().unwrap() = Some(taken.sit());
        taken
    }

    /// Sits down to wait.
    fn sit(&self) -> Wait {
        let shedder = Arc::clone(&self.shedder);
        let never = |_| std::future::pending();
        let mut wait: Wait = Box::pin(async move {
            shedder.admit_owned_within(Priority::Critical, Duration::from_secs(1), &never).await
        });
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        wait
    }

    /// Whoever sat first thinks better of it.
    fn first_leaves(&self) {
        drop(self.first.lock().unwrap().take());
    }

    /// Whoever sat first is served.
    fn first_is_served(&self) {
        let first = self.first.lock().unwrap().take().unwrap();
        drop(block_on(first).unwrap());
    }

    fn give_back(&self) {
        drop(self.permit.lock().unwrap().take());
    }

    /// Waits for a slot, and gives it back.
    fn wait(&self, priority: Priority) -> Result<(), Refused> {
        let never = |_| std::future::pending();
        block_on(self.shedder.admit_within(priority, Duration::from_secs(1), &never)).map(drop)
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
        let taken = Taken::with_a_waiter();
        at_once(
            &taken,
            |taken| taken.give_back(),
            |taken| taken.first_leaves(),
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
        let taken = Taken::with_a_waiter();
        at_once(
            &taken,
            |taken| taken.give_back(),
            |taken| taken.first_is_served(),
            |taken| assert!(taken.wait(Priority::Background).is_ok()),
        );
        taken.is_at_rest();
    });
}
