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
//! goes on with, and which makes room after [`PATIENCE`] tickets.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::cell::{Cell, Meaning, full_fence};
use crate::limiter::keyed::bucket::{Ask, Bucket, SLOTS};
use crate::limiter::keyed::plan::Moment;
use crate::limiter::keyed::word::Slot;
use crate::limiter::rules::{self, Verdict};
use crate::limiter::word::Tat;

/// Keys a bucket is meant to hold: the rest of its slots is room for chance.
const MEANT: usize = 4;
/// So many tickets later a claim is taken for one that nobody goes on with.
const PATIENCE: u32 = 64;

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
    pub(super) evicted: bool,
}

/// Where a key may be: two buckets in the order of the table, and which of them is its home.
struct Places<'a> {
    buckets: [&'a Bucket; 2],
    count: usize,
    home: usize,
}

/// A place that may be claimed, and what it held.
struct Room<'a> {
    place: usize,
    slot: &'a Cell,
    seen: u64,
    evicts: bool,
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
    pub(super) fn hit(&self, home: usize, ask: &Ask<'_>) -> Option<Answer> {
        let bucket = self.buckets.get(home)?;
        let at = bucket.at(ask.now, ask.plans);
        let (tat, verdict) = Ask { now: at, ..*ask }.take(bucket.find(ask.tag)?)?;
        Some(Answer { tat, verdict, at, evicted: false })
    }

    /// Takes the cells wherever the key's quota is, or makes one. `evict` says whether a live key may be evicted for it;
    /// where it may not, nothing is given when all places are taken.
    #[cold]
    pub(super) fn miss(&self, home: usize, ask: &Ask<'_>, evict: bool) -> Result<Answer, u64> {
        let places = self.places_of(home, ask.tag);
        let at = places.at(ask);
        let ask = Ask { now: at, ..*ask };
        let mut evicted = false;
        loop {
            if let Some(slot) = places.quota(ask.tag) {
                if let Some((tat, verdict)) = ask.take(slot) {
                    return Ok(Answer { tat, verdict, at, evicted });
                }
                continue;
            }
            if ask.n == 0 {
                // Nothing is taken, so nothing need be written.
                let tat = Tat(ask.plans.span(ask.tier, at).floor);
                return Ok(Answer { tat, verdict: Verdict::Admitted, at, evicted });
            }
            let Some(claim) = places.claim(ask.tag) else {
                let Some(room) = places.room(&ask) else { continue };
                if room.evicts && !evict {
                    return Err(places.soonest(&ask));
                }
                let bucket = places.bucket(room.place);
                let claim = Slot::Claimed { tag: ask.tag, ticket: bucket.ticket() };
                evicted |= bucket.replace(room.slot, room.seen, claim) && room.evicts;
                continue;
            };
            if let Some((tat, verdict)) = places.settle(claim, &ask) {
                return Ok(Answer { tat, verdict, at, evicted });
            }
        }
    }

    /// What the key owes; changes nothing.
    pub(super) fn look(&self, home: usize, ask: &Ask<'_>) -> (Tat, Moment) {
        let places = self.places_of(home, ask.tag);
        let at = places.at(ask);
        let ask = Ask { now: at, n: 0, ..*ask };
        let held = places.quota(ask.tag).and_then(|slot| ask.take(slot));
        (held.map_or(Tat(ask.plans.span(ask.tier, at).floor), |(tat, _)| tat), at)
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
    fn at(&self, ask: &Ask<'_>) -> Moment {
        let mut at = ask.now;
        for bucket in self.each() {
            let there = bucket.at(ask.now, ask.plans);
            if there.nanos > at.nanos {
                at = there;
            }
        }
        at
    }

    fn each(&self) -> impl Iterator<Item = &'a Bucket> {
        self.buckets.into_iter().take(self.count)
    }

    /// Every slot, in the order in which all agree.
    fn slots(&self) -> impl Iterator<Item = (usize, &'a Cell)> {
        self.each().flat_map(Bucket::slots).enumerate()
    }

    /// The home's slots first.
    fn slots_from_home(&self) -> impl Iterator<Item = (usize, &'a Cell)> {
        let home = move |place: usize| place / SLOTS == self.home || self.count == 1;
        self.slots()
            .filter(move |(place, _)| home(*place))
            .chain(self.slots().filter(move |(place, _)| !home(*place)))
    }

    fn bucket(&self, place: usize) -> &'a Bucket {
        let [low, high] = self.buckets;
        if place < SLOTS { low } else { high }
    }

    /// The slot that holds this tag's quota.
    fn quota(&self, tag: u16) -> Option<&'a Cell> {
        self.each().find_map(|bucket| bucket.find(tag))
    }

    /// This tag's claim in the earliest place.
    fn claim(&self, tag: u16) -> Option<(usize, &'a Cell, u64)> {
        self.slots().map(|(place, slot)| (place, slot, slot.load())).find(|(_, _, word)| claims(*word, tag))
    }

    /// Steps 2 and 3; nothing where somebody else was faster.
    fn settle(&self, (mine, slot, claim): (usize, &Cell, u64), ask: &Ask<'_>) -> Option<(Tat, Verdict)> {
        full_fence();
        for (place, other) in self.slots().filter(|(place, _)| *place != mine) {
            let word = other.load();
            match Slot::decode(word) {
                Slot::Timed { tag, .. } if tag == ask.tag => {
                    self.withdraw(mine, slot, claim);
                    return None;
                }
                Slot::Claimed { tag, .. } if tag == ask.tag && place < mine => {
                    self.withdraw(mine, slot, claim);
                    return None;
                }
                Slot::Claimed { tag, .. } if tag == ask.tag => {
                    let bucket = self.bucket(place);
                    if !bucket.replace(other, word, Slot::Free { ticket: bucket.ticket() }) {
                        return None;
                    }
                }
                _ => {}
            }
        }
        let quota = ask.plans.quota(ask.tier);
        let span = quota.scale.units(ask.now.nanos);
        let (tat, verdict) = rules::admit(Tat(span.floor), span, ask.n, quota);
        if verdict != Verdict::Admitted {
            // The end of time.
            self.withdraw(mine, slot, claim);
            return Some((tat, verdict));
        }
        self.bucket(mine).replace(slot, claim, ask.timed(tat)).then_some((tat, verdict))
    }

    fn withdraw(&self, place: usize, slot: &Cell, claim: u64) {
        let bucket = self.bucket(place);
        bucket.replace(slot, claim, Slot::Free { ticket: bucket.ticket() });
    }

    /// The place to claim: a free one or one whose key has recovered, at home before elsewhere; an abandoned claim's; the one
    /// whose key would recover soonest. Nothing where this key has come in meanwhile: it must not make room for itself.
    fn room(&self, ask: &Ask<'_>) -> Option<Room<'a>> {
        let (mut best, mut free) = (None, None);
        for (place, slot) in self.slots_from_home() {
            let seen = slot.load();
            let worth = match Slot::decode(seen) {
                Slot::Timed { tag, .. } | Slot::Claimed { tag, .. } if tag == ask.tag => return None,
                Slot::Free { .. } => 0,
                Slot::Timed { tier, time, .. } => ask.wait_for(tier, time),
                // Somebody is about to write a key there: what that key will owe is not known.
                Slot::Claimed { ticket, .. }
                    if self.bucket(place).tickets().wrapping_sub(ticket) > PATIENCE =>
                {
                    1
                }
                Slot::Claimed { .. } => u64::MAX,
            };
            if worth == 0 && free.is_none() {
                free = Some(Room { place, slot, seen, evicts: false });
            }
            let evicts = matches!(Slot::decode(seen), Slot::Timed { .. });
            if best.as_ref().is_none_or(|(least, _)| worth < *least) {
                best = Some((worth, Room { place, slot, seen, evicts }));
            }
        }
        free.or(best.map(|(_, room)| room))
    }

    /// How many nanoseconds until a key here has recovered.
    fn soonest(&self, ask: &Ask<'_>) -> u64 {
        let wait = |(_, slot): (usize, &Cell)| match Slot::decode(slot.load()) {
            Slot::Timed { tier, time, .. } => ask.wait_for(tier, time),
            Slot::Free { .. } | Slot::Claimed { .. } => 0,
        };
        self.slots().map(wait).min().unwrap_or(0)
    }
}

fn claims(word: u64, wanted: u16) -> bool {
    matches!(Slot::decode(word), Slot::Claimed { tag, .. } if tag == wanted)
}
