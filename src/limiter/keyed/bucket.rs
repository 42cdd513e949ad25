//! A bucket: one cache line of the table, and what is done to one slot of it.

use crate::cell::{Cell, Meaning};
use crate::limiter::keyed::plan::{Moment, Plans};
use crate::limiter::keyed::ticket;
use crate::limiter::keyed::word::{
    Header, Owner, Recovery, Since, Slot, Wrapping, has_tag, is_free, is_of_tier, is_timed, retimed, tier_of,
    time_of,
};
use crate::limiter::policy::Quota;
use crate::limiter::rules::{self, Request};
use crate::limiter::word::Tat;

/// Keys in a bucket.
#[cfg(not(fusebox_loom))]
pub(super) const SLOTS: usize = 7;
/// Few enough for a model to fill: with its two buckets a key has two places.
#[cfg(fusebox_loom)]
pub(super) const SLOTS: usize = 1;

/// So many units of a claim's time later, 67 to 201 ms, it is taken for one that nobody goes on with.
pub(super) const PATIENCE: u64 = 2;

const _: () = assert!(SLOTS <= Recovery::SLOTS, "a recovery names a slot");

/// A cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Bucket {
    header: Cell,
    slots: [Cell; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64 || cfg!(fusebox_loom), "a bucket is a cache line");

/// Who asks for how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) tag: u16,
    pub(super) tier: u8,
    pub(super) n: u32,
}

/// What became of a key's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Admitted(Tat),
    /// They would be at this unit, if nobody else asked.
    Denied {
        at: u64,
    },
}

/// A bucket as a key saw it.
pub(super) struct Sight<'a> {
    /// Its own quota, in its tier.
    pub(super) own: Option<&'a Cell>,
    /// Where all slots hold quotas of others in its tier: who recovers first, or did.
    pub(super) first: Option<Recovery>,
}

/// A slot that held a key's quota, and when its bucket was last touched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat<'a> {
    pub(super) slot: &'a Cell,
    pub(super) owner: Owner,
    pub(super) epoch: u32,
}

/// What a key asks of its slot, in its tier's units, at the moment at which its bucket stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) key: Key,
    pub(super) now: Moment,
    pub(super) floor: u64,
    plans: &'a Plans,
    request: Request,
}

impl Bucket {
    pub(super) fn fresh() -> Self {
        Self { header: Cell::fresh(), slots: core::array::from_fn(|_| Cell::fresh()) }
    }

    pub(super) fn slots(&self) -> &[Cell; SLOTS] {
        &self.slots
    }

    /// Where the key has its quota in its own tier; nothing where it has none here, or not for sure.
    ///
    /// No clock is read before: reading one ends what a processor does ahead, and memory is fetched meanwhile.
    #[inline(always)]
    pub(super) fn seat(&self, owner: Owner) -> Option<Seat<'_>> {
        let epoch = self.epoch();
        Some(Seat { slot: self.first(|word| owner.has(word))?, owner, epoch })
    }

    /// The epoch in which the bucket was last touched.
    #[inline]
    pub(super) fn epoch(&self) -> u32 {
        self.header.view::<Header>().epoch
    }

    /// The slot that holds a key with this tag.
    pub(super) fn find(&self, tag: u16) -> Option<&Cell> {
        self.first(|word| is_timed(word, tag))
    }

    /// The number of the first slot that is nobody's.
    #[inline]
    pub(super) fn first_free(&self) -> Option<usize> {
        self.first_number(is_free)
    }

    /// The first slot with such a word.
    #[inline(always)]
    fn first(&self, is_such: impl Fn(u64) -> bool) -> Option<&Cell> {
        self.slots.get(self.first_number(is_such)?)
    }

    #[inline(always)]
    fn first_number(&self, is_such: impl Fn(u64) -> bool) -> Option<usize> {
        // All slots are looked at before the one decision, which is easier to foresee than seven.
        let mut hits = 0_u32;
        for slot in self.slots.iter().rev() {
            hits = hits << 1 | u32::from(is_such(slot.load()));
        }
        if hits == 0 { None } else { Some(hits.trailing_zeros() as usize) }
    }

    /// What a key that is new, mostly, wants to know of the bucket, if its epoch began at this unit. No clock is read before.
    #[inline(always)]
    pub(super) fn sight(&self, owner: Owner, beginning: u64) -> Sight<'_> {
        let (mut hits, mut apart, mut first) = (0_u32, 0, Recovery::NEVER);
        for (number, slot) in self.slots.iter().enumerate() {
            let word = slot.load();
            hits |= u32::from(owner.has(word)) << number;
            apart |= owner.apart(word);
            first = first.min(Recovery::of(word, beginning, number));
        }
        let own = if hits == 0 { None } else { self.slots.get(hits.trailing_zeros() as usize) };
        Sight { own, first: (hits == 0 && Owner::are_equals(apart)).then_some(first) }
    }

    /// The slot of the key that recovers first in this tier, or did, if the epoch began at this unit.
    pub(super) fn first_of(&self, tier: u8, beginning: u64) -> Option<usize> {
        let mut first = Recovery::NEVER;
        for (number, slot) in self.slots.iter().enumerate() {
            let word = slot.load();
            let recovery = Recovery::of(word, beginning, number);
            first = first.min(if is_of_tier(word, tier) { recovery } else { Recovery::NEVER });
        }
        (first < Recovery::NEVER).then(|| first.slot())
    }

    /// The slot with this number.
    #[inline]
    pub(super) fn slot(&self, number: usize) -> &Cell {
        let [first, ..] = &self.slots;
        self.slots.get(number).unwrap_or(first)
    }

    /// How many slots bear this tag, whatever they hold.
    #[inline]
    pub(super) fn bearers(&self, tag: u16) -> u32 {
        let mut bearers = 0;
        for slot in &self.slots {
            bearers += u32::from(has_tag(slot.look(), tag));
        }
        bearers
    }

    /// A number that no emptied slot of this bucket bears.
    pub(super) fn ticket(&self) -> u32 {
        self.header.apply(|header: Header| {
            let tickets = header.tickets.wrapping_add(1);
            (Header { tickets, ..header }, tickets)
        })
    }

    /// A claim for this key that is taken for no other.
    #[inline]
    pub(super) fn claim(&self, ask: &Ask<'_>) -> Slot {
        let ticket = ticket::next(|| self.ticket());
        Slot::Claimed { tag: ask.key.tag, since: Since::of(ask.now.nanos), ticket }
    }

    /// Brings the bucket to this moment's epoch; gives back the moment at which to decide: not before the epoch that the
    /// bucket has reached, so that a clock that steps back stands still here.
    #[inline]
    pub(super) fn at(&self, now: Moment, plans: &Plans) -> Moment {
        let header: Header = self.header.view();
        if header.epoch == now.epoch { now } else { self.in_another_epoch(header, now, plans) }
    }

    /// The moment as `at` has it, and how many epochs ago the bucket was last touched; changes nothing.
    pub(super) fn standing(&self, now: Moment, plans: &Plans) -> (Moment, u32) {
        let header: Header = self.header.view();
        match now.epoch.checked_sub(header.epoch) {
            Some(passed) => (now, passed),
            None => (plans.start_of(header.epoch), 0),
        }
    }

    #[cold]
    fn in_another_epoch(&self, header: Header, now: Moment, plans: &Plans) -> Moment {
        let Some(passed) = now.epoch.checked_sub(header.epoch) else {
            return plans.start_of(header.epoch);
        };
        for slot in &self.slots {
            let word = slot.load();
            // Whoever writes in a new epoch has raised the header before: under the old one, the word is an old one.
            // Loom: `a_late_first_touch_of_an_epoch_frees_nobody`.
            if self.header.view::<Header>().epoch != header.epoch {
                return self.at(now, plans);
            }
            let stale = match Slot::decode(word) {
                // All that was ahead when the bucket was last touched is over; a later comparison could take it for ahead.
                Slot::Timed { tier, time, .. } => {
                    plans.is_over(tier, passed) || time.ahead_of(plans.span(tier, now).floor) == 0
                }
                Slot::Claimed { .. } | Slot::Free { .. } => false,
            };
            if stale {
                self.replace(slot, word, Slot::Free { ticket: self.ticket() });
            }
        }
        self.header.apply(|header: Header| (Header { epoch: header.epoch.max(now.epoch), ..header }, ()));
        now
    }

    /// Replaces what a slot held, if it still does.
    #[expect(clippy::unused_self, reason = "a slot is changed through its bucket")]
    pub(super) fn replace(&self, slot: &Cell, seen: u64, next: Slot) -> bool {
        slot.replace(seen, next.encode())
    }
}

impl Seat<'_> {
    /// Takes the cells; nothing where the slot no longer holds this quota, or was last touched in another epoch.
    ///
    /// What nearly every call is, in as few instructions as there can be: all else is left to others.
    #[inline(always)]
    pub(super) fn take(&self, n: u32, now: Moment, quota: &Quota) -> Option<Taken> {
        if self.epoch != now.epoch {
            return None;
        }
        let span = quota.scale.units(now.nanos);
        let request = Request::of(span, n, quota);
        self.slot.apply(|Raw(word): Raw| {
            if !self.owner.has(word) {
                return (Raw(word), None);
            }
            let tat = standing(time_of(word), span.floor);
            let (next, admitted) = request.admit(tat);
            if !admitted {
                (Raw(word), Some(Taken::Denied { at: request.due(tat) }))
            } else if n == 0 {
                (Raw(word), Some(Taken::Admitted(tat)))
            } else {
                (Raw(self.owner.word(next.0)), Some(Taken::Admitted(next)))
            }
        })
    }
}

impl<'a> Ask<'a> {
    #[inline]
    pub(super) fn new(key: Key, plans: &'a Plans, now: Moment) -> Self {
        let quota = plans.quota(key.tier);
        let span = quota.scale.units(now.nanos);
        Self { key, now, floor: span.floor, plans, request: Request::of(span, key.n, quota) }
    }

    /// Takes the cells from the slot; nothing where it no longer holds this key.
    #[inline]
    pub(super) fn take(&self, slot: &Cell) -> Option<Taken> {
        slot.apply(|Raw(word): Raw| {
            if !is_timed(word, self.key.tag) {
                return (Raw(word), None);
            }
            let tat = if tier_of(word) == self.key.tier {
                standing(time_of(word), self.floor)
            } else {
                self.converted(tier_of(word), time_of(word))
            };
            let taken = self.taken(tat);
            let next = match taken {
                Taken::Admitted(next) if self.key.n > 0 => retimed(word, self.key.tier, next.0),
                Taken::Admitted(_) | Taken::Denied { .. } => word,
            };
            (Raw(next), Some(taken))
        })
    }

    /// The cells as the first that this key takes.
    #[inline]
    pub(super) fn take_first(&self) -> Taken {
        self.taken(Tat(self.floor))
    }

    #[inline]
    fn taken(&self, tat: Tat) -> Taken {
        match self.request.admit(tat) {
            (next, true) => Taken::Admitted(next),
            (_, false) => Taken::Denied { at: self.request.due(tat) },
        }
    }

    /// The arrival time that a debt under another tier's quota is under this one's, in cells.
    #[cold]
    fn converted(&self, tier: u8, time: Wrapping) -> Tat {
        let (quota, from) = (self.plans.quota(self.key.tier), self.plans.quota(tier));
        let debt = time.ahead_of(self.plans.span(tier, self.now).floor);
        let debt = rules::converted(debt, from.interval, quota.interval);
        // More than the burst can owe, this field may not hold.
        Tat(self.floor.saturating_add(debt.min(quota.limit())))
    }

    /// The unit of a tier at which this moment's epoch began.
    pub(super) fn beginning(&self, tier: u8) -> u64 {
        self.plans.beginning(tier, self.now.epoch)
    }

    /// Whether a slot with this word holds the quota of another key in the asking key's tier, which recovers in so many units.
    #[inline]
    pub(super) fn is_of_an_equal(&self, word: u64, wait: u64) -> bool {
        let apart = Owner::of(self.key.tag, self.key.tier).apart(word);
        Owner::are_equals(apart) && !has_tag(word, self.key.tag) && time_of(word).ahead_of(self.floor) == wait
    }

    /// In how many units of the asking key a slot with this word may be claimed for nothing; and if at once, for how many
    /// nanoseconds already.
    pub(super) fn wait_for_place(&self, word: u64) -> (u64, u64) {
        match Slot::decode(word) {
            Slot::Free { .. } => (0, u64::MAX),
            // Somebody is about to write a key there, and what that key will owe is not known; unless nobody goes on with it.
            Slot::Claimed { since, .. } if since.passed(PATIENCE, self.now.nanos) => (0, 0),
            Slot::Claimed { .. } => (u64::MAX, 0),
            Slot::Timed { tier, time, .. } => {
                let (scale, floor) = (self.plans.quota(tier).scale, self.plans.span(tier, self.now).floor);
                match time.ahead_of(floor) {
                    0 => (0, scale.nanos(time.behind(floor))),
                    ahead if tier == self.key.tier => (ahead, 0),
                    ahead => {
                        let own = self.plans.quota(self.key.tier).scale;
                        let free = own.units(scale.nanos(floor.saturating_add(ahead))).ceil;
                        (free.saturating_sub(self.floor).max(1), 0)
                    }
                }
            }
        }
    }

    /// The slot of this key with this arrival time.
    #[inline]
    pub(super) const fn timed(&self, tat: Tat) -> Slot {
        Slot::Timed { tag: self.key.tag, tier: self.key.tier, time: Wrapping::of(tat.0) }
    }
}

/// The arrival time of which a slot holds the lowest bits.
#[inline]
fn standing(time: Wrapping, floor: u64) -> Tat {
    Tat(floor.saturating_add(time.ahead_of(floor)))
}

/// A slot's word as it stands.
#[derive(Clone, Copy)]
struct Raw(u64);

impl Meaning for Raw {
    #[inline]
    fn encode(self) -> u64 {
        self.0
    }

    #[inline]
    fn decode(word: u64) -> Self {
        Self(word)
    }
}
