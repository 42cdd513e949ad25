//! Real threads at one shedder: calls that end in every way there is, by the ten thousand.
//!
//! 1. Never are more inside than there are slots, by a count of the test's own; and none of a priority beyond its limit.
//! 2. When all have ended, all slots are free, nobody waits, and the counts add up.
//! 3. While the capacity moves under them, and while they wait for each other.

#![cfg(feature = "std")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

use std::future::{Future, Pending, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::time::Duration;

use fusebox::pressure::{
    Adaptation, Adaptive, Algorithm, Capacity, Counters, Fixed, LoadShedder, Outcome, Priority,
};
use fusebox::time::StdClock;

type Shedder = LoadShedder<Fixed, StdClock, (), Counters>;

const THREADS: u64 = 8;
const CALLS: u64 = if cfg!(debug_assertions) { 20_000 } else { 200_000 };

/// Slots, and what the callers count themselves.
struct Scene {
    shedder: Arc<Shedder>,
    inside: AtomicU32,
    admitted: AtomicU64,
    refused: AtomicU64,
    /// The most slots there ever were.
    most: u32,
}

impl Scene {
    fn of(slots: u32, most: u32) -> Self {
        let told = Capacity::of(slots).waiting_room(4).build().unwrap();
        let shedder = LoadShedder::with_parts(told, StdClock, (), Counters::new());
        let (inside, admitted, refused) = (AtomicU32::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { shedder: Arc::new(shedder), inside, admitted, refused, most }
    }

    /// Is inside for a moment.
    fn work(&self) {
        self.admitted.fetch_add(1, SeqCst);
        let inside = self.inside.fetch_add(1, SeqCst) + 1;
        assert!(inside <= self.most, "{inside} inside of {}", self.most);
        if self.admitted.load(SeqCst) % 16 == 0 {
            std::thread::yield_now();
        }
        self.inside.fetch_sub(1, SeqCst);
    }

    /// One call in one of the ways there are; whether it was let in.
    fn call(&self, number: u64) -> bool {
        let priority = Priority::ALL[(number % 5) as usize];
        match number % 7 {
            0 => self.shedder.admit(priority).map(|permit| (self.work(), permit.success()).1).is_ok(),
            1 => self.shedder.admit(priority).map(|permit| (self.work(), permit.overload()).1).is_ok(),
            2 => self.shedder.admit_owned(priority).map(|permit| (self.work(), drop(permit)).1).is_ok(),
            3 => self.panics(priority),
            4 => self.is_given_up(priority),
            5 => self.shedder.call(priority, || (self.work(), Err::<(), _>(())).1).is_ok(),
            _ => self.waits(priority, number % 3 == 0),
        }
    }

    fn panics(&self, priority: Priority) -> bool {
        let Ok(permit) = self.shedder.admit(priority) else { return false };
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _permit = permit;
            self.work();
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(ended.is_err());
        true
    }

    /// A call that is dropped while it waits for its answer.
    fn is_given_up(&self, priority: Priority) -> bool {
        let admitted = AtomicU32::new(0);
        let answer = async {
            admitted.fetch_add(1, SeqCst);
            self.work();
            pending::<Result<(), ()>>().await
        };
        let mut call = Box::pin(self.shedder.call_async(priority, answer));
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(call);
        admitted.load(SeqCst) == 1
    }

    fn waits(&self, priority: Priority, patiently: bool) -> bool {
        let never = |_: Duration| -> Pending<()> { pending() };
        let mut wait = Box::pin(self.shedder.admit_within(priority, Duration::from_secs(1), &never));
        let admitted = if patiently {
            // Others are inside, or it would not wait; they end.
            Some(futures::executor::block_on(wait))
        } else {
            match wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                std::task::Poll::Ready(admitted) => Some(admitted),
                std::task::Poll::Pending => None,
            }
        };
        match admitted {
            Some(Ok(permit)) => {
                self.work();
                permit.record(Outcome::Success);
                true
            }
            _ => false,
        }
    }

    fn storm(&self) {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    for call in 0..CALLS {
                        if !self.call(call * THREADS + thread) {
                            self.refused.fetch_add(1, SeqCst);
                        }
                    }
                });
            }
        });
    }

    fn is_at_rest(&self) {
        let (look, counts) = (self.shedder.look(), self.shedder.counts());
        assert_eq!((look.depth, look.waiting, self.inside.load(SeqCst)), (0, 0, 0));
        assert_eq!(counts.admitted_in_all(), self.admitted.load(SeqCst));
        assert_eq!((counts.in_flight(), counts.shadowed, counts.closed), (0, 0, [0; 5]));
        let (admitted, refused) = (self.admitted.load(SeqCst), self.refused.load(SeqCst));
        assert_eq!(admitted + refused, THREADS * CALLS);
        assert!(look.highest <= self.most);
        let others = [counts.shed, counts.late, counts.left].iter().flatten().sum::<u64>();
        assert_eq!(others, refused, "{counts:?}");
        println!("{admitted} admitted, {refused} not, {} at once", look.highest);
    }
}

#[test]
fn no_more_are_inside_than_there_are_slots_and_all_come_out() {
    for slots in [1, 2, 3, 6] {
        let scene = Scene::of(slots, slots);
        scene.storm();
        scene.is_at_rest();
    }
}

#[test]
fn the_capacity_moves_under_them() {
    let scene = Scene::of(5, 5);
    let over = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut slots = 1;
            while over.load(SeqCst) == 0 {
                scene.shedder.set_capacity(slots).unwrap();
                slots = slots % 5 + 1;
                std::thread::yield_now();
            }
        });
        scene.storm();
        over.store(1, SeqCst);
    });
    scene.is_at_rest();
}

#[test]
fn a_drain_beside_a_storm_ends_with_all_slots_free_and_nobody_let_in() {
    let scene = Scene::of(4, 4);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let scene = &scene;
            scope.spawn(move || (0..CALLS).for_each(|call| _ = scene.call(call * THREADS + thread)));
        }
        assert!(scene.shedder.drain_blocking(Duration::from_secs(60)).is_ok());
        let admitted = scene.shedder.counts().admitted_in_all();
        assert!(scene.shedder.admit(Priority::Critical).is_err());
        assert_eq!(scene.shedder.counts().admitted_in_all(), admitted);
    });
    assert_eq!((scene.shedder.look().depth, scene.shedder.look().waiting), (0, 0));
}

#[test]
fn an_adaptive_capacity_stays_within_its_bounds_and_loses_no_slot() {
    for algorithm in [Algorithm::Gradient, Algorithm::Vegas, Algorithm::Aimd] {
        let adaptation = Adaptation::of(Capacity::of(6).build().unwrap())
            .algorithm(algorithm)
            .between(2, 10)
            .window(Duration::from_micros(50), 4)
            .build()
            .unwrap();
        let shedder: LoadShedder<Adaptive, StdClock, (), Counters> =
            LoadShedder::adaptive_with_parts(adaptation, StdClock, (), Counters::new());
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let shedder = &shedder;
                scope.spawn(move || {
                    for call in 0..CALLS {
                        let Ok(permit) = shedder.admit(Priority::Critical) else { continue };
                        if call % 64 == 0 {
                            std::thread::yield_now();
                        }
                        permit.record(if (call + thread) % 97 == 0 {
                            Outcome::Overload
                        } else {
                            Outcome::Success
                        });
                        assert!((2..=10).contains(&shedder.look().capacity));
                    }
                });
            }
        });
        assert_eq!((shedder.look().depth, shedder.counts().in_flight()), (0, 0));
        assert!(shedder.baseline().is_some(), "{algorithm}: windows were worked out");
    }
}
