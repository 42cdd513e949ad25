//! A bucket: one cache line of the table, and what is done to one slot of it.

use crate::cell::{Cell, Meaning};
use crate::limiter::keyed::plan::{Moment, Plans};
use crate::limiter::keyed::word::{Header, Slot, Wrapping, is_timed};
use crate::limiter::rules::{self, Verdict};
use crate::limiter::word::Tat;

/// Keys in a bucket.
#[cfg(not(fusebox_loom))]
pub(super) const SLOTS: usize = 7;
/// Few enough for a model to fill.
#[cfg(fusebox_loom)]
pub(super) const SLOTS: usize = 2;

/// A cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Bucket {
    header: Cell,
    slots: [Cell; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64 || cfg!(fusebox_loom), "a bucket is a cache line");

/// What a key asks of its slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) tag: u16,
    pub(super) tier: u8,
    pub(super) n: u32,
    pub(super) plans: &'a Plans,
    pub(super) now: Moment,
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

    /// A number that no slot of this bucket bears.
    pub(super) fn ticket(&self) -> u32 {
        self.header.apply(|header: Header| {
            let tickets = header.tickets.wrapping_add(1);
            (Header { tickets, ..header }, tickets)
        })
    }

    pub(super) fn tickets(&self) -> u32 {
        self.header.view::<Header>().tickets
    }

    /// Brings the bucket to this moment's epoch; gives back the moment at which to decide: not before the epoch that the
    /// bucket has reached, so that a clock that steps back stands still here.
    #[inline]
    pub(super) fn at(&self, now: Moment, plans: &Plans) -> Moment {
        let header: Header = self.header.view();
        if header.epoch == now.epoch { now } else { self.in_another_epoch(header, now, plans) }
    }

    #[cold]
    fn in_another_epoch(&self, header: Header, now: Moment, plans: &Plans) -> Moment {
        let Some(passed) = now.epoch.checked_sub(header.epoch) else {
            return plans.start_of(header.epoch);
        };
        for slot in &self.slots {
            let word = slot.load();
            let stale = match Slot::decode(word) {
                // All that was ahead when the bucket was last touched is over; a later comparison could take it for ahead.
                Slot::Timed { tier, time, .. } => {
                    passed >= Plans::EPOCHS_AHEAD || time.ahead_of(plans.span(tier, now).floor) == 0
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
        slot.apply(|found: Raw| if found.0 == seen { (Raw::of(next), true) } else { (found, false) })
    }
}

impl Ask<'_> {
    /// Takes the cells from the slot; nothing where it no longer holds this key.
    #[inline]
    pub(super) fn take(&self, slot: &Cell) -> Option<(Tat, Verdict)> {
        let quota = self.plans.quota(self.tier);
        let span = quota.scale.units(self.now.nanos);
        slot.apply(|slot: Slot| match slot {
            Slot::Timed { tag, tier, time } if tag == self.tag => {
                let tat = if tier == self.tier {
                    Tat(span.floor.saturating_add(time.ahead_of(span.floor)))
                } else {
                    self.converted(tier, time)
                };
                let (next, verdict) = rules::admit(tat, span, self.n, quota);
                let changed = verdict == Verdict::Admitted && self.n > 0;
                let next_slot = if changed { self.timed(next) } else { slot };
                (next_slot, Some((next, verdict)))
            }
            _ => (slot, None),
        })
    }

    /// The arrival time that a debt under another tier's quota is under this one's, in cells.
    #[cold]
    fn converted(&self, tier: u8, time: Wrapping) -> Tat {
        let quota = self.plans.quota(self.tier);
        let from = self.plans.quota(tier);
        let debt = time.ahead_of(self.plans.span(tier, self.now).floor);
        let debt = rules::converted(debt, from.interval, quota.interval);
        // More than the burst can owe, this field may not hold.
        let debt = debt.min(quota.limit());
        Tat(quota.scale.units(self.now.nanos).floor.saturating_add(debt))
    }

    /// How many nanoseconds until a key with this arrival time has recovered.
    pub(super) fn wait_for(&self, tier: u8, time: Wrapping) -> u64 {
        match time.ahead_of(self.plans.span(tier, self.now).floor) {
            0 => 0,
            ahead => self.plans.quota(tier).scale.nanos(ahead).max(1),
        }
    }

    /// The slot of this key with this arrival time.
    #[inline]
    pub(super) const fn timed(&self, tat: Tat) -> Slot {
        Slot::Timed { tag: self.tag, tier: self.tier, time: Wrapping::of(tat.0) }
    }
}

/// A slot's word as it stands.
#[derive(Clone, Copy)]
struct Raw(u64);

impl Raw {
    fn of(slot: Slot) -> Self {
        Self(slot.encode())
    }
}

impl Meaning for Raw {
    fn encode(self) -> u64 {
        self.0
    }

    fn decode(word: u64) -> Self {
        Self(word)
    }
}
