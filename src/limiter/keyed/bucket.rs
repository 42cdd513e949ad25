//! A bucket: one cache line of the table, and what is done to one slot of it.

use crate::cell::{Cell, Meaning};
use crate::limiter::keyed::plan::{Moment, Plans};
use crate::limiter::keyed::ticket;
use crate::limiter::keyed::word::{
    Alike, Header, Recovery, Since, Slot, Wrapping, has_tag, is_timed, retimed, tier_of, time_of,
};
use crate::limiter::rules::{self, Request, Verdict};
use crate::limiter::word::Tat;

/// Keys in a bucket.
#[cfg(not(fusebox_loom))]
pub(super) const SLOTS: usize = 7;
/// Few enough for a model to fill.
#[cfg(fusebox_loom)]
pub(super) const SLOTS: usize = 2;

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

    /// The slot that holds a key with this tag.
    #[inline]
    pub(super) fn find(&self, tag: u16) -> Option<&Cell> {
        // All slots are looked at before the one decision, which is easier to foresee than seven.
        let mut hits = 0_u32;
        for (number, slot) in self.slots.iter().enumerate() {
            hits |= u32::from(is_timed(slot.load(), tag)) << number;
        }
        if hits == 0 { None } else { self.slots.get(hits.trailing_zeros() as usize) }
    }

    /// Where all slots hold quotas of other keys in the asking key's tier: which of them recovers first, or did.
    #[inline]
    pub(super) fn first_of_equals(&self, ask: &Ask<'_>) -> Option<Recovery> {
        let (mut alike, mut first) = (Alike::to(ask.key.tag, ask.key.tier), Recovery::NEVER);
        for (number, slot) in self.slots.iter().enumerate() {
            let word = slot.load();
            alike = alike.and(word);
            first = first.min(Recovery::of(word, ask.floor, number));
        }
        alike.are_other_quotas().then_some(first)
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

impl<'a> Ask<'a> {
    #[inline]
    pub(super) fn new(key: Key, plans: &'a Plans, now: Moment) -> Self {
        let quota = plans.quota(key.tier);
        let span = quota.scale.units(now.nanos);
        Self { key, now, floor: span.floor, plans, request: Request::of(span, key.n, quota) }
    }

    /// Takes the cells from the slot; nothing where it no longer holds this key.
    #[inline]
    pub(super) fn take(&self, slot: &Cell) -> Option<(Tat, Verdict)> {
        let (tat, said) = slot.apply(|Raw(word): Raw| {
            if !is_timed(word, self.key.tag) {
                return (Raw(word), (Tat(0), None));
            }
            let tat = if tier_of(word) == self.key.tier {
                Tat(self.floor.saturating_add(time_of(word).ahead_of(self.floor)))
            } else {
                self.converted(tier_of(word), time_of(word))
            };
            let (next, admitted) = self.request.admit(tat);
            let changed = admitted && self.key.n > 0;
            let next_word = if changed { retimed(word, self.key.tier, next.0) } else { word };
            (Raw(next_word), (next, Some(admitted)))
        });
        Some((tat, self.verdict(tat, said?)))
    }

    /// The cells as the first that this key takes.
    pub(super) fn take_first(&self) -> (Tat, Verdict) {
        let (tat, admitted) = self.request.admit(Tat(self.floor));
        (tat, self.verdict(tat, admitted))
    }

    #[inline]
    const fn verdict(&self, tat: Tat, admitted: bool) -> Verdict {
        if admitted { Verdict::Admitted } else { Verdict::Denied { at: self.request.due(tat) } }
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

    /// Whether a slot with this word holds the quota of another key in the asking key's tier, which recovers in so many units.
    #[inline]
    pub(super) fn is_of_an_equal(&self, word: u64, wait: u64) -> bool {
        let alike = Alike::to(self.key.tag, self.key.tier).and(word);
        alike.are_other_quotas() && time_of(word).ahead_of(self.floor) == wait
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
                        (own.units(scale.nanos(ahead)).ceil.max(1), 0)
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
