//! What may happen: pure functions of the slots and the limits.
//!
//! | do | when | slots' | says |
//! |---|---|---|---|
//! | admit(p) | closed | as before | closed |
//! | admit(p) | depth < limit(p) | depth + 1 | admitted |
//! | admit(p) | else | as before | shed |
//! | enqueue(p) | as admit(p); where that is shed | waiting + 1 | waits |
//! | release | waiting = 0, or closed | depth - 1 | free; whether the last one left a closed shedder |
//! | release | else | as before | wanted: handed on, or given up |
//! | give up | | depth - 1 | |
//! | leave | | waiting - 1 | |
//! | close | | closed | |
//! | resize(n) | | capacity n | |

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use crate::pressure::word::MOST_WAITING;
use crate::pressure::word::Slots;

/// What became of a request for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken, as the `depth`-th.
    Admitted {
        depth: u32,
    },
    /// There is none for this priority.
    Shed {
        depth: u32,
        limit: u32,
    },
    Closed {
        depth: u32,
    },
}

/// What became of a slot that is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freed {
    /// It is free. `drained`: it was the last one of a closed shedder.
    Free { drained: bool },
    /// It is still taken: some wait for it.
    Wanted,
}

/// One slot, where fewer than the limit are taken.
#[inline]
pub(super) const fn admit(slots: Slots, limit: u32) -> (Slots, Verdict) {
    let depth = slots.depth;
    if slots.closed {
        (slots, Verdict::Closed { depth })
    } else if depth < limit {
        (Slots { depth: depth + 1, ..slots }, Verdict::Admitted { depth: depth + 1 })
    } else {
        (slots, Verdict::Shed { depth, limit })
    }
}

/// As `admit`; what would be shed waits instead, where there is room in the word.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub(super) const fn enqueue(slots: Slots, limit: u32) -> (Slots, Verdict) {
    match admit(slots, limit) {
        (_, Verdict::Shed { .. }) if slots.waiting < MOST_WAITING => {
            let shed = Verdict::Shed { depth: slots.depth, limit };
            (Slots { waiting: slots.waiting + 1, ..slots }, shed)
        }
        settled => settled,
    }
}

/// One slot less is taken, unless somebody waits for it.
#[inline]
pub(super) const fn release(slots: Slots) -> (Slots, Freed) {
    if slots.waiting > 0 && !slots.closed {
        return (slots, Freed::Wanted);
    }
    let freed = give_up(slots);
    (freed, Freed::Free { drained: freed.closed && freed.depth == 0 })
}

/// One slot less is taken, whoever waits.
#[inline]
pub(super) const fn give_up(slots: Slots) -> Slots {
    Slots { depth: slots.depth.saturating_sub(1), ..slots }
}

/// One waits no more.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub(super) const fn leave(slots: Slots) -> Slots {
    Slots { waiting: slots.waiting.saturating_sub(1), ..slots }
}
