//! What may happen: pure functions of the slots and a priority's share of them.
//!
//! | do | when | slots' | says |
//! |---|---|---|---|
//! | admit(p) | closed | as before | no |
//! | admit(p) | depth < limit(p) | depth + 1 | yes |
//! | admit(p) | else | as before | no |
//! | enqueue(p) | as admit(p); where the limit is reached | waiting + 1 | waits |
//! | release | | depth - 1 | whether somebody is to be told |
//! | leave | | waiting - 1 | |
//! | close | | closed | |
//! | resize(n) | | capacity n | |
//!
//! A release takes one off the depth, whatever it is, so it is no rule of its own; what it means follows from what the word was.

use crate::pressure::policy::Share;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use crate::pressure::word::MOST_WAITING;
use crate::pressure::word::Slots;

/// One slot more is taken, where fewer than the limit are.
#[inline]
pub(super) const fn admit(slots: Slots, share: Share) -> Option<Slots> {
    if slots.closed || !share.is_above(slots.depth, slots.capacity) {
        return None;
    }
    Some(Slots { depth: slots.depth + 1, ..slots })
}

/// What became of somebody who would wait.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// A slot was free after all: it was taken, as the `depth`-th.
    Admitted { depth: u32 },
    /// Counted as waiting.
    Waits,
    /// Closed, or too many wait already.
    Refused(Slots),
}

/// As `admit`; who would be shed waits instead, where there is room in the word.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub(super) const fn enqueue(slots: Slots, share: Share) -> (Slots, Arrival) {
    if let Some(next) = admit(slots, share) {
        return (next, Arrival::Admitted { depth: next.depth });
    }
    if slots.closed || slots.waiting >= MOST_WAITING {
        return (slots, Arrival::Refused(slots));
    }
    (Slots { waiting: slots.waiting + 1, ..slots }, Arrival::Waits)
}

/// Who is to be told of a slot that was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freed {
    /// Nobody.
    Quietly,
    /// Those who wait.
    Wanted,
    /// Those who drain: it was the last one of a closed shedder.
    Drained,
}

/// What a release meant, by what the word was before it.
#[inline]
pub(super) const fn freed(before: Slots) -> Freed {
    if before.closed {
        return if before.depth == 1 { Freed::Drained } else { Freed::Quietly };
    }
    if before.waiting > 0 { Freed::Wanted } else { Freed::Quietly }
}

/// One waits no more.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub(super) const fn leave(slots: Slots) -> Slots {
    Slots { waiting: slots.waiting.saturating_sub(1), ..slots }
}
