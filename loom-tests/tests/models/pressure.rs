//! 1. The cap is never exceeded, with one slot and with two, and a slot that is given back is seen with all that was done in it.
//! 2. Critical respects the cap, whoever fills the rest.
//! 3. A permit gives back once, whatever drops it.
//! 4. Lowering the capacity under permits revokes none, and admits nobody beyond it.
//! 5. Whoever is admitted beside a closing is seen by the drain; afterwards nobody is.
//! 6. A drain sees the last release.
//!
//! Each of them fails for the naive form (load, check, add), which is kept in `pressure_naive.rs` to be seen failing.

use std::sync::Arc;

use fusebox::pressure::{Capacity, Counters, Fixed, LoadShedder, Priority};
use fusebox::time::ManualClock;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::harness::{at_once, both_at_once, model, model_within};

pub type Shedder = LoadShedder<Fixed, ManualClock>;

pub fn shedder(slots: u32) -> Arc<Shedder> {
    let capacity = Capacity::of(slots).waiting_room(2).build().unwrap();
    Arc::new(LoadShedder::new(capacity).with_clock(ManualClock::new()))
}

/// Slots, and how many are inside at once.
struct Watched {
    shedder: Arc<Shedder>,
    inside: AtomicU64,
}

impl Watched {
    fn of(slots: u32) -> Arc<Self> {
        Arc::new(Self { shedder: shedder(slots), inside: AtomicU64::new(0) })
    }

    /// Asks, and if admitted looks how many are inside.
    fn visit(&self, priority: Priority, most: u64) -> bool {
        let Ok(permit) = self.shedder.admit(priority) else { return false };
        assert!(self.inside.fetch_add(1, Relaxed) < most, "the cap is exceeded");
        self.inside.fetch_sub(1, Relaxed);
        permit.success();
        true
    }
}

#[test]
fn one_slot_is_held_by_one() {
    model(|| {
        // What is done in the slot is written without any other protection.
        let slot = Arc::new((shedder(1), UnsafeCell::new(0_u32)));
        let work = |slot: &Arc<(Arc<Shedder>, UnsafeCell<u32>)>| {
            let Ok(permit) = slot.0.admit(Priority::Normal) else { return 0 };
            slot.1.with_mut(|done| {
                // SAFETY: for loom to judge.
                #[allow(unsafe_code, reason = "a payload whose races loom sees")]
                unsafe {
                    *done += 1;
                }
            });
            drop(permit);
            1
        };
        let (one, two, three) = at_once(&slot, work, work, work);
        assert!((1..=3).contains(&(one + two + three)), "one of them found it free");
        assert_eq!(slot.0.look().depth, 0);
        assert_eq!(slot.0.look().highest, 1);
    });
}

#[test]
fn two_slots_are_never_held_by_three() {
    model_within(2, || {
        let watched = Watched::of(2);
        let visit = |watched: &Arc<Watched>| watched.visit(Priority::Critical, 2);
        at_once(&watched, visit, visit, visit);
        assert_eq!(watched.shedder.look().depth, 0);
    });
}

#[test]
fn critical_respects_the_cap_whoever_fills_the_rest() {
    model_within(2, || {
        let watched = Watched::of(2);
        let (_, low, _) = at_once(
            &watched,
            |watched| watched.visit(Priority::Critical, 2),
            |watched| watched.visit(Priority::Background, 2),
            |watched| watched.visit(Priority::Critical, 2),
        );
        let _ = low;
        assert!(watched.shedder.look().highest <= 2);
    });
}

#[test]
fn a_permit_gives_back_once_whatever_drops_it() {
    model(|| {
        let shedder = shedder(2);
        let (sent, ours) = (shedder.admit_owned(Priority::Normal), shedder.admit_owned(Priority::Critical));
        let (sent, ours) =
            (std::sync::Mutex::new(Some(sent.unwrap())), std::sync::Mutex::new(Some(ours.unwrap())));
        let shared = Arc::new((Arc::clone(&shedder), sent, ours));
        type Shared = Arc<(Arc<Shedder>, std::sync::Mutex<Option<Owned>>, std::sync::Mutex<Option<Owned>>)>;
        type Owned = fusebox::pressure::OwnedPermit<Fixed, ManualClock>;
        let ((), (), admitted) = at_once(
            &shared,
            |shared: &Shared| drop(shared.1.lock().unwrap().take()),
            |shared: &Shared| shared.2.lock().unwrap().take().unwrap().overload(),
            |shared: &Shared| shared.0.admit(Priority::Critical).is_ok(),
        );
        let _ = admitted;
        assert_eq!(shedder.look().depth, 0);
        let both = (shedder.admit(Priority::Critical), shedder.admit(Priority::Critical));
        assert!(both.0.is_ok() && both.1.is_ok() && shedder.admit(Priority::Critical).is_err());
    });
}

#[test]
fn lowering_the_capacity_under_permits_revokes_none_and_admits_nobody_beyond_it() {
    model(|| {
        let shedder = shedder(2);
        let held = shedder.admit_owned(Priority::Critical).unwrap();
        let held = std::sync::Mutex::new(Some(held));
        let shared = Arc::new((Arc::clone(&shedder), held));
        let ((), (), admitted) = at_once(
            &shared,
            |shared| {
                assert_eq!(shared.0.set_capacity(1), Ok(2));
                // From here on one at most is let in, and only once all others are out.
                if let Ok(permit) = shared.0.admit(Priority::Critical) {
                    assert_eq!(shared.0.look().depth, 1);
                    drop(permit);
                }
            },
            |shared| drop(shared.1.lock().unwrap().take()),
            |shared| shared.0.admit(Priority::Critical).map(drop).is_ok(),
        );
        let _ = admitted;
        assert_eq!((shedder.look().depth, shedder.look().capacity), (0, 1));
    });
}

#[test]
fn whoever_is_admitted_beside_a_closing_is_seen_and_afterwards_nobody_is() {
    model(|| {
        let shedder = shedder(2);
        let visit = |shedder: &Arc<Shedder>| shedder.admit(Priority::Normal).map(drop).is_ok();
        at_once(&shedder, visit, visit, |shedder| {
            shedder.close();
            assert!(shedder.admit(Priority::Critical).is_err(), "closed");
        });
        assert_eq!((shedder.look().depth, shedder.look().closed), (0, true));
    });
}

#[test]
fn a_drain_sees_the_last_release() {
    model(|| {
        let slot = Arc::new((shedder(2), UnsafeCell::new(0_u32)));
        let work = |slot: &Arc<(Arc<Shedder>, UnsafeCell<u32>)>| {
            if let Ok(permit) = slot.0.admit(Priority::Background) {
                slot.1.with_mut(|_| ());
                permit.success();
            }
        };
        both_at_once(&slot, work, |slot| {
            let never = |_| std::future::pending();
            let drained = loom::future::block_on(slot.0.drain(&never, std::time::Duration::from_secs(1)));
            assert!(drained.is_ok());
            // All that was done in slots has happened before.
            slot.1.with_mut(|_| ());
        });
    });
}

#[test]
fn counters_add_up() {
    model_within(2, || {
        let capacity = Capacity::of(1).build().unwrap();
        let shedder: LoadShedder<Fixed, ManualClock, (), Counters> =
            LoadShedder::with_parts(capacity, ManualClock::new(), (), Counters::new());
        let shedder = Arc::new(shedder);
        let visit = |shedder: &Arc<LoadShedder<Fixed, ManualClock, (), Counters>>| {
            u64::from(shedder.admit(Priority::High).map(drop).is_ok())
        };
        let (one, two, three) = at_once(&shedder, visit, visit, visit);
        let counts = shedder.counts();
        assert_eq!(counts.admitted_of(Priority::High), one + two + three);
        assert_eq!(counts.shed_of(Priority::High), 3 - one - two - three);
        assert_eq!((counts.ignored, counts.in_flight()), (one + two + three, 0));
    });
}
