//! The last good value of each key: a bounded cache into which only successes come.
//!
//! It stands in `quick_cache`: a map in shards behind read-write locks, of which each is held for a look or a change.

use alloc::sync::Arc;
use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;

use quick_cache::sync::Cache;

use crate::fallback::counts::{Counters, Counting, Counts, Kind};
use crate::fallback::event::Event;
use crate::fallback::flights::Flights;
use crate::fallback::policy::{Age, Freshness};
use crate::fallback::served::Held;
use crate::lanes::CachePadded;
use crate::observe::{self, Observer};
use crate::sync::Shown;
use crate::time::{Clock, DEFAULT_CLOCK, DefaultClock, Instant};

/// The last good value of each key.
///
/// Asked for a key, it serves the value that is held while that is fresh, else it makes the call, once for all who ask at the
/// same time; and where the call fails, the value that is held stands in, while it is not too old. Only what succeeded is
/// stored: keys that fail take no room, and so a flood of them drives nothing out.
///
/// A look that finds a fresh value costs a hash, a read lock, a clone of the value, a reading of the clock, and where the clock has
/// moved a write to one shared line. Wrap in `Arc` what is dear to clone: each who is served gets a clone.
///
/// # Consistency
/// What came last stays, be it by a call or by [`put`](Self::put). A call that began before a [`forget`](Self::forget) or a
/// [`clear`](Self::clear) answers those who wait for it, and is not kept; until it has come home it may be seen once more.
/// A clock that steps back stands still for the cache.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::fallback::{By, Freshness, LastGood, Why};
///
/// # async fn run() {
/// let told = Freshness::of(1_000).fresh(Duration::ZERO).stale(Duration::from_secs(600)).constant();
/// let prices: LastGood<String, u32> = LastGood::new(told);
///
/// let served = prices.serve("tea", || async { Ok::<_, &str>(3) }).await.unwrap();
/// assert!(served.is_live());
///
/// let served = prices.serve("tea", || async { Err("down") }).await.unwrap();
/// assert_eq!((served.value, served.why), (3, Some(Why::Failed)));
/// assert!(matches!(served.by, By::Cached { .. }));
///
/// let missed = prices.serve("salt", || async { Err("down") }).await.unwrap_err();
/// assert_eq!(missed.into_error(), Some("down"));
/// # }
/// # futures::executor::block_on(run());
/// ```
pub struct LastGood<K, V, C = DefaultClock, O = (), N = ()> {
    values: Cache<K, Stored<V>>,
    pub(super) flights: Arc<Flights<K, V>>,
    /// The latest instant: a clock that steps back stands still here.
    latest: CachePadded<Shown>,
    told: Freshness,
    clock: C,
    observer: O,
    pub(super) counters: N,
}

/// A value, and when it came.
#[derive(Clone)]
struct Stored<V> {
    value: V,
    at: Instant,
}

impl<K: Eq + Hash, V: Clone> LastGood<K, V> {
    /// An empty one, with the default clock, no observer and no counts.
    ///
    /// Its memory grows with what is put in, up to the capacity; that is spread over shards, each of which holds its
    /// part: rounded up a little, and of some keys a little less.
    #[must_use]
    pub fn new(freshness: Freshness) -> Self {
        Self::with_parts(freshness, DEFAULT_CLOCK, (), ())
    }
}

impl<K: Eq + Hash, V: Clone, C, O, N> LastGood<K, V, C, O, N> {
    /// An empty one, of these parts.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::{Counters, Freshness, LastGood};
    /// use fusebox::time::ManualClock;
    ///
    /// let told = Freshness::of(8).stale(Duration::from_secs(1)).constant();
    /// let cache = LastGood::<u64, u32, _, _, Counters>::with_parts(told, ManualClock::new(), (), Counters::new());
    /// cache.put(1, 10);
    /// cache.clock().advance(Duration::from_secs(2));
    /// assert!(cache.get(&1).is_none(), "beyond the stale limit");
    /// ```
    pub fn with_parts(freshness: Freshness, clock: C, observer: O, counters: N) -> Self {
        let capacity = usize::try_from(freshness.capacity()).unwrap_or(usize::MAX);
        Self {
            values: Cache::new(capacity),
            flights: Arc::new(Flights::none()),
            latest: CachePadded::new(Shown::zero()),
            told: freshness,
            clock,
            observer,
            counters,
        }
    }

    /// This one, empty, with another clock.
    #[must_use]
    pub fn with_clock<D: Clock>(self, clock: D) -> LastGood<K, V, D, O, N> {
        LastGood::with_parts(self.told, clock, self.observer, self.counters)
    }

    /// This one, empty, with an observer.
    #[must_use]
    pub fn with_observer<P: Observer<Event>>(self, observer: P) -> LastGood<K, V, C, P, N> {
        LastGood::with_parts(self.told, self.clock, observer, self.counters)
    }

    /// This one, empty, that counts.
    #[must_use]
    pub fn counted(self) -> LastGood<K, V, C, O, Counters> {
        LastGood::with_parts(self.told, self.clock, self.observer, Counters::new())
    }

    /// How many keys are held, those too old to be served among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether none are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys are held at most: what was asked for, rounded up a little.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.values.capacity()
    }

    /// Its clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Who is told.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// How many keys are being asked for.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Forgets a key. A call for it that is in flight answers those who wait for it, and is not kept.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::{Freshness, LastGood};
    ///
    /// let cache = LastGood::<String, u32>::new(Freshness::of(8).stale(Duration::from_secs(60)).constant());
    /// cache.put("tea".into(), 3);
    /// cache.forget("tea");
    /// assert!(cache.get("tea").is_none());
    /// ```
    pub fn forget<Q: Eq + Hash + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        // The flight first: a leader that stored before it came home looks again afterwards.
        self.flights.take_out(key, |_| true);
        self.values.remove_if(key, |_| true);
    }

    /// Forgets all keys, as [`forget`](Self::forget) does each.
    pub fn clear(&self) {
        self.flights.clear();
        self.values.clear();
    }

    /// The instant, or the latest that was seen.
    pub(super) fn settled(&self, now: Instant) -> Instant {
        let latest = self.latest.get();
        if now.as_nanos() <= latest {
            return Instant::from_nanos(latest);
        }
        self.latest.raise(now.as_nanos());
        now
    }

    /// The value of a key at this instant, unless it is beyond stale.
    pub(super) fn look_at<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Instant) -> Option<Held<V>>
    where
        K: Borrow<Q>,
    {
        let now = self.settled(now);
        let Stored { value, at } = self.values.get(key)?;
        let age = now.saturating_since(at);
        let is_fresh = match self.told.judge(crate::time::saturating_nanos(age)) {
            Age::Fresh => true,
            Age::Stale => false,
            Age::Beyond => return None,
        };
        Some(Held { value, age, is_fresh })
    }

    /// Stores a value; says when that was.
    pub(super) fn store(&self, key: K, value: V, now: Instant) -> Instant {
        let at = self.settled(now);
        self.values.insert(key, Stored { value, at });
        at
    }

    /// Removes what was stored then, unless something came after it.
    pub(super) fn take_back(&self, key: &K, at: Instant) {
        self.values.remove_if(key, |stored| stored.at == at);
    }
}

impl<K: Eq + Hash, V: Clone, C, O: Observer<Event>, N: Counting> LastGood<K, V, C, O, N> {
    /// As [`get`](Self::get), at this instant.
    #[must_use]
    pub fn get_at<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Instant) -> Option<Held<V>>
    where
        K: Borrow<Q>,
    {
        self.look_at(key, now)
    }

    /// As [`put`](Self::put), at this instant.
    pub fn put_at(&self, key: K, value: V, now: Instant) {
        self.store(key, value, now);
        self.tell(|| Event::Stored);
    }

    pub(super) fn tell(&self, event: impl FnOnce() -> Event) {
        if self.observer.listens() && !observe::told(&self.observer, &event()) {
            self.counters.add(Kind::HookPanicked);
        }
    }
}

impl<K: Eq + Hash, V: Clone, C: Clock, O: Observer<Event>, N: Counting> LastGood<K, V, C, O, N> {
    /// The value that is held, and how old it is, unless it is beyond its stale limit. Nobody is asked.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::{Freshness, LastGood};
    ///
    /// let told = Freshness::of(8).fresh(Duration::from_secs(60)).stale(Duration::from_secs(60)).constant();
    /// let cache = LastGood::<String, u32>::new(told);
    /// cache.put("tea".into(), 3);
    /// let held = cache.get("tea").unwrap();
    /// assert_eq!((held.value, held.is_fresh), (3, true));
    /// ```
    #[must_use]
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Held<V>>
    where
        K: Borrow<Q>,
    {
        self.get_at(key, self.clock.now())
    }

    /// Stores a good value by hand.
    pub fn put(&self, key: K, value: V) {
        self.put_at(key, value, self.clock.now());
    }
}

impl<K: Eq + Hash, V: Clone, C, O, const LANES: usize> LastGood<K, V, C, O, Counters<LANES>> {
    /// What it did so far, as sums over its lanes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }
}

impl<K, V, C, O, N> fmt::Debug for LastGood<K, V, C, O, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastGood").field("told", &self.told).finish_non_exhaustive()
    }
}
