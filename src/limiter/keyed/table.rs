//! The table: memory given once, in which a key has at most one quota at any time.
//!
//! A key has a tag of 16 bits and two buckets, its home and another, which both follow from tag and home, so that keys that
//! share a tag and a bucket share both (and one quota). A hit is one compare-and-swap on the key's slot. A new key is written
//! in three steps:
//!
//! 1. It *claims* a slot of its buckets: one that is free, else one whose key has recovered, else, of all keys there, the one
//!    that would recover soonest. A claim bears a ticket, and is never taken for another.
//! 2. It looks at every other slot of both buckets. A quota with its tag: it withdraws its claim and uses that. A claim with
//!    its tag in an earlier place: it withdraws, too, and goes on with that. One in a later place: it empties that slot.
//! 3. It turns its claim into a quota, of which the cells it asked for are taken. A claim belongs to whoever gets there first.
//!
//! *No key has two quotas.* Suppose one was made in slot `i` by A and one in slot `j` by B, `i` before `j`. A looked at `j`
//! while its claim stood in `i`, B at `i` while its own stood in `j`. A saw no claim and no quota in `j`: it would have emptied
//! the slot, and B's swap failed, or withdrawn. So the claim in `j` was made after A looked, and A's claim before that. Then B
//! looked later still, saw A's claim or quota in `i`, and withdrew. (Between its claim and its look each has a full fence, so
//! that one of the two sees the other.)
//!
//! *Nobody waits.* A swap that fails was beaten by another's. Whoever stops halfway leaves a claim, which anybody with its tag
//! goes on with, and which makes room after some tickets ([`PATIENCE`](super::bucket::PATIENCE)).

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::cell::{Cell, Meaning, full_fence};
use crate::limiter::keyed::bucket::{Ask, Bucket, Key, SLOTS};
use crate::limiter::keyed::plan::{Moment, Plans};
use crate::limiter::keyed::word::{Slot, has_tag, is_a_quota, tier_of};
use crate::limiter::rules::Verdict;
use crate::limiter::word::Tat;

/// Keys a bucket is meant to hold: the rest of its slots is room for chance.
const MEANT: usize = 4;

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

/// A slot that is claimed for the key.
struct Claim {
    place: usize,
    word: u64,
}

/// A place that may be claimed, and what it held.
struct Room {
    place: usize,
    seen: u64,
    /// Twice the units of the asking key until it is free, and one more away from home.
    rank: u64,
}

impl Room {
    const fn wait(&self) -> u64 {
        self.rank / 2
    }

    /// Whether a live key holds it.
    const fn evicts(&self) -> bool {
        self.wait() > 0 && is_a_quota(self.seen)
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
        let bucket = self.buckets.get(home)?;
        let at = bucket.at(now, plans);
        let (tat, verdict) = Ask::new(key, plans, at).take(bucket.find(key.tag)?)?;
        Some(Answer { tat, verdict, at, evicted: 0 })
    }

    /// Takes the cells wherever the key's quota is, or makes one. `evict` says whether a live key may be evicted for it;
    /// where it may not, and all places are taken, the units are given until there is one.
    #[inline(never)]
    pub(super) fn miss(
        &self,
        home: usize,
        key: Key,
        now: Moment,
        plans: &Plans,
        evict: bool,
    ) -> Result<Answer, u64> {
        let places = self.places_of(home, key.tag);
        let at = places.at(now, plans);
        let ask = Ask::new(key, plans, at);
        let mut evicted = 0;
        let answer = |(tat, verdict), evicted| Ok(Answer { tat, verdict, at, evicted });
        loop {
            let claim = match places.survey(&ask) {
                Found::Quota(slot) => match ask.take(slot) {
                    Some(taken) => return answer(taken, evicted),
                    None => continue,
                },
                // Nothing is taken, so nothing need be written.
                _ if key.n == 0 => return answer((Tat(ask.floor), Verdict::Admitted), evicted),
                Found::Claim(claim) => claim,
                Found::Room(room) if room.evicts() && !evict => return Err(room.wait()),
                Found::Room(room) => {
                    let bucket = places.bucket(room.place);
                    let claim = Slot::Claimed { tag: key.tag, ticket: bucket.ticket() };
                    if !bucket.replace(places.slot(room.place), room.seen, claim) {
                        continue;
                    }
                    evicted += u64::from(room.evicts());
                    Claim { place: room.place, word: claim.encode() }
                }
            };
            if let Some(taken) = places.settle(&claim, &ask) {
                return answer(taken, evicted);
            }
        }
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

    fn places_of(&self, home: usize, tag: u16) -> Places<'_> {
        let len = self.buckets.len();
        // The sum of the two is the same from either.
        let sum = usize::try_from((u128::from(spread(tag)) * len as u128) >> 64).unwrap_or(0);
        let other = if sum >= home { sum - home } else { sum + len - home };
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
    fn slots(&self) -> impl Iterator<Item = (usize, &'a Cell)> {
        self.each().flat_map(Bucket::slots).enumerate()
    }

    fn bucket(&self, place: usize) -> &'a Bucket {
        let [low, high] = self.buckets;
        if place < SLOTS { low } else { high }
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder by the number of slots")]
    fn slot(&self, place: usize) -> &'a Cell {
        &self.bucket(place).slots()[place % SLOTS]
    }

    /// What there is for this key: its quota; or its claim, in the earliest place; or a place to claim. That is a free one or
    /// one whose key has recovered, at home before elsewhere; else the one whose key would recover soonest.
    #[inline]
    fn survey(&self, ask: &Ask<'_>) -> Found<'a> {
        // Each word is read once: what was another's is still that, or its place is not claimed.
        let seen = self.buckets.map(Bucket::words);
        let seen = seen.get(..self.count).unwrap_or(&seen);
        if let Some(own) = self.own(seen, ask.key.tag) {
            return own;
        }
        let mut best = Room { place: 0, seen: 0, rank: u64::MAX };
        for (half, (words, bucket)) in seen.iter().zip(self.buckets).enumerate() {
            let away = u64::from(half != self.home);
            for (number, word) in words.iter().enumerate() {
                let rank = ask.wait_for_place(*word, bucket).saturating_mul(2) | away;
                if rank <= best.rank {
                    best = Room { place: half * SLOTS + number, seen: *word, rank };
                }
            }
        }
        Found::Room(best)
    }

    /// The key's quota, or its claim in the earliest place.
    #[inline]
    fn own(&self, seen: &[[u64; SLOTS]], tag: u16) -> Option<Found<'a>> {
        let words = seen.as_flattened();
        if !words.iter().fold(false, |found, word| found | has_tag(*word, tag)) {
            return None;
        }
        // A free slot bears tag 0, as few keys do.
        let mut tagged = words.iter().copied().enumerate().filter(|(_, word)| has_tag(*word, tag));
        if let Some((place, _)) = tagged.clone().find(|(_, word)| is_a_quota(*word)) {
            return Some(Found::Quota(self.slot(place)));
        }
        let (place, word) = tagged.find(|(_, word)| !Slot::decode(*word).is_free())?;
        Some(Found::Claim(Claim { place, word }))
    }

    /// Steps 2 and 3; nothing where somebody else was faster.
    #[inline]
    fn settle(&self, claim: &Claim, ask: &Ask<'_>) -> Option<(Tat, Verdict)> {
        full_fence();
        let mut alone = true;
        for (half, bucket) in self.each().enumerate() {
            alone &= !bucket.another_bears(ask.key.tag, claim.place.wrapping_sub(half * SLOTS));
        }
        if !alone && !self.is_first(claim, ask.key.tag) {
            return None;
        }
        let (tat, verdict) = ask.take_first();
        if verdict != Verdict::Admitted {
            // The end of time.
            self.withdraw(claim);
            return Some((tat, verdict));
        }
        self.bucket(claim.place)
            .replace(self.slot(claim.place), claim.word, ask.timed(tat))
            .then_some((tat, verdict))
    }

    /// Whether the claim goes before all else of its key, once later claims are emptied; withdraws it where it does not.
    #[cold]
    fn is_first(&self, claim: &Claim, tag: u16) -> bool {
        for (place, other) in self.slots().filter(|(place, _)| *place != claim.place) {
            let word = other.load();
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
