//! The table: memory given once, in which a key has at most one quota at any time.
//!
//! A key has a tag of 16 bits and two buckets, its home and a neighbour, which follows from tag and home, so that keys that
//! share a tag and a bucket share both (and one quota). A hit is one compare-and-swap on the key's slot. A new key is written
//! in three steps:
//!
//! 1. It *claims* a slot of its buckets. At home before elsewhere: one that is free, else the one whose key has recovered longest
//!    ago, so that who comes again and again keeps its place. Else, of all keys there, the one that would recover soonest. A
//!    claim bears a ticket, and is taken for no other.
//! 2. It looks at every other slot of both buckets. A quota with its tag: it withdraws its claim and uses that. A claim with
//!    its tag in an earlier place: it withdraws, too, and goes on with that. One in a later place: it empties that slot.
//! 3. It turns its claim into a quota, of which the cells it asked for are taken. A claim belongs to whoever gets there first.
//!
//! *No key has two quotas.* Suppose one was made in slot `i` by A and one in slot `j` by B, `i` before `j`. A looked at `j`
//! while its claim stood in `i`, B at `i` while its own stood in `j`. A saw no claim and no quota in `j`: it would have emptied
//! the slot, and B's swap failed, or withdrawn. So the claim in `j` was made after A looked, and A's claim before that. Then B
//! looked later still, saw A's claim or quota in `i`, and withdrew. (The claim is announced, so that of the two one sees the
//! other: [`Cell::announce`].)
//!
//! *Nobody waits.* A swap that fails was beaten by another's. Whoever stops halfway leaves a claim, which anybody with its tag
//! goes on with, and which makes room after some time ([`PATIENCE`](super::bucket::PATIENCE)). Where all places are fresh claims
//! of others, one of them is robbed; who has robbed so often in vain ([`ROBBERIES`]) is denied.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::cell::{Cell, Meaning, full_fence};
use crate::limiter::keyed::bucket::{Ask, Bucket, Key, SLOTS, Seat, Taken};
use crate::limiter::keyed::plan::{Moment, Plans};
use crate::limiter::keyed::word::{Owner, Recovery, Slot, Tiers, has_tag, is_a_quota, is_free, tier_of};
use crate::limiter::word::Tat;

/// Keys a bucket is meant to hold: the rest of its slots is room for chance.
const MEANT: usize = 4;

/// A key's two buckets are so near each other that they share a page of memory.
const DISTRICT: usize = 64;

/// A table is so many districts at least: what it is rounded up by is no more than an eighth.
const DISTRICTS: usize = 8;

/// So many claims of others a call robs.
const ROBBERIES: u32 = 32;

/// A fixed number of buckets, in districts whose length is a power of two.
#[derive(Debug)]
pub(super) struct Table {
    buckets: Box<[Bucket]>,
    /// How many neighbours a bucket has: all others of its district.
    neighbours: usize,
}

/// What became of a key's request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) taken: Taken,
    /// When the request was judged: the bucket's time, where the clock stands behind it.
    pub(super) at: Moment,
    /// How many live keys lost their places to it.
    pub(super) evicted: u64,
}

/// There is no place for a new key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full {
    /// In so many units of its own there may be one,
    pub(super) wait: u64,
    /// counted from then.
    pub(super) at: Moment,
    /// How many live keys lost their places to it all the same.
    pub(super) evicted: u64,
}

/// Where a key may be.
struct Places<'a> {
    home: &'a Bucket,
    other: &'a Bucket,
    /// Whether the table has one bucket: home is the other, too.
    alone: bool,
    /// Whether the other comes before the home in the order in which all agree.
    reversed: bool,
}

/// What there is for a key.
enum Found<'a> {
    Quota(&'a Cell),
    Claim(Claim),
    Room(Room),
}

/// Which of a key's buckets, and which slot of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    away: bool,
    slot: usize,
}

/// A slot that is claimed for the key.
struct Claim {
    place: Place,
    word: u64,
    /// Who claimed it: the calling thread, or another.
    own: bool,
}

/// A place that may be claimed, what it held, and in how many units of the asking key it is free.
#[derive(Clone, Copy)]
struct Room {
    place: Place,
    seen: u64,
    wait: u64,
}

impl Room {
    /// Whether somebody is about to write a key there.
    const fn robs(&self) -> bool {
        self.wait == u64::MAX
    }

    /// Whether a live key holds it.
    const fn evicts(&self) -> bool {
        self.wait > 0 && is_a_quota(self.seen)
    }
}

/// The first of the places that were considered, and its turn.
#[derive(Default)]
struct Choice {
    first: Option<((u64, bool, u64), Room)>,
}

impl Choice {
    fn consider(&mut self, place: Place, seen: u64, ask: &Ask<'_>) {
        let (wait, idle) = ask.wait_for_place(seen);
        // Of those that have recovered who is at home is first; of these, who did so longest ago.
        let turn = (wait, place.away, u64::MAX - idle);
        if self.first.is_none_or(|(first, _)| turn < first) {
            self.first = Some((turn, Room { place, seen, wait }));
        }
    }

    fn is_free_at_home(&self) -> bool {
        self.first.is_some_and(|(_, room)| !room.place.away && is_free(room.seen))
    }
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
            (Some(home), Some(other)) if key.n > 0 => places.among_equals(home, other, beginning, &ask),
            _ => None,
        };
        let Some(room) = room else { return places.go_on(key, now, plans, evict, 0) };
        if room.evicts() && !evict {
            return Err(Full { wait: room.wait, at: now, evicted: 0 });
        }
        let Some(claim) = places.claim(&room, &ask) else {
            return places.go_on(key, now, plans, evict, 0);
        };
        let evicted = u64::from(room.evicts());
        match places.settle(&claim, &ask) {
            Some(taken) => Ok(Answer { taken, at: now, evicted }),
            None => places.go_on(key, now, plans, evict, evicted),
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
    fn places_of(&self, home: usize, tag: u16) -> Places<'_> {
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

impl<'a> Places<'a> {
    /// The later of the two buckets' times, both brought to it.
    fn at(&self, now: Moment, plans: &Plans) -> Moment {
        let mut at = now;
        loop {
            let there = self.other.at(self.home.at(at, plans), plans);
            if there.nanos <= at.nanos {
                return at;
            }
            at = there;
        }
    }

    /// The buckets, in the order in which all agree, and whether each is the other one.
    fn each(&self) -> impl Iterator<Item = (bool, &'a Bucket)> {
        let (home, other) = ((false, self.home), (true, self.other));
        let both = if self.reversed { [other, home] } else { [home, other] };
        both.into_iter().take(if self.alone { 1 } else { 2 })
    }

    /// Every slot, in the order in which all agree.
    fn slots(&self) -> impl Iterator<Item = (Place, &'a Cell)> {
        self.each().flat_map(|(away, bucket)| {
            bucket.slots().iter().enumerate().map(move |(slot, cell)| (Place { away, slot }, cell))
        })
    }

    /// Whether a place comes after another in the order in which all agree.
    fn is_after(&self, place: Place, other: Place) -> bool {
        let turn = |place: Place| (place.away != self.reversed, place.slot);
        turn(place) > turn(other)
    }

    #[inline]
    fn bucket(&self, place: Place) -> &'a Bucket {
        if place.away { self.other } else { self.home }
    }

    #[inline]
    fn slot(&self, place: Place) -> &'a Cell {
        self.bucket(place).slot(place.slot)
    }

    /// As `Table::miss`, closely.
    #[inline(never)]
    fn go_on(
        &self,
        key: Key,
        now: Moment,
        plans: &Plans,
        evict: bool,
        mut evicted: u64,
    ) -> Result<Answer, Full> {
        let ask = &Ask::new(key, plans, now);
        let answer = |taken, evicted| Ok(Answer { taken, at: now, evicted });
        let mut robberies = 0;
        loop {
            let Some(found) = self.survey(ask) else { continue };
            let claim = match found {
                Found::Quota(slot) => match ask.take(slot) {
                    Some(taken) => return answer(taken, evicted),
                    None => continue,
                },
                // Nothing is taken, so nothing need be written.
                _ if key.n == 0 => return answer(Taken::Admitted(Tat(ask.floor)), evicted),
                Found::Claim(claim) => claim,
                Found::Room(room) if room.evicts() && !evict => {
                    return Err(Full { wait: room.wait, at: now, evicted });
                }
                Found::Room(room) if room.robs() && robberies == ROBBERIES => {
                    return Err(Full { wait: 1, at: now, evicted });
                }
                Found::Room(room) => match self.claim(&room, ask) {
                    Some(claim) => {
                        robberies += u32::from(room.robs());
                        evicted += u64::from(room.evicts());
                        claim
                    }
                    None => continue,
                },
            };
            if let Some(taken) = self.settle(&claim, ask) {
                return answer(taken, evicted);
            }
        }
    }

    /// The place to claim where all hold quotas of others in the asking key's tier, and these recover first at home and in the other
    /// bucket: as `survey` has it.
    #[inline(always)]
    fn among_equals(&self, home: Recovery, other: Recovery, beginning: u64, ask: &Ask<'_>) -> Option<Room> {
        let passed = ask.floor.saturating_sub(beginning);
        // A decision between the two would be a guess.
        let away = other.wait(passed) < home.wait(passed);
        let first = if away { other } else { home };
        let (place, wait) = (Place { away, slot: first.slot() }, first.wait(passed));
        // Read again, it is judged again.
        let seen = self.slot(place).load();
        ask.is_of_an_equal(seen, wait).then_some(Room { place, seen, wait })
    }

    /// What there is for this key: its quota; or its claim, in the earliest place; or a place to claim: the first of those in the
    /// order above.
    ///
    /// Each word is judged as it is read: what was another's is still that, or its place is not claimed. Nothing where a quota
    /// or a claim of this key came meanwhile.
    fn survey(&self, ask: &Ask<'_>) -> Option<Found<'a>> {
        let (mut claim, mut tiers, mut choice) = (None, Tiers::default(), Choice::default());
        for (away, bucket) in self.each() {
            for (number, slot) in bucket.slots().iter().enumerate() {
                let (word, place) = (slot.load(), Place { away, slot: number });
                let is_own = has_tag(word, ask.key.tag);
                match (is_a_quota(word), is_own) {
                    (true, false) => tiers.add(tier_of(word)),
                    (true, true) => return Some(Found::Quota(slot)),
                    // A free slot bears tag 0, as few keys do.
                    (false, true) if !is_free(word) => {
                        claim = claim.or(Some(Claim { place, word, own: false }));
                    }
                    (false, _) => choice.consider(place, word, ask),
                }
            }
        }
        if let Some(claim) = claim {
            return Some(Found::Claim(claim));
        }
        // Nobody is before who is free at home.
        if choice.is_free_at_home() {
            return choice.first.map(|(_, room)| Found::Room(room));
        }
        // Of a tier's keys at home or elsewhere, who recovers first stands for all.
        for tier in tiers.each() {
            let beginning = ask.beginning(tier);
            for (away, bucket) in self.each() {
                let Some(slot) = bucket.first_of(tier, beginning) else { continue };
                let word = bucket.slot(slot).load();
                if !is_a_quota(word) || has_tag(word, ask.key.tag) {
                    return None;
                }
                choice.consider(Place { away, slot }, word, ask);
            }
        }
        choice.first.map(|(_, room)| Found::Room(room))
    }

    /// Step 1; nothing where somebody else was faster.
    #[inline]
    fn claim(&self, room: &Room, ask: &Ask<'_>) -> Option<Claim> {
        let (place, word) = (room.place, self.bucket(room.place).claim(ask).encode());
        self.slot(place).announce(room.seen, word).then_some(Claim { place, word, own: true })
    }

    /// Steps 2 and 3; nothing where somebody else was faster.
    #[inline(always)]
    fn settle(&self, claim: &Claim, ask: &Ask<'_>) -> Option<Taken> {
        if !claim.own {
            // As if this thread had announced it: it has seen it.
            full_fence();
        }
        // The claim is one of them, or lost.
        let elsewhere = if self.alone { 0 } else { self.other.bearers(ask.key.tag) };
        let bearers = self.home.bearers(ask.key.tag) + elsewhere;
        if bearers > 1 && !self.is_first(claim, ask.key.tag) {
            return None;
        }
        let taken = ask.take_first();
        let Taken::Admitted(tat) = taken else {
            // The end of time.
            self.withdraw(claim);
            return Some(taken);
        };
        self.slot(claim.place).replace(claim.word, ask.timed(tat).encode()).then_some(taken)
    }

    /// Whether the claim goes before all else of its key, once later claims are emptied; withdraws it where it does not.
    #[cold]
    fn is_first(&self, claim: &Claim, tag: u16) -> bool {
        for (place, other) in self.slots().filter(|(place, _)| *place != claim.place) {
            let word = other.look();
            if !has_tag(word, tag) {
                continue;
            }
            match Slot::decode(word) {
                Slot::Claimed { .. } if self.is_after(place, claim.place) => {
                    let bucket = self.bucket(place);
                    if !bucket.replace(other, word, Slot::Free { ticket: bucket.ticket() }) {
                        return false;
                    }
                }
                Slot::Timed { .. } | Slot::Claimed { .. } => {
                    self.withdraw(claim);
                    return false;
                }
                Slot::Free { .. } => {}
            }
        }
        true
    }

    fn withdraw(&self, claim: &Claim) {
        let bucket = self.bucket(claim.place);
        bucket.replace(self.slot(claim.place), claim.word, Slot::Free { ticket: bucket.ticket() });
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests;
