//! What a cache promises, as sentences.

#![allow(
    clippy::pedantic,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect, and counts what is small"
)]

use std::cell::Cell;
use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::executor::block_on;

use super::{By, Counters, Event, Freshness, LastGood, Missed, Served, Why};
use crate::observe::observe_with;
use crate::time::{Instant, ManualClock};

pub(super) type Cache<O = ()> = LastGood<String, u32, ManualClock, O, Counters>;
pub(super) type Answer = Result<Served<u32>, Missed<&'static str>>;

const TOLD: Freshness =
    Freshness::of(64).fresh(Duration::from_secs(10)).stale(Duration::from_secs(60)).constant();

pub(super) fn cache() -> Arc<Cache> {
    Arc::new(LastGood::with_parts(TOLD, ManualClock::new(), (), Counters::new()))
}

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn at(seconds: u64) -> Instant {
    Instant::ORIGIN.saturating_add(secs(seconds))
}

pub(super) fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn serve<O: crate::observe::Observer<Event>>(cache: &Cache<O>, result: Result<u32, &'static str>) -> Answer {
    block_on(cache.serve("a", || ready(result)))
}

pub(super) fn cached(value: u32, age: u64, why: Why) -> Answer {
    Ok(Served { value, by: By::Cached { age: secs(age) }, why: Some(why) })
}

/// Nobody is in flight, and all who asked are counted.
pub(super) fn is_at_rest<O>(cache: &LastGood<String, u32, ManualClock, O, Counters>, asked: u64) {
    assert_eq!(cache.in_flight(), 0, "a flight is wedged");
    assert_eq!(cache.counts().asked(), asked, "{:?}", cache.counts());
}

#[test]
fn what_is_fresh_serves_and_nobody_is_asked() {
    let cache = cache();
    assert_eq!(serve(&cache, Ok(1)), Ok(Served::live(1)));
    cache.clock().set(at(10));
    let never = || -> std::future::Ready<Result<u32, &str>> { panic!("nobody is asked") };
    assert_eq!(block_on(cache.serve("a", never)), cached(1, 10, Why::Fresh));
    is_at_rest(&cache, 2);
}

#[test]
fn what_is_stale_stands_in_for_an_error_and_what_is_beyond_never_does() {
    let cache = cache();
    cache.put_at("a".into(), 1, at(0));
    cache.clock().set(at(60));
    assert_eq!(serve(&cache, Err("down")), cached(1, 60, Why::Failed));
    assert_eq!(cache.get("a").map(|held| (held.age, held.is_fresh)), Some((secs(60), false)));
    cache.clock().set(at(60).saturating_add(Duration::from_nanos(1)));
    assert_eq!(serve(&cache, Err("down")), Err(Missed::Failed("down")));
    assert!(cache.get("a").is_none());
    is_at_rest(&cache, 2);
}

#[test]
fn what_grows_too_old_during_the_call_does_not_stand_in() {
    let cache = cache();
    cache.put_at("a".into(), 1, at(0));
    cache.clock().set(at(59));
    let call = || {
        cache.clock().set(at(61));
        ready(Err("down"))
    };
    assert_eq!(block_on(cache.serve("a", call)), Err(Missed::Failed("down")));
}

#[test]
fn an_error_that_is_not_chosen_goes_to_the_caller_and_forgets_nothing() {
    let cache = cache();
    cache.put_at("a".into(), 1, at(0));
    cache.clock().set(at(20));
    let choose = |error: &&str| (*error == "down").then_some(Why::Failed);
    let missed = block_on(cache.serve_with(choose, "a", || ready(Err("no such user"))));
    assert_eq!(missed, Err(Missed::Failed("no such user")));
    let served = block_on(cache.serve_with(choose, "a", || ready(Err("down"))));
    assert_eq!(served, cached(1, 20, Why::Failed));
}

#[test]
fn all_who_ask_at_once_share_one_call() {
    let cache = cache();
    let (sender, receiver) = futures_oneshot();
    let mut first = pin!(cache.serve("a", || receiver));
    assert!(poll(first.as_mut()).is_pending());
    let never = || -> std::future::Ready<Result<u32, &str>> { panic!("one call") };
    let mut second = pin!(cache.serve("a", never));
    let mut other = pin!(cache.serve("b", || ready(Ok::<_, &str>(9))));
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(poll(other.as_mut()), Poll::Ready(Ok(Served::live(9))), "another key waits for nobody");
    sender.set(Some(Ok(1)));
    assert_eq!(poll(first.as_mut()), Poll::Ready(Ok(Served::live(1))));
    assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(Served::live(1))));
    is_at_rest(&cache, 3);
}

/// A key whose clone, made between the look and the seat, lands somebody else's value.
#[derive(PartialEq, Eq, Hash)]
struct Key(u32);

static LANDS: std::sync::LazyLock<LastGood<Key, u32>> = std::sync::LazyLock::new(|| LastGood::new(TOLD));

impl Clone for Key {
    fn clone(&self) -> Self {
        LANDS.put(Self(self.0), 8);
        Self(self.0)
    }
}

#[test]
fn who_lands_between_the_look_and_the_seat_is_seen() {
    let never = || -> std::future::Ready<Result<u32, &str>> { panic!("it is fresh") };
    let served = block_on(LANDS.serve(&Key(1), never)).unwrap();
    assert_eq!((served.value, served.why, LANDS.in_flight()), (8, Some(Why::Fresh), 0));
    let blocked = LANDS.serve_blocking(&Key(2), secs(1), || -> Result<u32, &str> { panic!("it is fresh") });
    assert_eq!(blocked.unwrap().why, Some(Why::Fresh));
}

#[test]
fn a_failure_is_told_to_all_who_wait_and_they_do_not_ask_again() {
    for held in [false, true] {
        let cache = cache();
        if held {
            cache.put_at("a".into(), 7, at(0));
            cache.clock().set(at(30));
        }
        let (sender, receiver) = futures_oneshot();
        let mut first = pin!(cache.serve("a", || receiver));
        assert!(poll(first.as_mut()).is_pending());
        let never = || -> std::future::Ready<Result<u32, &str>> { panic!("one call") };
        let mut second = pin!(cache.serve("a", never));
        assert!(poll(second.as_mut()).is_pending());
        sender.set(Some(Err("down")));
        let (own, shared) = match held {
            true => (cached(7, 30, Why::Failed), cached(7, 30, Why::Failed)),
            false => (Err(Missed::Failed("down")), Err(Missed::Shared(Why::Failed))),
        };
        assert_eq!(poll(first.as_mut()), Poll::Ready(own));
        assert_eq!(poll(second.as_mut()), Poll::Ready(shared));
        is_at_rest(&cache, 2);
    }
}

type Slot = Cell<Option<Result<u32, &'static str>>>;

/// A receiver that is ready once the sender was set; whoever polls it, polls it again.
fn futures_oneshot() -> (&'static Slot, impl Future<Output = Result<u32, &'static str>>) {
    let slot: &'static Slot = Box::leak(Box::new(Cell::new(None)));
    (slot, std::future::poll_fn(|_| slot.take().map_or(Poll::Pending, Poll::Ready)))
}

#[test]
fn whoever_is_dropped_at_whatever_poll_wedges_nobody() {
    // So many polls before it is dropped, of a call that takes three: as leader and as follower.
    for polls in 0..=4 {
        for leads in [true, false] {
            let cache = cache();
            let mut steps = 0;
            let slow = || {
                std::future::poll_fn(move |_| {
                    steps += 1;
                    if steps == 3 { Poll::Ready(Ok::<_, &str>(1)) } else { Poll::Pending }
                })
            };
            let mut victim = Box::pin(cache.serve("a", slow));
            let mut other = Box::pin(cache.serve("a", slow));
            if !leads {
                assert!(poll(other.as_mut()).is_pending());
            }
            for _ in 0..polls {
                if poll(victim.as_mut()).is_ready() {
                    break;
                }
                // It follows the victim, where that leads.
                assert!(!leads || poll(other.as_mut()).is_pending());
            }
            drop(victim);
            // Nobody wakes it, but it is polled: it leads by now, or there is an answer.
            let answer = (0..4).find_map(|_| match poll(other.as_mut()) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            });
            assert_eq!(answer.unwrap().unwrap().value, 1);
            assert_eq!(cache.in_flight(), 0, "{polls} polls, leads: {leads}");
            let counts = cache.counts();
            assert_eq!(
                counts.asked(),
                if polls == 0 { 1 } else { 2 },
                "{polls} polls, leads: {leads}: {counts:?}"
            );
        }
    }
}

#[test]
fn a_leader_that_is_dropped_alone_leaves_nothing_behind() {
    let cache = cache();
    {
        let mut asks = pin!(cache.serve("a", pending::<Result<u32, &str>>));
        assert!(poll(asks.as_mut()).is_pending());
        assert_eq!(cache.in_flight(), 1);
    }
    is_at_rest(&cache, 1);
    assert_eq!(cache.counts().cancelled, 1);
}

#[test]
fn a_call_that_panics_hands_the_lead_on() {
    let cache = cache();
    let mut first = Box::pin(cache.serve("a", || async {
        futures_yield().await;
        if true {
            panic!("in the call");
        }
        Ok::<_, &str>(0)
    }));
    assert!(poll(first.as_mut()).is_pending());
    let mut second = pin!(cache.serve("a", || ready(Ok::<_, &str>(2))));
    assert!(poll(second.as_mut()).is_pending());
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(first.as_mut())));
    assert!(caught.is_err());
    drop(first);
    assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(Served::live(2))));
    is_at_rest(&cache, 2);
}

/// Pending once.
/// A value whose clones panic when there are so many of it.
struct Brittle(Arc<()>, usize);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        assert!(Arc::strong_count(&self.0) < self.1, "a clone too many");
        Self(Arc::clone(&self.0), self.1)
    }
}

#[test]
fn a_clone_that_panics_wedges_nobody_who_waits() {
    // The first clone is stored; the second is for those who wait.
    for clones in [1, 2] {
        let cache = LastGood::<u32, Brittle, _>::new(TOLD).with_clock(ManualClock::new());
        let mut first = pin!(cache.serve(&7, || async {
            futures_yield().await;
            Ok::<_, ()>(Brittle(Arc::default(), clones))
        }));
        let mut second = pin!(cache.serve(&7, || async { Ok::<_, ()>(Brittle(Arc::default(), 9)) }));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(first.as_mut())));
        assert!(caught.is_err());
        let Poll::Ready(Ok(served)) = poll(second.as_mut()) else { panic!("it waits for nobody") };
        assert!(served.is_live() || clones == 2, "a value that was stored may serve");
        assert_eq!(cache.in_flight(), 0);
    }
}

#[test]
fn a_flight_that_is_used_again_is_a_new_one() {
    let cache = cache();
    for round in 0..50_u32 {
        let key = format!("{}", round % 3);
        cache.forget(&key);
        // Every other flight is joined, or given up.
        let mut one = pin!(cache.serve(&key, || async {
            futures_yield().await;
            Ok::<_, &str>(round)
        }));
        assert!(poll(one.as_mut()).is_pending());
        let mut other = pin!(cache.serve(&key, || ready(Err("it waits"))));
        if round % 2 == 0 {
            assert!(poll(other.as_mut()).is_pending());
        }
        if round % 5 == 0 {
            continue;
        }
        let Poll::Ready(served) = poll(one.as_mut()) else { panic!("it has yielded once") };
        assert_eq!(served.unwrap().value, round);
        let Poll::Ready(served) = poll(other.as_mut()) else { panic!("it was landed for") };
        assert_eq!(served.unwrap().value, round);
        assert_eq!(cache.in_flight(), 0);
    }
    assert_eq!(cache.in_flight(), 0);
}

fn futures_yield() -> impl Future<Output = ()> {
    let mut polled = false;
    std::future::poll_fn(
        move |_| {
            if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
        },
    )
}

#[test]
fn a_flood_of_keys_that_fail_drives_no_value_out() {
    let cache = cache();
    cache.put("good".into(), 1);
    for key in 0..10_000 {
        let failed = block_on(cache.serve(&format!("bad {key}"), || ready(Err("down"))));
        assert!(failed.is_err());
    }
    assert_eq!((cache.len(), cache.get("good").unwrap().value), (1, 1));
    is_at_rest(&cache, 10_000);
}

#[test]
fn no_more_keys_are_held_than_the_capacity() {
    let cache = cache();
    (0..10_000).for_each(|key: u32| cache.put(key.to_string(), key));
    assert!((32..=128).contains(&cache.len()), "{}", cache.len());
    assert!(cache.len() as u64 <= cache.capacity());
}

#[test]
fn what_was_forgotten_during_the_call_is_not_kept() {
    let cache = cache();
    for all in [true, false] {
        let (sender, receiver) = futures_oneshot();
        let mut asks = pin!(cache.serve("a", || receiver));
        assert!(poll(asks.as_mut()).is_pending());
        if all {
            cache.clear()
        } else {
            cache.forget("a")
        }
        sender.set(Some(Ok(1)));
        assert_eq!(poll(asks.as_mut()), Poll::Ready(Ok(Served::live(1))));
        assert!(cache.get("a").is_none());
    }
    is_at_rest(&cache, 2);
}

#[test]
fn a_clock_that_steps_back_stands_still() {
    let cache = cache();
    cache.put_at("a".into(), 1, at(100));
    assert!(cache.get_at("a", at(161)).is_none());
    assert!(cache.get_at("a", at(120)).is_none(), "beyond once, beyond for good");
    cache.put_at("b".into(), 1, at(50));
    let held = cache.get_at("b", at(161)).unwrap();
    assert_eq!((held.age, held.is_fresh), (secs(0), true));
}

#[test]
fn what_is_told_is_told_once_and_after_it_took_effect() {
    let told: &'static Mutex<Vec<Event>> = Box::leak(Box::default());
    let cache = LastGood::new(TOLD)
        .with_clock(ManualClock::new())
        .with_observer(observe_with(|event: &Event| told.lock().unwrap().push(*event)))
        .counted();
    let _ = (serve(&cache, Ok(1)), serve(&cache, Ok(2)));
    cache.forget("a");
    let _ = serve(&cache, Err("down"));
    let expected =
        [Event::Stored, Event::Cached { age: secs(0), why: Why::Fresh }, Event::Missed { why: Why::Failed }];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[test]
fn a_hook_that_panics_is_counted_and_harms_nobody() {
    let cache = LastGood::new(TOLD)
        .with_clock(ManualClock::new())
        .with_observer(observe_with(|_: &Event| panic!("in the hook")))
        .counted();
    assert_eq!(serve(&cache, Ok(1)), Ok(Served::live(1)));
    assert_eq!(cache.counts().hook_panics, 1);
    is_at_rest(&cache, 1);
}

#[test]
fn who_blocks_waits_for_another_no_longer_than_told() {
    let cache = cache();
    let mut asks = Box::pin(cache.serve("a", pending::<Result<u32, &str>>));
    assert!(poll(asks.as_mut()).is_pending());
    let call = || -> Result<u32, &str> { panic!("another asks") };
    assert_eq!(cache.serve_blocking("a", Duration::from_millis(1), call), Err(Missed::Shared(Why::TimedOut)));
    cache.put_at("a".into(), 5, at(0));
    cache.clock().set(at(20));
    assert_eq!(cache.serve_blocking("a", Duration::ZERO, call), cached(5, 20, Why::TimedOut));
    drop(asks);
    is_at_rest(&cache, 3);
}

#[test]
fn futures_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let cache = cache();
    is_send(&cache.serve("a", || ready(Ok::<_, &str>(1))));
}

#[test]
fn the_ends_of_the_clock_are_instants_like_others() {
    let end = Instant::from_nanos(u64::MAX);
    let cache = cache();
    cache.put_at("a".into(), 1, end);
    assert_eq!(cache.get_at("a", Instant::ORIGIN).unwrap().age, secs(0));
}
