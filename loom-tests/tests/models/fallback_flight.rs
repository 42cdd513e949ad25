//! 1. Of three who want one thing at once, one fetches it, and the others get what it fetched.
//! 2. A leader that gives up wedges nobody: somebody else leads.
//! 3. A landing between the look and the wait is not missed.
//! 4. A failure is told to all who waited, and none of them asks again.
//! 5. Who gets what was fetched sees what the leader had done before.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use fusebox::proof::Flight;
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::harness::{at_once, both_at_once, model, model_within};

type Outcome = Result<u64, &'static str>;

/// A flight, how many calls were made, and what the leader did beside the word.
struct Scene {
    flight: Flight<Outcome>,
    calls: AtomicU64,
    beside: UnsafeCell<u64>,
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Self { flight: Flight::open(), calls: AtomicU64::new(0), beside: UnsafeCell::new(0) })
    }

    /// Makes the call, or waits for it.
    fn fetch(&self, outcome: Outcome) -> Outcome {
        let got = block_on(self.flight.board()).unwrap_or_else(|| {
            self.calls.fetch_add(1, Relaxed);
            self.beside.with_mut(|beside| unsafe { *beside = 7 });
            self.flight.land(outcome);
            outcome
        });
        assert_eq!(self.beside.with(|beside| unsafe { *beside }), 7, "what the leader did is seen");
        got
    }

    /// Leads if nobody does, and gives up.
    fn give_up(&self) {
        if self.flight.lead() {
            self.flight.reopen();
        }
    }

    /// Looks once whether there is an answer, and leaves; gives up if it is to lead.
    fn look_once(&self) {
        let board = pin!(self.flight.board());
        if board.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(None) {
            self.flight.reopen();
        }
    }
}

#[test]
fn three_who_want_one_thing_at_once_make_one_call() {
    model_within(2, || {
        let scene = Scene::new();
        let fetch = |scene: &Arc<Scene>| scene.fetch(Ok(5));
        let all = at_once(&scene, fetch, fetch, fetch);
        assert_eq!(all, (Ok(5), Ok(5), Ok(5)));
        assert_eq!(scene.calls.load(Relaxed), 1, "one call");
    });
}

#[test]
fn a_leader_that_gives_up_wedges_nobody() {
    model_within(2, || {
        let scene = Scene::new();
        let fetch = |scene: &Arc<Scene>| scene.fetch(Ok(5));
        let (one, other, ()) = at_once(&scene, fetch, fetch, |scene| scene.give_up());
        assert_eq!((one, other), (Ok(5), Ok(5)));
        assert_eq!(scene.calls.load(Relaxed), 1, "one call");
    });
}

#[test]
fn a_follower_that_leaves_wedges_nobody() {
    model_within(2, || {
        let scene = Scene::new();
        let fetch = |scene: &Arc<Scene>| scene.fetch(Ok(5));
        let (one, (), other) = at_once(&scene, fetch, |scene| scene.look_once(), fetch);
        assert_eq!((one, other), (Ok(5), Ok(5)));
    });
}

#[test]
fn a_landing_between_the_look_and_the_wait_is_not_missed() {
    model(|| {
        let scene = Scene::new();
        let fetch = |scene: &Arc<Scene>| scene.fetch(Ok(5));
        assert_eq!(both_at_once(&scene, fetch, fetch), (Ok(5), Ok(5)));
    });
}

#[test]
fn a_failure_is_told_to_all_and_none_asks_again() {
    model_within(2, || {
        let scene = Scene::new();
        let fetch = |scene: &Arc<Scene>| scene.fetch(Err("down"));
        let all = at_once(&scene, fetch, fetch, fetch);
        assert_eq!(all, (Err("down"), Err("down"), Err("down")));
        assert_eq!(scene.calls.load(Relaxed), 1, "one call");
    });
}
