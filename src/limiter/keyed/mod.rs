//! A quota for each key, in memory that is given once.

mod bucket;
mod builder;
mod places;
mod plan;
mod secret;
mod table;
mod ticket;
mod word;

use core::fmt;
use core::hash::Hash;
use core::marker::PhantomData;

use crate::invalid::InvalidPolicy;
use crate::lanes::Tallies;
use crate::limiter::counts::{Counters, Counting, Counts, Kind};
use crate::limiter::event::Event;
use crate::limiter::outcome::{Allowed, Decision, Denied, Left, Level, NeverFits, Refused};
use crate::limiter::policy::Quota;
use crate::limiter::word::Tat;
use crate::observe::{self, Observer};
use crate::sync::Shown;
use crate::time::{Clock, DefaultClock, Instant, TimeSource};

pub use builder::{ByFunction, Keyed, OneTier, Tiers, WhenFull};

use bucket::{Key, Taken};
use places::{Answer, Full};
use plan::{Moment, Plans};
use secret::Secret;
use table::Table;

/// A rate limiter with a quota for each key: tenant, user, address.
///
/// `K` is what is hashed: `KeyedRateLimiter<str>` takes a `&str` or a `&String`. Keys are not kept, only 16 bits of a hash
/// under a secret of the limiter's own: of the keys of a bucket one pair in 65 536 shares a quota, which is only ever stricter.
///
/// The table is allocated once, 16 bytes a key and at most an eighth or 64 bytes more, and never grows; there is no lock, no
/// sweeper, and no allocation afterwards. A hit is a hash, one cache line, a clock reading and one compare-and-swap: in this
/// order, since who reads a clock waits for it, and the line comes meanwhile. A new key looks at two lines, and swaps twice.
///
/// # When the table is full
///
/// A key that has recovered carries no information, and gives up its place; the one that has longest ago is the first to. Only
/// where all places that a new key may have (14, or the 7 of a table for four keys at most) hold live keys, which is rare below
/// the capacity, the one of them that would recover soonest is evicted, and starts afresh when it comes back. So a key keeps its
/// debt through any flood as long as one of the keys around it would recover sooner, such as the flood's own after one call
/// each. Where strangers have a slower quota than tenants ([`Keyed::tiers`]), that turns round: one call of a stranger's
/// outlasts a tenant's debt. Give such a limiter [`WhenFull::Deny`], or two limiters their own tables: then the new key is
/// denied, and no live key is ever evicted.
///
/// # Precision
///
/// Decisions are exact to the nanosecond where the strict form's are, as long as `burst` intervals last 73 minutes or less
/// (divided by the denominator of the interval's nanoseconds). Elsewhere a key's clock ticks coarser, at most in a 2 048th of
/// the interval, or half a nanosecond: a cell may be admitted up to two ticks late, never early.
///
/// After a clock has stepped back, a live key is denied as if time stood still; a key that had recovered before the step may
/// have lost its place, and is new.
///
/// # Examples
/// ```
/// use fusebox::limiter::{KeyedRateLimiter, Quota};
///
/// let per_tenant = KeyedRateLimiter::<str>::new(Quota::per_second(10).burst(2).build()?, 100_000)?;
/// let name = String::from("acme");
/// assert!(per_tenant.check(&name).is_allowed());
/// assert!(per_tenant.check("acme").is_allowed());
/// assert!(!per_tenant.check("acme").is_allowed());
/// assert!(per_tenant.check("umbrella").is_allowed());
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
pub struct KeyedRateLimiter<K: ?Sized, T = OneTier, C = DefaultClock, O = (), N = ()> {
    table: Table,
    plans: Plans,
    when_full: WhenFull,
    secret: Secret,
    tallies: Tallies<2, 8>,
    /// Not zero: in shadow.
    shadow: Shown,
    tiers: T,
    clock: C,
    observer: O,
    counters: N,
    keys: PhantomData<fn(&K)>,
}

/// What a full table led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyedCounts {
    /// Live keys that lost their place, and with it their debt, to a new one.
    pub evictions: u64,
    /// New keys that were denied, or in shadow would have been, because all their places held live ones.
    pub saturated: u64,
}

/// What became of a key's request.
struct Came {
    taken: Taken,
    /// What the clock said.
    now: u64,
    /// The instant at which it was judged: its bucket's, where the clock stands behind it.
    at: u64,
}

const EVICTIONS: usize = 0;
const SATURATED: usize = 1;

impl<K: ?Sized + Hash> KeyedRateLimiter<K> {
    /// A limiter of this quota for each of `capacity` keys, evicting when it is full. [`Keyed`] has more to choose.
    ///
    /// # Errors
    /// A `capacity` of zero, or beyond what there is memory for; a burst beyond what a key's clock holds.
    pub fn new(quota: Quota, capacity: usize) -> Result<Self, InvalidPolicy> {
        Keyed::of(quota, capacity).build()
    }
}

impl<K: ?Sized, T, C, O, N> KeyedRateLimiter<K, T, C, O, N> {
    /// The same limiter with this clock. Made before its first use, while it is empty.
    #[must_use]
    pub fn with_clock<D>(self, clock: D) -> KeyedRateLimiter<K, T, D, O, N> {
        self.rebuilt(|_, observer, counters| (clock, observer, counters))
    }

    /// The same limiter, told to this observer.
    #[must_use]
    pub fn with_observer<D>(self, observer: D) -> KeyedRateLimiter<K, T, C, D, N> {
        self.rebuilt(|clock, _, counters| (clock, observer, counters))
    }

    /// The same limiter with [`Counters`], over all keys together.
    #[must_use]
    pub fn counted(self) -> KeyedRateLimiter<K, T, C, O, Counters> {
        self.rebuilt(|clock, observer, _| (clock, observer, Counters::new()))
    }

    fn rebuilt<D, P, M>(self, parts: impl FnOnce(C, O, N) -> (D, P, M)) -> KeyedRateLimiter<K, T, D, P, M> {
        let (clock, observer, counters) = parts(self.clock, self.observer, self.counters);
        KeyedRateLimiter {
            table: self.table,
            plans: self.plans,
            when_full: self.when_full,
            secret: self.secret,
            tallies: self.tallies,
            shadow: self.shadow,
            tiers: self.tiers,
            clock,
            observer,
            counters,
            keys: PhantomData,
        }
    }

    /// What it was told: the first of its quotas.
    #[must_use]
    pub fn quota(&self) -> Quota {
        *self.plans.quota(0)
    }

    /// How many keys there are places for: the capacity it was told, and some more.
    #[must_use]
    pub fn places(&self) -> usize {
        self.table.places()
    }

    /// What a full table led to so far.
    ///
    /// # Examples
    /// ```
    /// use fusebox::limiter::{Keyed, KeyedRateLimiter, Quota, WhenFull};
    ///
    /// let quota = Quota::per_hour(1).build()?;
    /// let tiny: KeyedRateLimiter<u64> = Keyed::of(quota, 1).when_full(WhenFull::Deny).build()?;
    /// let admitted = (0..100).filter(|key| tiny.check(key).is_allowed()).count() as u64;
    /// assert_eq!((admitted, tiny.keyed_counts().saturated), (tiny.places() as u64, 100 - admitted));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn keyed_counts(&self) -> KeyedCounts {
        KeyedCounts { evictions: self.tallies.sum(EVICTIONS), saturated: self.tallies.sum(SATURATED) }
    }

    /// Its clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Who is told.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// In shadow it decides, counts and tells what it would have refused, and lets it through. What is let through so
    /// holds no cells.
    ///
    /// # Examples
    /// ```
    /// use fusebox::limiter::{KeyedRateLimiter, Quota};
    ///
    /// let limiter = KeyedRateLimiter::<str>::new(Quota::per_hour(1).build()?, 100)?.counted();
    /// limiter.set_shadow(true);
    /// assert!((0..5).all(|_| limiter.check("acme").is_allowed()));
    /// assert_eq!(limiter.counts().shadowed, 4);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub fn set_shadow(&self, on: bool) {
        self.shadow.set(on.into());
    }

    /// Whether it is in shadow.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.shadow.get() != 0
    }
}

impl<K: ?Sized, T, C, O, const LANES: usize> KeyedRateLimiter<K, T, C, O, Counters<LANES>> {
    /// What it did so far over all keys, as sums over its lanes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }
}

impl<K: ?Sized + Hash, T: Tiers<K>, C: Clock, O: Observer<Event>, N: Counting>
    KeyedRateLimiter<K, T, C, O, N>
{
    /// Takes a cell of this key's quota, if there is one.
    #[inline(always)]
    pub fn check(&self, key: &K) -> Decision {
        self.ask(key, 1, || self.clock.now())
    }

    /// Takes `n` cells of this key's quota, all or none.
    #[inline(always)]
    pub fn check_n(&self, key: &K, n: u32) -> Decision {
        self.ask(key, n, || self.clock.now())
    }

    /// What is left to this key; takes nothing.
    ///
    /// # Examples
    /// ```
    /// use fusebox::limiter::{KeyedRateLimiter, Quota};
    ///
    /// let limiter = KeyedRateLimiter::<u64>::new(Quota::per_hour(5).build()?, 1_000)?;
    /// assert!(limiter.check_n(&17, 3).is_allowed());
    /// assert_eq!((limiter.peek(&17).remaining(), limiter.peek(&18).remaining()), (2, 5));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn peek(&self, key: &K) -> Level {
        self.peek_at(key, self.clock.now())
    }

    /// Does ahead what the first call would do: reads the clock, which calibrates it.
    pub fn warm_up(&self) {
        let _ = self.clock.now();
    }
}

impl<K: ?Sized + Hash, T: Tiers<K>, C: TimeSource, O: Observer<Event>, N: Counting>
    KeyedRateLimiter<K, T, C, O, N>
{
    /// As `check`, at this instant: the limiter's clock is not read.
    #[inline(always)]
    pub fn check_at(&self, key: &K, now: Instant) -> Decision {
        self.ask(key, 1, || now)
    }

    /// As `check_n`, at this instant.
    #[inline(always)]
    pub fn check_n_at(&self, key: &K, n: u32, now: Instant) -> Decision {
        self.ask(key, n, || now)
    }

    #[inline(always)]
    fn ask(&self, key: &K, n: u32, now: impl FnOnce() -> Instant) -> Decision {
        let (home, tag) = self.table.home(self.secret.hash(key));
        let key = Key { tag, tier: self.tiers.tier(key), n };
        let quota = self.plans.quota(key.tier);
        // A cell fits every quota.
        if n > 1 && !quota.fits(n) {
            return self.never_fits(home, key, now());
        }
        let now = || self.plans.moment(now().as_nanos());
        let Came { taken, now, at } = match self.table.seat(home, key) {
            Some(seat) => {
                let now = now();
                match seat.take(n, now, quota) {
                    Some(taken) => Came { taken, now: now.nanos, at: now.nanos },
                    None => self.unsettled(home, key, now),
                }
            }
            None => self.newcomer(home, key, now),
        };
        match taken {
            Taken::Admitted(tat) => self.admitted(n, Level { tat, now: at, quota: *quota, lent: 0 }, false),
            Taken::Denied { at: due } => self.denied(n, Denied { at: due, now, quota: *quota }),
        }
    }

    /// As `peek`, at this instant.
    #[must_use]
    pub fn peek_at(&self, key: &K, now: Instant) -> Level {
        let (home, tag) = self.table.home(self.secret.hash(key));
        let key = Key { tag, tier: self.tiers.tier(key), n: 0 };
        let (tat, at) = self.table.look(home, key, self.plans.moment(now.as_nanos()), &self.plans);
        Level { tat, now: at.nanos, quota: *self.plans.quota(key.tier), lent: 0 }
    }

    /// A key that has no quota at home.
    #[inline(never)]
    fn newcomer(&self, home: usize, key: Key, now: impl FnOnce() -> Moment) -> Came {
        let (evict, mut asked) = (self.when_full == WhenFull::EvictSoonest, 0);
        let now = || {
            let now = now();
            asked = now.nanos;
            now
        };
        let answer = self.table.miss(home, key, now, &self.plans, evict);
        self.tallied(key, asked, answer)
    }

    /// A key whose quota is moving, or whose bucket was not touched in this epoch.
    #[cold]
    fn unsettled(&self, home: usize, key: Key, now: Moment) -> Came {
        let evict = self.when_full == WhenFull::EvictSoonest;
        self.tallied(key, now.nanos, self.table.closely(home, key, now, &self.plans, evict))
    }

    #[inline(always)]
    fn tallied(&self, key: Key, now: u64, answer: Result<Answer, Full>) -> Came {
        let (came, evicted) = match answer {
            Ok(Answer { taken, at, evicted }) => (Came { taken, now, at: at.nanos }, evicted),
            Err(Full { wait, at, evicted }) => {
                self.tallies.add(SATURATED, 1);
                let free = self.plans.span(key.tier, at).floor.saturating_add(wait);
                (Came { taken: Taken::Denied { at: free }, now, at: at.nanos }, evicted)
            }
        };
        if evicted > 0 {
            self.tallies.add(EVICTIONS, evicted);
        }
        came
    }

    #[inline]
    fn admitted(&self, n: u32, left: Level, shadowed: bool) -> Decision {
        self.counters.add(Kind::Admitted, 1);
        if shadowed {
            self.counters.add(Kind::Shadowed, 1);
        } else {
            self.counters.add(Kind::Cells, n.into());
        }
        Decision::Allowed(Allowed { left: Left::Word(left), shadowed })
    }

    #[cold]
    fn never_fits(&self, home: usize, key: Key, now: Instant) -> Decision {
        let quota = self.plans.quota(key.tier);
        let never = NeverFits { asked: key.n, burst: quota.burst() };
        if !self.is_shadow() {
            self.counters.add(Kind::NeverFits, 1);
            self.tell(|| Event::Refused { cells: key.n, why: Refused::NeverFits(never) });
            return Decision::NeverFits(never);
        }
        let (tat, at) = self.table.look(home, key, self.plans.moment(now.as_nanos()), &self.plans);
        self.let_through(
            key.n,
            Refused::NeverFits(never),
            Level { tat, now: at.nanos, quota: *quota, lent: 0 },
        )
    }

    #[inline]
    fn denied(&self, cells: u32, denied: Denied) -> Decision {
        if self.is_shadow() {
            // Denied until then: so much is owed that the cells do not fit.
            let owed = denied.quota.limit().saturating_sub(denied.quota.units_of(cells));
            let tat = Tat(denied.at.saturating_add(owed));
            let level = Level { tat, now: denied.now, quota: denied.quota, lent: 0 };
            return self.let_through(cells, Refused::Denied(denied), level);
        }
        self.counters.add(Kind::Denied, 1);
        self.tell(|| Event::Refused { cells, why: Refused::Denied(denied) });
        Decision::Denied(denied)
    }

    #[cold]
    fn let_through(&self, cells: u32, why: Refused, level: Level) -> Decision {
        let decision = self.admitted(cells, level, true);
        self.tell(|| Event::WouldRefuse { cells, why });
        decision
    }

    #[inline]
    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.observer.listens() {
            self.notice(&event());
        }
    }

    #[cold]
    fn notice(&self, event: &Event) {
        if !observe::told(&self.observer, event) {
            self.counters.add(Kind::HookPanicked, 1);
        }
    }
}

impl<K: ?Sized, T, C, O, N> fmt::Debug for KeyedRateLimiter<K, T, C, O, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimiter")
            .field("quota", self.plans.quota(0))
            .field("places", &self.places())
            .field("when_full", &self.when_full)
            .field("counts", &self.keyed_counts())
            .finish_non_exhaustive()
    }
}
