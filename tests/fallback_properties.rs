//! The last good value against a plain model: whatever is done at whatever times, every answer is the model's.
//!
//! 1. What is served was the last good value of its key, and its age is the time since it came.
//! 2. Nothing is ever served beyond its stale limit, and nobody is asked for what is fresh.
//! 3. A clock that steps back stands still.
//! 4. Nobody in flight is left, and the counts add up.
//! 5. A table serves what a cache would, or nothing; and never holds more keys than it has slots.

#![cfg(feature = "cache")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

use std::collections::HashMap;
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fusebox::fallback::{By, Counters, Freshness, LastGood, LastGoodTable, Missed, Served, Why};
use fusebox::spawn::Spawn;
use fusebox::time::{Instant, ManualClock, NoClock};
use proptest::prelude::*;

type Cache = LastGood<u64, u64, ManualClock, (), Counters>;

#[derive(Clone, Debug)]
enum Step {
    Put(u64, u64),
    Get(u64),
    /// The call gives this; nothing: it fails.
    Serve(u64, Option<u64>),
    Refreshing(u64, Option<u64>),
    Blocking(u64, Option<u64>),
    Forget(u64),
    Clear,
    /// Forwards, and then so much back.
    Time(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..5_u64;
    let result = || proptest::option::weighted(0.6, any::<u64>());
    prop_oneof![
        3 => (key(), any::<u64>()).prop_map(|(key, value)| Step::Put(key, value)),
        4 => key().prop_map(Step::Get),
        6 => (key(), result()).prop_map(|(key, result)| Step::Serve(key, result)),
        6 => (key(), result()).prop_map(|(key, result)| Step::Refreshing(key, result)),
        3 => (key(), result()).prop_map(|(key, result)| Step::Blocking(key, result)),
        1 => key().prop_map(Step::Forget),
        1 => Just(Step::Clear),
        8 => (0..12_u64, 0..6_u64).prop_map(|(on, back)| Step::Time(on, back)),
    ]
}

/// Runs it at once.
struct AtOnce;

impl Spawn for AtOnce {
    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        assert!(poll(pin!(future)).is_ready());
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nobody is waited for"),
    }
}

/// What ought to be.
struct Model {
    fresh: u64,
    stale: u64,
    now: u64,
    latest: u64,
    held: HashMap<u64, (u64, u64)>,
    asked: u64,
}

type Answer = Result<Served<u64>, Missed<&'static str>>;

impl Model {
    /// The value of a key, its age, and whether it is fresh.
    fn look(&mut self, key: u64) -> Option<(u64, u64, bool)> {
        self.latest = self.latest.max(self.now);
        let (value, at) = *self.held.get(&key)?;
        let age = self.latest - at;
        (age <= self.stale).then_some((value, age, self.fresh > 0 && age <= self.fresh))
    }

    fn put(&mut self, key: u64, value: u64) {
        self.latest = self.latest.max(self.now);
        self.held.insert(key, (value, self.latest));
    }

    fn serve(&mut self, key: u64, result: Option<u64>, refreshing: bool) -> (Shown, bool) {
        self.asked += 1;
        let looked = self.look(key);
        if let Some((value, age, true)) = looked {
            return (Shown::Cached(value, age, Why::Fresh), false);
        }
        if let Some(good) = result {
            self.put(key, good);
        }
        let shown = match (looked, result) {
            (Some((value, age, _)), _) if refreshing => Shown::Cached(value, age, Why::Refreshing),
            (_, Some(value)) => Shown::Live(value),
            (Some((value, age, _)), None) => Shown::Cached(value, age, Why::Failed),
            (None, None) => Shown::Missed,
        };
        (shown, true)
    }
}

#[derive(Debug, PartialEq)]
enum Shown {
    Live(u64),
    Cached(u64, u64, Why),
    Missed,
}

fn shown(answer: Answer) -> Shown {
    match answer {
        Ok(Served { value, by: By::Live, why: None, .. }) => Shown::Live(value),
        Ok(Served { value, by: By::Cached { age }, why: Some(why), .. }) => {
            Shown::Cached(value, age.as_nanos() as u64, why)
        }
        Err(Missed::Failed("down")) => Shown::Missed,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn properties_every_answer_is_the_models(
        fresh in 0..8_u64,
        more in 0..20_u64,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let stale = (fresh + more).max(1);
        let nanos = Duration::from_nanos;
        let told = Freshness::of(64).fresh(nanos(fresh)).stale(nanos(stale)).build().unwrap();
        let cache: Arc<Cache> = Arc::new(LastGood::with_parts(told, ManualClock::new(), (), Counters::new()));
        let mut model = Model { fresh, stale, now: 0, latest: 0, held: HashMap::new(), asked: 0 };
        for step in steps {
            let asked = std::sync::atomic::AtomicBool::new(false);
            let gives = |result: Option<u64>| {
                asked.store(true, std::sync::atomic::Ordering::Relaxed);
                result.ok_or("down")
            };
            match step {
                Step::Put(key, value) => {
                    cache.put(key, value);
                    model.put(key, value);
                }
                Step::Get(key) => {
                    let held = cache.get(&key).map(|held| (held.value, held.age.as_nanos() as u64, held.is_fresh));
                    prop_assert_eq!(held, model.look(key));
                }
                Step::Serve(key, result) => {
                    let answer = now(cache.serve(&key, || ready(gives(result))));
                    let (expected, asks) = model.serve(key, result, false);
                    prop_assert_eq!(shown(answer), expected);
                    prop_assert_eq!(asked.into_inner(), asks);
                }
                Step::Refreshing(key, result) => {
                    let call = move || ready(result.ok_or("down"));
                    let answer = now(cache.serve_refreshing(&key, &AtOnce, call));
                    prop_assert_eq!(shown(answer), model.serve(key, result, true).0);
                }
                Step::Blocking(key, result) => {
                    let answer = cache.serve_blocking(&key, Duration::ZERO, || gives(result));
                    let (expected, asks) = model.serve(key, result, false);
                    prop_assert_eq!(shown(answer), expected);
                    prop_assert_eq!(asked.into_inner(), asks);
                }
                Step::Forget(key) => {
                    cache.forget(&key);
                    model.held.remove(&key);
                }
                Step::Clear => {
                    cache.clear();
                    model.held.clear();
                }
                Step::Time(on, back) => {
                    model.now = (model.now + on).saturating_sub(back);
                    cache.clock().set(Instant::from_nanos(model.now));
                }
            }
            prop_assert_eq!((cache.in_flight(), cache.len()), (0, model.held.len()));
        }
        prop_assert_eq!(cache.counts().asked(), model.asked);
    }

    #[test]
    fn properties_a_table_serves_the_last_good_value_or_nothing(
        stale in 1..30_u64,
        steps in prop::collection::vec((0..12_u64, any::<u64>(), 0..4_u64, any::<bool>()), 1..120),
    ) {
        let told = Freshness::of(6).stale(Duration::from_nanos(stale)).build().unwrap();
        let table = LastGoodTable::<6, 2, NoClock>::with_parts(told, NoClock);
        let mut model = Model { fresh: 0, stale, now: 0, latest: 0, held: HashMap::new(), asked: 0 };
        for (key, value, on, puts) in steps {
            model.now += on;
            let now = Instant::from_nanos(model.now);
            if puts {
                prop_assert!(table.put_at(key, [value, !value], now), "alone, it is stored");
                model.put(key, value);
                prop_assert_eq!(table.get_at(key, now).unwrap().value, [value, !value]);
            }
            let held: Vec<_> = (0..12).filter_map(|key| Some((key, table.get_at(key, now)?))).collect();
            prop_assert!(held.len() <= 6);
            for (key, held) in held {
                let (value, age, _) = model.look(key).expect("beyond stale, or never put");
                prop_assert_eq!((held.value, held.age.as_nanos() as u64), ([value, !value], age));
            }
        }
    }

    #[test]
    fn properties_no_more_keys_are_held_than_the_capacity(capacity in 1..300_u32, keys in 1..2_000_u64) {
        let told = Freshness::of(capacity).stale(Duration::from_secs(1)).build().unwrap();
        let cache = LastGood::<u64, u64>::new(told);
        (0..keys).for_each(|key| cache.put(key, key));
        prop_assert!(cache.len() as u64 <= cache.capacity().min(keys));
        prop_assert!(cache.capacity() < u64::from(capacity) + 64);
    }
}
