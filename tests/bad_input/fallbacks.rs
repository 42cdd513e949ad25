//! The cache's constructor, and the ends of the clock.

use core::time::Duration;

use fusebox::Value;
use fusebox::fallback::{Freshness, LastGoodTable};
use fusebox::time::{Instant, NoClock};

use super::{NANO, SECOND, refused};

const END: Instant = Instant::from_nanos(u64::MAX);

#[test]
fn a_cache_of_no_keys_is_refused() {
    refused(Freshness::of(0).stale(SECOND).build(), "capacity", Value::Count(0), "1 at least");
    assert!(Freshness::of(1).stale(NANO).build().is_ok());
    assert!(Freshness::of(u32::MAX).fresh(Duration::MAX).stale(Duration::MAX).build().is_ok());
}

#[test]
fn a_stale_limit_of_nothing_or_under_the_fresh_one_is_refused() {
    refused(Freshness::of(1).build(), "stale", Value::Duration(Duration::ZERO), "above zero");
    let shorter = Duration::from_nanos(999_999_999);
    let under = Freshness::of(1).fresh(SECOND).stale(shorter).build();
    refused(under, "stale", Value::Duration(shorter), "not be under fresh");
    assert!(Freshness::of(1).fresh(SECOND).stale(SECOND).build().is_ok());
    assert!(Freshness::of(1).fresh(Duration::ZERO).stale(SECOND).build().is_ok());
}

/// Whatever the instants and keys, nothing panics, and nothing beyond stale is served.
#[test]
fn the_ends_of_the_clock_are_instants_like_others() {
    let told = Freshness::of(3).fresh(NANO).stale(SECOND).build().unwrap();
    for (put, got) in [(Instant::ORIGIN, END), (END, Instant::ORIGIN), (END, END)] {
        for key in [0, 1, u64::MAX] {
            let table = LastGoodTable::<3, 1, NoClock>::with_parts(told, NoClock);
            assert!(table.put_at(key, [key], put));
            let held = table.get_at(key, got);
            assert_eq!(held.is_some(), put == END, "{put:?} {got:?}");
        }
    }
}

/// As many keys as a number can say are a promise, and no memory.
#[cfg(feature = "cache")]
#[test]
fn the_largest_cache_takes_no_memory_before_it_is_filled() {
    use fusebox::fallback::LastGood;

    let told = Freshness::of(u32::MAX).stale(SECOND).build().unwrap();
    let cache = LastGood::<u64, u64>::new(told);
    cache.put(1, 2);
    assert_eq!(cache.get(&1).unwrap().value, 2);
    assert!(cache.capacity() >= u64::from(u32::MAX));
}

/// A key whose comparison panics once.
#[derive(Clone, Debug)]
struct Fragile(u32);

impl core::hash::Hash for Fragile {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

thread_local! {
    static PANICS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        assert!(!PANICS.take(), "a comparison that fails");
        self.0 == other.0
    }
}

impl Eq for Fragile {}

#[cfg(feature = "cache")]
#[test]
fn a_key_that_panics_when_it_is_compared_harms_no_other() {
    let cache = fusebox::LastGood::<Fragile, u32>::new(Freshness::of(4).stale(SECOND).build().unwrap());
    cache.put(Fragile(1), 1);
    PANICS.set(true);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cache.put(Fragile(1), 2)));
    assert!(panicked.is_err());
    cache.put(Fragile(1), 3);
    assert_eq!(cache.get(&Fragile(1)).map(|held| held.value), Some(3));
}
