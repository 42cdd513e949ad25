//! The table: memory given once, in which a key has at most one quota at any time.
//!
//! A key has a tag of 16 bits and two buckets, its home and a neighbour, which follows from tag and home, so that keys that
//! share a tag and a bucket share both (and one quota). A hit is one compare-and-swap on the key's slot. How a new key comes to
//! its slot is told in [`places`](super::places).
//!
//! Whoever reads a clock waits for it, and so does what comes after; not what came before. So all that can be known without is
//! looked up first, while memory is fetched: where the key's quota is, or whose place a new key would take.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::limiter::keyed::bucket::{Ask, Bucket, Key, SLOTS, Seat, Taken};
use crate::limiter::keyed::places::{Answer, Full, Places};
use crate::limiter::keyed::plan::{Moment, Plans};
use crate::limiter::keyed::word::{Owner, tier_of};
use crate::limiter::word::Tat;

/// Keys a bucket is meant to hold: the rest of its slots is room for chance.
const MEANT: usize = 4;

/// A key's two buckets are so near each other that they share a page of memory, mostly.
const DISTRICT: usize = 64;

/// A table is so many districts at least, or they are pairs: what it is rounded up by is an eighth at most, or one bucket.
const DISTRICTS: usize = 8;

/// A fixed number of buckets, in districts whose length is a power of two.
#[derive(Debug)]
pub(super) struct Table {
    buckets: Box<[Bucket]>,
    /// How many neighbours a bucket has: all others of its district.
    neighbours: usize,
}

impl Table {
    /// A table for so many keys; nothing where memory does not suffice.
    pub(super) fn new(capacity: usize) -> Option<Self> {
        let least = capacity.div_ceil(MEANT).max(1);
        let district = 1 << (least / DISTRICTS).clamp(2, DISTRICT).ilog2();
        let district = if least == 1 { 1 } else { district };
        let count = least.checked_next_multiple_of(district)?;
        let mut buckets = Vec::new();
        buckets.try_reserve_exact(count).ok()?;
        buckets.extend((0..count).map(|_| Bucket::fresh()));
        Some(Self { buckets: buckets.into_boxed_slice(), neighbours: district - 1 })
    }

    /// How many keys there are places for.
    pub(super) fn places(&self) -> usize {
        self.buckets.len() * SLOTS
    }

    /// A hash's home and tag: the upper bits choose the bucket, the lower ones are the tag.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "less than the number of buckets; on purpose the lowest bits"
    )]
    pub(super) fn home(&self, hash: u64) -> (usize, u16) {
        let home = (u128::from(hash) * self.buckets.len() as u128) >> 64;
        (home as usize, hash as u16)
    }

    /// The key's quota in its own tier, if it has one at home; nothing where it has not.
    #[inline(always)]
    pub(super) fn seat(&self, home: usize, key: Key) -> Option<Seat<'_>> {
        self.bucket(home).seat(Owner::of(key.tag, key.tier))
    }

    /// Takes the cells of a key that has no seat at home, or makes it one. `evict` says whether a live key may be evicted for it;
    /// where it may not, and all places are taken, that is said.
    #[inline(always)]
    pub(super) fn miss(
        &self,
        home_number: usize,
        key: Key,
        now: impl FnOnce() -> Moment,
        plans: &Plans,
        evict: bool,
    ) -> Result<Answer, Full> {
        let (places, owner) = (self.places_of(home_number, key.tag), Owner::of(key.tag, key.tier));
        if places.alone {
            return self.closely(home_number, key, now(), plans, evict);
        }
        let epoch = places.home.epoch();
        let beginning = plans.beginning(key.tier, epoch);
        let (home, other) = (places.home.sight(owner, beginning), places.other.sight(owner, beginning));
        if let Some(slot) = other.own {
            let seat = Seat { slot, owner, epoch: places.other.epoch() };
            let now = now();
            return match seat.take(key.n, now, plans.quota(key.tier)) {
                Some(taken) => Ok(Answer { taken, at: now, evicted: 0 }),
                None => self.closely(home_number, key, now, plans, evict),
            };
        }
        let stands = places.other.epoch() == epoch;
        let now = now();
        if !stands || now.epoch != epoch {
            return self.closely(home_number, key, now, plans, evict);
        }
        // A new key, mostly.
        let ask = Ask::new(key, plans, now);
        let room = match (home.first, other.first) {
            _ if key.n == 0 => None,
            (Some(home), Some(other)) => places.among_equals(home, other, beginning, &ask),
            _ => places.free_at_home(),
        };
        // At the end of time nothing is admitted.
        let (Some(room), Taken::Admitted(tat)) = (room, ask.take_first()) else {
            return places.go_on(key, now, plans, evict, 0);
        };
        if room.evicts() && !evict {
            return Err(Full { wait: room.wait, at: now, evicted: 0 });
        }
        let Some(claim) = places.claim(&room, &ask) else {
            return places.go_on(key, now, plans, evict, 0);
        };
        let evicted = u64::from(room.evicts());
        if places.settle(&claim, tat, &ask) {
            Ok(Answer { taken: Taken::Admitted(tat), at: now, evicted })
        } else {
            places.go_on(key, now, plans, evict, evicted)
        }
    }

    /// As `miss`, whatever the slots hold, and whoever else comes.
    #[cold]
    pub(super) fn closely(
        &self,
        home: usize,
        key: Key,
        now: Moment,
        plans: &Plans,
        evict: bool,
    ) -> Result<Answer, Full> {
        let places = self.places_of(home, key.tag);
        let now = places.at(now, plans);
        places.go_on(key, now, plans, evict, 0)
    }

    /// What the key owes; changes nothing.
    pub(super) fn look(&self, home: usize, key: Key, now: Moment, plans: &Plans) -> (Tat, Moment) {
        let places = self.places_of(home, key.tag);
        let mut at = now;
        for (_, bucket) in places.each() {
            let (there, _) = bucket.standing(now, plans);
            at = if there.nanos > at.nanos { there } else { at };
        }
        let ask = Ask::new(Key { n: 0, ..key }, plans, at);
        let held = places.each().find_map(|(_, bucket)| {
            let slot = bucket.find(key.tag)?;
            let (_, passed) = bucket.standing(at, plans);
            // What nobody has emptied yet may be over all the same.
            if plans.is_over(tier_of(slot.load()), passed) { None } else { ask.take(slot) }
        });
        match held {
            Some(Taken::Admitted(tat)) => (tat, at),
            // Of no cells none is denied.
            Some(Taken::Denied { .. }) | None => (Tat(ask.floor), at),
        }
    }

    #[inline]
    pub(super) fn places_of(&self, home: usize, tag: u16) -> Places<'_> {
        // An odd distance, so that no bucket is its own other: and the same from either.
        let distance = (usize::from(tag) & self.neighbours) | (self.neighbours & 1);
        let other = home ^ distance;
        Places {
            home: self.bucket(home),
            other: self.bucket(other),
            alone: distance == 0,
            reversed: other < home,
        }
    }

    #[expect(clippy::indexing_slicing, reason = "below the number of buckets by the arithmetic above")]
    fn bucket(&self, number: usize) -> &Bucket {
        &self.buckets[number]
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
impl Table {
    pub(super) fn number_of(&self, bucket: &Bucket) -> Option<usize> {
        self.buckets.iter().position(|candidate| core::ptr::eq(candidate, bucket))
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use super::{Bucket, DISTRICT, MEANT, Table};

    #[test]
    fn two_buckets_are_two_and_the_same_from_either() {
        for capacity in [1, 4, 5, 8, 12, 16, 63, 64, 65, 252, 256, 260, 504, 508, 512, 516, 520, 4_000] {
            let table = Table::new(capacity).unwrap();
            let len = table.buckets.len();
            assert!(len * MEANT >= capacity && (len == 1) == (capacity <= MEANT));
            assert!(len <= capacity.div_ceil(MEANT) * 9 / 8 + 1, "{len} buckets for {capacity} keys");
            for (home, tag) in (0..len).flat_map(|home| [0, 1, 7, 999, u16::MAX].map(|tag| (home, tag))) {
                let at = |bucket: &Bucket| table.number_of(bucket).unwrap();
                let here = table.places_of(home, tag);
                let other = at(here.other);
                assert_eq!((at(here.home), here.alone, here.reversed), (home, len == 1, other < home));
                assert!(here.alone || other != home, "{len} buckets, home {home}, tag {tag}");
                assert_eq!(at(table.places_of(other, tag).other), home);
                assert!(home / DISTRICT == other / DISTRICT, "one district");
            }
        }
    }
}
