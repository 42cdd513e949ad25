//! The places that a key may have, and how it comes to have one of them, and never two.
//!
//! A new key is written in three steps:
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

use crate::cell::{Cell, Meaning, full_fence};
use crate::limiter::keyed::bucket::{Ask, Bucket, Key, Taken};
use crate::limiter::keyed::plan::{Moment, Plans};
use crate::limiter::keyed::word::{Recovery, Slot, Tiers, has_tag, is_a_quota, is_free, tier_of};
use crate::limiter::word::Tat;

/// So many claims of others a call robs.
const ROBBERIES: u32 = 32;

/// Where a key may be.
pub(super) struct Places<'a> {
    pub(super) home: &'a Bucket,
    pub(super) other: &'a Bucket,
    /// Whether the table has one bucket: home is the other, too.
    pub(super) alone: bool,
    /// Whether the other comes before the home in the order in which all agree.
    pub(super) reversed: bool,
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

/// What there is for a key.
enum Found<'a> {
    Quota(&'a Cell),
    Claim(Claim),
    Room(Room),
}

/// Which of a key's buckets, and which slot of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    away: bool,
    slot: usize,
}

/// A slot that is claimed for the key.
pub(super) struct Claim {
    place: Place,
    word: u64,
    /// Who claimed it: the calling thread, or another.
    own: bool,
}

/// A place that may be claimed, what it held, and in how many units of the asking key it is free.
#[derive(Clone, Copy)]
pub(super) struct Room {
    place: Place,
    seen: u64,
    pub(super) wait: u64,
}

impl Room {
    /// Whether somebody is about to write a key there.
    const fn robs(&self) -> bool {
        self.wait == u64::MAX
    }

    /// Whether a live key holds it.
    pub(super) const fn evicts(&self) -> bool {
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

impl<'a> Places<'a> {
    /// The later of the two buckets' times, both brought to it.
    pub(super) fn at(&self, now: Moment, plans: &Plans) -> Moment {
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
    pub(super) fn each(&self) -> impl Iterator<Item = (bool, &'a Bucket)> {
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
    pub(super) fn go_on(
        &self,
        key: Key,
        now: Moment,
        plans: &Plans,
        evict: bool,
        mut evicted: u64,
    ) -> Result<Answer, Full> {
        let ask = &Ask::new(key, plans, now);
        let answer = |taken, evicted| Ok(Answer { taken, at: now, evicted });
        let (first, mut robberies) = (ask.take_first(), 0);
        loop {
            let Some(found) = self.survey(ask) else { continue };
            if let Found::Quota(slot) = found {
                match ask.take(slot) {
                    Some(taken) => return answer(taken, evicted),
                    None => continue,
                }
            }
            // Where nothing is taken, nothing need be written; at the end of time nothing is admitted.
            let (Taken::Admitted(tat), 1..) = (first, key.n) else { return answer(first, evicted) };
            let claim = match found {
                Found::Quota(_) => continue,
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
            if self.settle(&claim, tat, ask) {
                return answer(Taken::Admitted(tat), evicted);
            }
        }
    }

    /// The place to claim where all hold quotas of others in the asking key's tier, and these recover first at home and in the other
    /// bucket: as `survey` has it.
    #[inline(always)]
    pub(super) fn among_equals(
        &self,
        home: Recovery,
        other: Recovery,
        beginning: u64,
        ask: &Ask<'_>,
    ) -> Option<Room> {
        let passed = ask.floor.saturating_sub(beginning);
        // A decision between the two would be a guess.
        let away = other.wait(passed) < home.wait(passed);
        let first = if away { other } else { home };
        let (place, wait) = (Place { away, slot: first.slot() }, first.wait(passed));
        // Read again, it is judged again.
        let seen = self.slot(place).load();
        ask.is_of_an_equal(seen, wait).then_some(Room { place, seen, wait })
    }

    /// The first place that is free at home: nobody is before that.
    #[inline]
    pub(super) fn free_at_home(&self) -> Option<Room> {
        let slot = self.home.first_free()?;
        let place = Place { away: false, slot };
        let seen = self.slot(place).load();
        is_free(seen).then_some(Room { place, seen, wait: 0 })
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
    pub(super) fn claim(&self, room: &Room, ask: &Ask<'_>) -> Option<Claim> {
        let (place, word) = (room.place, self.bucket(room.place).claim(ask).encode());
        self.slot(place).announce(room.seen, word).then_some(Claim { place, word, own: true })
    }

    /// Steps 2 and 3, with this arrival time; whether nobody else was faster.
    #[inline(always)]
    pub(super) fn settle(&self, claim: &Claim, tat: Tat, ask: &Ask<'_>) -> bool {
        if !claim.own {
            // As if this thread had announced it: it has seen it.
            full_fence();
        }
        // The claim is one of them, or lost.
        let elsewhere = if self.alone { 0 } else { self.other.bearers(ask.key.tag) };
        let bearers = self.home.bearers(ask.key.tag) + elsewhere;
        (bearers <= 1 || self.is_first(claim, ask.key.tag))
            && self.slot(claim.place).replace(claim.word, ask.timed(tat).encode())
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
