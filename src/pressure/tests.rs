//! The transition table row by row, then each behaviour as a sentence.

#![allow(
    clippy::pedantic,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect, and counts what is small"
)]

use std::cell::Cell as Plain;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::task::noop_waker;

use crate::observe::observe_with;
use crate::pressure::policy::Share;
use crate::pressure::rules::{self, Arrival, Freed};
use crate::pressure::word::Slots;
use crate::pressure::{Adaptation, Capacity, Event, LoadShedder, Outcome, Priority, Refused, Shutdown, Why};
use crate::time::{Instant, ManualClock};

use Priority::{Background, Critical, High, Low, Normal};

fn slots(depth: u32, capacity: u32, waiting: u32, closed: bool) -> Slots {
    Slots { depth, capacity, waiting, closed }
}

/// What Normal and all above may fill, in these tests: half.
fn half() -> Share {
    Capacity::of(1).thresholds([0.5, 0.5, 0.5, 0.5, 1.0]).constant().shares.of(Normal)
}

#[test]
fn the_table_holds_row_by_row() {
    // Of four slots two.
    let (open, full) = (slots(1, 4, 0, false), slots(2, 4, 0, false));
    assert_eq!(rules::admit(open, half()), Some(full));
    assert_eq!(rules::admit(full, half()), None);
    let closed = slots(1, 4, 0, true);
    assert_eq!(rules::admit(closed, half()), None);
    // Of five slots three: a share is rounded up.
    assert_eq!(rules::admit(slots(2, 5, 0, false), half()), Some(slots(3, 5, 0, false)));
    assert_eq!(rules::admit(slots(3, 5, 0, false), half()), None);

    assert_eq!(rules::enqueue(open, half()), (full, Arrival::Admitted { depth: 2 }));
    assert_eq!(rules::enqueue(full, half()), (slots(2, 4, 1, false), Arrival::Waits));
    let some = slots(2, 4, 3, false);
    assert_eq!(rules::enqueue(some, half()), (slots(2, 4, 4, false), Arrival::Waits));
    assert_eq!(rules::enqueue(closed, half()), (closed, Arrival::Refused(closed)));
    let crowded = slots(2, 4, 32_767, false);
    assert_eq!(rules::enqueue(crowded, half()), (crowded, Arrival::Refused(crowded)));

    assert_eq!(rules::freed(open), Freed::Quietly);
    assert_eq!(rules::freed(some), Freed::Wanted);
    assert_eq!(rules::freed(closed), Freed::Drained);
    assert_eq!(rules::freed(slots(2, 4, 3, true)), Freed::Quietly);
    assert_eq!(rules::leave(some), slots(2, 4, 2, false));
}

fn of(slots: u32) -> LoadShedder {
    LoadShedder::new(Capacity::of(slots).build().unwrap())
}

#[test]
fn what_matters_less_is_shed_while_what_matters_more_finds_room() {
    let shedder = of(100);
    let mut held = Vec::new();
    for (priority, limit) in [(Background, 50), (Low, 70), (Normal, 85), (High, 95), (Critical, 100)] {
        while let Ok(permit) = shedder.admit(priority) {
            held.push(permit);
        }
        assert_eq!((held.len(), shedder.limit(priority)), (limit, limit as u32), "{priority}");
    }
    assert_eq!(shedder.look().highest, 100);
    held.truncate(94);
    assert!(shedder.admit(Normal).is_err());
    assert!(shedder.admit(High).is_ok());
}

#[test]
fn a_refusal_tells_the_facts() {
    let shedder = of(2);
    let _held = (shedder.admit(Critical), shedder.admit(Critical));
    let Err(Refused::Shed(shed)) = shedder.admit(Low) else { panic!("two of two are taken") };
    assert_eq!((shed.depth, shed.limit, shed.priority), (2, 2, Low));
    assert_eq!(shed.to_string(), "shed: 2 slots are taken, and low priority may fill 2");
    shedder.close();
    let Err(Refused::Closed(closed)) = shedder.admit(Critical) else { panic!("it is closed") };
    assert_eq!((closed.depth, closed.priority), (2, Critical));
}

#[test]
fn a_slot_is_given_back_once_whatever_ends_the_permit() {
    let shedder = Arc::new(of(4).counted());
    shedder.admit(Normal).unwrap().success();
    shedder.admit(Normal).unwrap().overload();
    shedder.admit(Normal).unwrap().record(Outcome::Ignored);
    drop(shedder.admit_owned(Normal).unwrap());
    let panicked = std::panic::catch_unwind(|| {
        let _permit = shedder.admit(Normal).unwrap();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panicked.is_err());
    let counts = shedder.counts();
    assert_eq!((counts.succeeded, counts.overloaded, counts.ignored), (1, 1, 3));
    assert_eq!((counts.in_flight(), shedder.look().depth), (0, 0));
}

#[test]
fn an_observer_sees_refusals_resizes_and_the_closing_once() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let shedder = of(1).with_observer(observe_with(move |event: &Event| told.lock().unwrap().push(*event)));
    let held = shedder.admit(High).unwrap();
    let refused = shedder.admit(Low).unwrap_err();
    shedder.set_capacity(2).unwrap();
    shedder.set_capacity(2).unwrap();
    shedder.close();
    shedder.close();
    drop(held);
    let expected = [
        Event::Refused(refused),
        Event::Resized { from: 1, to: 2, why: Why::ByHand },
        Event::Closed { depth: 1 },
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn a_hook_that_panics_harms_nobody_and_is_counted() {
    let hook = observe_with(|_: &Event| std::panic::resume_unwind(Box::new(())));
    let shedder = of(1).with_observer(hook).counted();
    let held = shedder.admit(Normal).unwrap();
    assert!(shedder.admit(Normal).is_err());
    drop(held);
    assert!(shedder.admit(Normal).is_ok());
    assert_eq!(shedder.counts().hook_panics, 1);
}

#[test]
fn a_wrong_capacity_is_refused_and_changes_nothing() {
    let shedder = of(3);
    assert_eq!(shedder.set_capacity(0).unwrap_err().field(), "capacity");
    assert_eq!(shedder.set_capacity(1 << 24).unwrap_err().field(), "capacity");
    assert_eq!(shedder.look().capacity, 3);
}

/// A future that is polled by hand.
struct Polled<F>(Pin<Box<F>>);

impl<F: Future> Polled<F> {
    fn new(future: F) -> Self {
        Self(Box::pin(future))
    }

    fn poll(&mut self) -> Poll<F::Output> {
        self.0.as_mut().poll(&mut Context::from_waker(&noop_waker()))
    }

    fn is_pending(&mut self) -> bool {
        self.poll().is_pending()
    }

    fn now(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it still waits"),
        }
    }
}

const LONG: Duration = Duration::from_secs(60);

fn never(_: Duration) -> impl Future<Output = ()> {
    pending()
}

fn at_once(_: Duration) -> impl Future<Output = ()> {
    std::future::ready(())
}

#[test]
fn the_highest_priority_is_served_first_and_within_one_whoever_came_first() {
    let shedder = of(1);
    let held = shedder.admit(Critical).unwrap();
    let wait = |priority| Polled::new(shedder.admit_within(priority, LONG, &never));
    let (mut low, mut first, mut second) = (wait(Low), wait(High), wait(High));
    assert!(low.is_pending() && first.is_pending() && second.is_pending());
    assert_eq!(shedder.look().waiting, 3);
    drop(held);
    assert!(low.is_pending() && second.is_pending());
    assert!(shedder.admit(Critical).is_err(), "the slot was handed on, and is nobody else's");
    let permit = first.now().unwrap();
    assert_eq!(shedder.look().depth, 1);
    drop(permit);
    drop(second.now().unwrap());
    drop(low.now().unwrap());
    assert_eq!((shedder.look().depth, shedder.look().waiting), (0, 0));
}

#[test]
fn whoever_gives_up_waiting_passes_on_a_slot_that_was_handed_to_it() {
    let shedder = of(1);
    let held = shedder.admit(Critical).unwrap();
    let wait = || Polled::new(shedder.admit_within(Normal, LONG, &never));
    let (mut first, mut second, mut third) = (wait(), wait(), wait());
    assert!(first.is_pending() && second.is_pending() && third.is_pending());
    drop(second);
    drop(held);
    drop(first);
    assert_eq!(shedder.look().depth, 1);
    drop(third.now().unwrap());
    assert_eq!((shedder.look().depth, shedder.look().waiting), (0, 0));
}

#[test]
fn a_waiter_never_fills_more_than_its_priority_may() {
    let shedder = of(10);
    let mut held: Vec<_> = (0..10).map(|_| shedder.admit(Critical).unwrap()).collect();
    let mut background = Polled::new(shedder.admit_within(Background, LONG, &never));
    assert!(background.is_pending());
    while held.len() > 5 {
        held.pop();
        assert!(background.is_pending(), "{} are taken", held.len());
    }
    held.pop();
    assert_eq!(background.now().unwrap().priority(), Background);
}

#[test]
fn a_full_waiting_room_sheds_and_one_that_is_closed_sends_all_home() {
    let told = Capacity::of(1).waiting_room(1).build().unwrap();
    let shedder = LoadShedder::new(told).counted();
    let _held = shedder.admit(Critical).unwrap();
    let mut waits = Polled::new(shedder.admit_within(Normal, LONG, &never));
    assert!(waits.is_pending());
    let mut too_many = Polled::new(shedder.admit_within(Critical, LONG, &never));
    assert!(matches!(too_many.now(), Err(Refused::Shed(_))));
    shedder.close();
    assert!(waits.now().unwrap_err().is_closed());
    assert_eq!(shedder.look().waiting, 0);
    let counts = shedder.counts();
    assert_eq!((counts.shed_of(Critical), counts.closed[Normal as usize]), (1, 1));
}

#[test]
fn more_capacity_is_for_those_who_wait() {
    let shedder = of(1);
    let _held = shedder.admit(Critical).unwrap();
    let mut waits = Polled::new(shedder.admit_within(Critical, LONG, &never));
    assert!(waits.is_pending());
    shedder.set_capacity(2).unwrap();
    assert!(waits.now().is_ok());
}

/// With a waiting room of these manners: how long the second of two is willing to wait, and what it is told.
fn patience(told: Capacity, later: Duration) -> (Duration, Refused) {
    let shedder = LoadShedder::new(told).with_clock(ManualClock::new());
    let _held = shedder.admit(Critical).unwrap();
    let mut stands = Polled::new(shedder.admit_within(Normal, LONG, &never));
    assert!(stands.is_pending());
    shedder.clock().advance(later);
    let asked = Plain::new(Duration::ZERO);
    let sleeper = |wait| {
        asked.set(wait);
        at_once(wait)
    };
    let refused = Polled::new(shedder.admit_within(Normal, LONG, &sleeper)).now().unwrap_err();
    (asked.get(), refused)
}

#[test]
fn whoever_can_no_longer_be_served_in_time_leaves_early_or_does_not_wait() {
    let plain = Capacity::of(1);
    let (waited, refused) = patience(plain.build().unwrap(), LONG);
    assert!(matches!(refused, Refused::Late(late) if !late.stale && waited == LONG));
    let service = Duration::from_secs(20);
    let (waited, refused) = patience(plain.service_time(service).build().unwrap(), LONG);
    assert!(matches!(refused, Refused::Late(late) if !late.stale && waited == LONG - service));
    let shedder = LoadShedder::new(plain.service_time(LONG).build().unwrap());
    let _held = shedder.admit(Critical).unwrap();
    let hopeless = Polled::new(shedder.admit_within(Critical, LONG, &never)).now().unwrap_err();
    assert!(matches!(hopeless, Refused::Late(late) if late.waited.is_zero()));
}

#[test]
fn a_told_service_time_goes_before_a_measured_one() {
    let told = Capacity::of(4).service_time(Duration::from_secs(20)).constant();
    let shedder = LoadShedder::adaptive(
        Adaptation::of(told).between(1, 4).window(Duration::from_millis(1), 1).constant(),
    );
    for nanos in (1..20).map(|step| step * 10_000_000) {
        let began = Instant::from_nanos(nanos);
        let ended = began.saturating_add(Duration::from_millis(5));
        shedder.admit_at(Critical, began).unwrap().record_at(Outcome::Success, ended);
    }
    let _held: Vec<_> = core::iter::from_fn(|| shedder.admit(Critical).ok()).collect();
    let asked = Plain::new(Duration::ZERO);
    let sleeper = |wait| {
        asked.set(wait);
        at_once(wait)
    };
    assert!(Polled::new(shedder.admit_within(Critical, LONG, &sleeper)).now().is_err());
    assert_eq!(asked.get(), Duration::from_secs(40));
}

#[test]
fn once_the_queue_has_stood_for_the_interval_nobody_waits_longer_than_the_target() {
    let (target, interval) = (Duration::from_millis(5), Duration::from_millis(100));
    let told = Capacity::of(1).codel(target, interval).build().unwrap();
    assert_eq!(patience(told, interval).0, interval, "not longer than the interval yet");
    let (waited, refused) = patience(told, interval + Duration::from_nanos(1));
    assert!(matches!(refused, Refused::Late(late) if late.stale && waited == target), "{refused:?}");
}

#[test]
fn in_shadow_nobody_waits_and_a_closing_is_a_closing() {
    let shedder = of(1).counted();
    shedder.set_shadow(true);
    let _held = shedder.admit(Critical).unwrap();
    assert!(Polled::new(shedder.admit_within(Critical, LONG, &never)).now().unwrap().is_shadowed());
    shedder.close();
    assert!(shedder.admit(Critical).unwrap_err().is_closed());
    assert!(Polled::new(shedder.admit_within(Critical, LONG, &never)).now().unwrap_err().is_closed());
}

#[test]
fn whoever_leaves_the_queue_is_counted() {
    let shedder = of(1).counted();
    let _held = shedder.admit(Critical).unwrap();
    let mut waits = Polled::new(shedder.admit_within(High, LONG, &never));
    assert!(waits.is_pending());
    drop(waits);
    assert_eq!(shedder.counts().left[High as usize], 1);
}

#[test]
fn other_parts_change_nothing_else() {
    let shedder = of(3);
    drop(shedder.admit(Critical));
    shedder.set_shadow(true);
    shedder.close();
    let shedder = shedder.counted().with_clock(ManualClock::new()).with_observer(());
    assert!(shedder.is_closed() && shedder.is_shadow() && shedder.look().highest == 1);
}

/// Drops what it woke, inside the wake.
struct DropsWhatItWakes(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl std::task::Wake for DropsWhatItWakes {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

#[test]
fn a_waker_may_drop_the_waiter() {
    let shedder = Arc::new(of(1));
    let held = shedder.admit(Critical).unwrap();
    let waiter = Arc::new(DropsWhatItWakes(Mutex::new(None)));
    let waiting = Arc::clone(&shedder);
    let mut wait: Pin<Box<dyn Future<Output = ()> + Send>> =
        Box::pin(async move { drop(waiting.admit_within(Normal, LONG, &|_| pending()).await) });
    assert!(wait.as_mut().poll(&mut Context::from_waker(&Arc::clone(&waiter).into())).is_pending());
    *waiter.0.lock().unwrap() = Some(wait);
    drop(held);
    assert_eq!((shedder.look().depth, shedder.look().waiting), (0, 0));
}

#[test]
fn draining_closes_and_waits_for_the_last_permit() {
    let shedder = of(2);
    let held = (shedder.admit(Normal).unwrap(), shedder.admit(Normal).unwrap());
    let mut drained = Polled::new(shedder.drain(&never, LONG));
    assert!(drained.is_pending() && shedder.is_closed());
    drop(held.0);
    assert!(drained.is_pending());
    drop(held.1);
    assert!(drained.now().is_ok());
    assert!(Polled::new(shedder.drain(&at_once, LONG)).now().is_ok());
}

#[test]
fn a_shutdown_closes_all_at_once_and_tells_what_was_left_where() {
    let (quick, slow, idle) = (of(2), of(2), of(2));
    let (soon, _never) = (quick.admit(Normal).unwrap(), slow.admit(Normal).unwrap());
    let over = Plain::new(false);
    let sleeper = |_| std::future::poll_fn(|_| if over.get() { Poll::Ready(()) } else { Poll::Pending });
    let stop = Shutdown::new().part("quick", &quick).part("slow", &slow).part("idle", &idle);
    let mut stopped = Polled::new(stop.stop(&sleeper, LONG));
    assert!(stopped.is_pending());
    assert!(quick.is_closed() && slow.is_closed() && idle.is_closed());
    drop(soon);
    assert!(stopped.is_pending());
    over.set(true);
    let stopped = stopped.now();
    assert_eq!(stopped.parts().collect::<Vec<_>>(), [("quick", 0), ("slow", 1), ("idle", 0)]);
    assert_eq!(stopped.left(), 1);
}
