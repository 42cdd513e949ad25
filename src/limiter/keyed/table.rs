//! The table: memory given once, in which a key has at most one quota at any time.
//!
//! A key has a tag of 16 bits and two buckets, its home and another, which both follow from tag and home, so that keys that
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
use crate::limiter::keyed::bucket::{Ask, Bucket, Key, SLOTS};
use crate::limiter::keyed::plan::{Moment, Plans};
use crate::limiter::keyed::word::{Slot, Turn, has_tag, is_a_quota, is_free, tier_of};
use crate::limiter::rules::Verdict;
use crate::limiter::word::Tat;

/// Keys a bucket is meant to hold: the rest of its slots is room for chance.
const MEANT: usize = 4;

/// A key's two buckets are so near each other that they share a page of memory, mostly; the rest goes to the last district.
const DISTRICT: usize = 64;

/// So many claims of others a call robs.
const ROBBERIES: u32 = 32;

/// A fixed number of buckets.
#[derive(Debug)]
pub(super) struct Table {
    buckets: Box<[Bucket]>,
}

/// What became of a key's request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) tat: Tat,
    pub(super) verdict: Verdict,
    /// When the request was judged: the bucket's time, where the clock stands behind it.
    pub(super) at: Moment,
    /// How many live keys lost their places to it.
    pub(super) evicted: u64,
}

/// There is no place for a new key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full {
    /// In so many units of its own there may be one.
    pub(super) wait: u64,
    /// How many live keys lost their places to it all the same.
    pub(super) evicted: u64,
}

/// Where a key may be: two buckets in the order of the table, and which of them is its home.
struct Places<'a> {
    buckets: [&'a Bucket; 2],
    count: usize,
    home: usize,
}

/// What there is for a key.
enum Found<'a> {
    Quota(&'a Cell),
    Claim(Claim),
    Room(Room),
}

/// Which of a key's buckets, and which slot of it: in the order in which all agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    bucket: usize,
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

impl Table {
    /// A table for so many keys; nothing where memory does not suffice.
    pub(super) fn new(capacity: usize) -> Option<Self> {
        let count = capacity.div_ceil(MEANT).max(1);
        let mut buckets = Vec::new();
        buckets.try_reserve_exact(count).ok()?;
        buckets.extend((0..count).map(|_| Bucket::fresh()));
        Some(Self { buckets: buckets.into_boxed_slice() })
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

    /// Takes the cells from the key's quota, if it has one at home; nothing where it has not.
    #[inline]
    pub(super) fn hit(&self, home: usize, key: Key, now: Moment, plans: &Plans) -> Option<Answer> {
        let bucket = self.bucket(home);
        let at = bucket.at(now, plans);
        let (tat, verdict) = Ask::new(key, plans, at).take(bucket.find(key.tag)?)?;
        Some(Answer { tat, verdict, at, evicted: 0 })
    }

    /// Takes the cells wherever the key's quota is, or makes one. `evict` says whether a live key may be evicted for it;
    /// where it may not, and all places are taken, that is said.
    #[inline]
    pub(super) fn miss(
        &self,
        home: usize,
        key: Key,
        now: Moment,
        plans: &Plans,
        evict: bool,
    ) -> Result<Answer, Full> {
        let places = self.places_of(home, key.tag);
        let ask = Ask::new(key, plans, places.at(now, plans));
        // A flood: straight through, once.
        let room = if evict && key.n > 0 { places.among_equals(&ask) } else { None };
        let claim = room.and_then(|room| Some((room, places.claim(&room, &ask)?)));
        let mut evicted = 0;
        if let Some((room, claim)) = claim {
            evicted += u64::from(room.evicts());
            if let Some((tat, verdict)) = places.settle(&claim, &ask) {
                return Ok(Answer { tat, verdict, at: ask.now, evicted });
            }
        }
        places.go_on(key, ask.now, plans, evict, evicted)
    }

    /// What the key owes; changes nothing.
    pub(super) fn look(&self, home: usize, key: Key, now: Moment, plans: &Plans) -> (Tat, Moment) {
        let places = self.places_of(home, key.tag);
        let mut at = now;
        for bucket in places.each() {
            let (there, _) = bucket.standing(now, plans);
            at = if there.nanos > at.nanos { there } else { at };
        }
        let ask = Ask::new(Key { n: 0, ..key }, plans, at);
        let held = places.each().find_map(|bucket| {
            let slot = bucket.find(key.tag)?;
            let (_, passed) = bucket.standing(at, plans);
            // What nobody has emptied yet may be over all the same.
            if plans.is_over(tier_of(slot.load()), passed) { None } else { ask.take(slot) }
        });
        (held.map_or(Tat(ask.floor), |(tat, _)| tat), at)
    }

    #[inline]
    fn places_of(&self, home: usize, tag: u16) -> Places<'_> {
        let districts = (self.buckets.len() / DISTRICT).max(1);
        let first = (home / DISTRICT).min(districts - 1) * DISTRICT;
        let len =
            if first + 2 * DISTRICT > self.buckets.len() { self.buckets.len() - first } else { DISTRICT };
        // The sum of the two is the same from either.
        let sum = usize::try_from((u128::from(spread(tag)) * len as u128) >> 64).unwrap_or(0);
        // And odd where it can be: then nobody's two are one.
        let sum = if len % 2 == 0 { sum | 1 } else { sum };
        let within = home - first;
        let other = first + if sum >= within { sum - within } else { sum + len - within };
        let (low, high) = if home < other { (home, other) } else { (other, home) };
        let (low, high) = (self.bucket(low), self.bucket(high));
        Places {
            buckets: [low, high],
            count: if home == other { 1 } else { 2 },
            home: usize::from(home > other),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "below the number of buckets by the arithmetic above")]
    fn bucket(&self, number: usize) -> &Bucket {
        &self.buckets[number]
    }
}

/// A tag over all 64 bits (a multiplier of Steele and Vigna's, "Computationally easy, spectrally good multipliers", 2021).
const fn spread(tag: u16) -> u64 {
    (tag as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95)
}

impl<'a> Places<'a> {
    /// The later of the two buckets' times, both brought to it.
    #[inline]
    fn at(&self, now: Moment, plans: &Plans) -> Moment {
        let [low, high] = self.buckets;
        let mut at = now;
        loop {
            let there = high.at(low.at(at, plans), plans);
            if there.nanos <= at.nanos {
                return at;
            }
            at = there;
        }
    }

    fn each(&self) -> impl Iterator<Item = &'a Bucket> {
        self.buckets.into_iter().take(self.count)
    }

    /// Every slot, in the order in which all agree.
    fn slots(&self) -> impl Iterator<Item = (Place, &'a Cell)> {
        self.each().enumerate().flat_map(|(bucket, slots)| {
            slots.slots().iter().enumerate().map(move |(slot, cell)| (Place { bucket, slot }, cell))
        })
    }

    #[inline]
    fn bucket(&self, place: Place) -> &'a Bucket {
        let [low, high] = self.buckets;
        if place.bucket == 0 { low } else { high }
    }

    #[inline]
    fn slot(&self, place: Place) -> &'a Cell {
        self.bucket(place).slot(place.slot)
    }

    /// As `Table::miss`, whatever the slots hold, and whoever else comes.
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
        let answer = |(tat, verdict), evicted| Ok(Answer { tat, verdict, at: now, evicted });
        let mut robberies = 0;
        loop {
            let Some(found) = self.survey(ask) else { continue };
            let claim = match found {
                Found::Quota(slot) => match ask.take(slot) {
                    Some(taken) => return answer(taken, evicted),
                    None => continue,
                },
                // Nothing is taken, so nothing need be written.
                _ if key.n == 0 => return answer((Tat(ask.floor), Verdict::Admitted), evicted),
                Found::Claim(claim) => claim,
                Found::Room(room) if room.evicts() && !evict => {
                    return Err(Full { wait: room.wait, evicted });
                }
                Found::Room(room) if room.robs() && robberies == ROBBERIES => {
                    return Err(Full { wait: 1, evicted });
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

    /// The place to claim where all hold quotas of others in the asking key's tier, as `survey` has it.
    #[inline]
    fn among_equals(&self, ask: &Ask<'_>) -> Option<Room> {
        let [low, high] = self.buckets;
        let (low, high) = (low.first_of_equals(ask)?, high.first_of_equals(ask)?);
        // A decision between the two would be a guess.
        let first = Turn::of(low, 0, self.home != 0).min(Turn::of(high, 1, self.home == 0));
        let place = Place { bucket: first.bucket(), slot: first.slot() };
        // Read again, it is judged again.
        let seen = self.slot(place).load();
        ask.is_of_an_equal(seen, first.wait()).then_some(Room { place, seen, wait: first.wait() })
    }

    /// What there is for this key: its quota; or its claim, in the earliest place; or a place to claim: the first of those in the
    /// order above.
    ///
    /// Each word is judged as it is read: what was another's is still that, or its place is not claimed. Nothing where a quota
    /// or a claim of this key came meanwhile.
    fn survey(&self, ask: &Ask<'_>) -> Option<Found<'a>> {
        let (mut claim, mut free) = (None, None);
        for (place, slot) in self.slots() {
            let word = slot.load();
            if has_tag(word, ask.key.tag) {
                // A free slot bears tag 0, as few keys do.
                match Slot::decode(word) {
                    Slot::Timed { .. } => return Some(Found::Quota(slot)),
                    Slot::Claimed { .. } if claim.is_none() => {
                        claim = Some(Claim { place, word, own: false });
                    }
                    Slot::Claimed { .. } | Slot::Free { .. } => {}
                }
            }
            if free.is_none() && place.bucket == self.home && is_free(word) {
                free = Some(Room { place, seen: word, wait: 0 });
            }
        }
        match (claim, free) {
            (Some(claim), _) => Some(Found::Claim(claim)),
            (None, Some(free)) => Some(Found::Room(free)),
            (None, None) => self.compare(ask).map(Found::Room),
        }
    }

    /// As `survey`, where no place at home was free.
    fn compare(&self, ask: &Ask<'_>) -> Option<Room> {
        let mut best = None;
        for (place, slot) in self.slots() {
            let seen = slot.load();
            if has_tag(seen, ask.key.tag) && !is_free(seen) {
                return None;
            }
            let (wait, idle) = ask.wait_for_place(seen);
            let turn = (wait, place.bucket != self.home, u64::MAX - idle);
            if best.is_none_or(|(first, _)| turn < first) {
                best = Some((turn, Room { place, seen, wait }));
            }
        }
        best.map(|(_, room)| room)
    }

    /// Step 1; nothing where somebody else was faster.
    #[inline]
    fn claim(&self, room: &Room, ask: &Ask<'_>) -> Option<Claim> {
        let (place, word) = (room.place, self.bucket(room.place).claim(ask).encode());
        self.slot(place).announce(room.seen, word).then_some(Claim { place, word, own: true })
    }

    /// Steps 2 and 3; nothing where somebody else was faster.
    #[inline(always)]
    fn settle(&self, claim: &Claim, ask: &Ask<'_>) -> Option<(Tat, Verdict)> {
        if !claim.own {
            // As if this thread had announced it: it has seen it.
            full_fence();
        }
        // The claim is one of them, or lost.
        let [low, high] = self.buckets;
        let bearers = low.bearers(ask.key.tag) + if self.count > 1 { high.bearers(ask.key.tag) } else { 0 };
        if bearers > 1 && !self.is_first(claim, ask.key.tag) {
            return None;
        }
        let (tat, verdict) = ask.take_first();
        if verdict != Verdict::Admitted {
            // The end of time.
            self.withdraw(claim);
            return Some((tat, verdict));
        }
        let slot = self.slot(claim.place);
        slot.replace(claim.word, ask.timed(tat).encode()).then_some((tat, verdict))
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
                Slot::Claimed { .. } if place > claim.place => {
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
