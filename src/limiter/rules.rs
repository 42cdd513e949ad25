//! What may happen: pure functions of the arrival time, the instant and the quota.
//!
//! The algorithm is GCRA, the generic cell rate algorithm of ITU-T I.371 (virtual scheduling form). With the interval `T`
//! and the burst `B`, at time `t` for `n` cells:
//!
//! | when | what | TAT' |
//! |---|---|---|
//! | `n = 0` | admitted | TAT |
//! | `max(TAT, t) + n*T - t <= B*T` | admitted | `max(TAT, t) + n*T` |
//! | else, or it does not fit | denied | TAT |
//!
//! Between two units the instant `t` is taken as the lower one where it frees, as the upper one where it binds: never
//! early, late by two units at most.

use crate::limiter::policy::Quota;
use crate::limiter::scale::Span;
use crate::limiter::word::Tat;

/// What a rule said of the cells asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Admitted,
    /// They would be at this unit, if nobody else asked.
    Denied {
        at: u64,
    },
}

/// `n` cells at an instant, in units: what they take, and how far ahead of the clock the arrival time may be for that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    earliest: u64,
    asked: u64,
    room: u64,
    /// The last arrival time at which they are admitted.
    last: u64,
}

impl Request {
    /// `n` is the burst at most.
    #[inline]
    pub(super) const fn of(now: Span, n: u32, quota: &Quota) -> Self {
        let asked = quota.units_of(n);
        // For one cell the compiler is left with `tau`.
        let room = quota.limit().wrapping_sub(asked);
        let last = if n == 0 { u64::MAX } else { now.floor.saturating_add(room) };
        Self { earliest: if n == 0 { 0 } else { now.ceil }, asked, room, last }
    }

    /// The next arrival time, and whether the cells are admitted.
    #[inline]
    pub(super) const fn admit(self, tat: Tat) -> (Tat, bool) {
        if tat.0 > self.last {
            return (tat, false);
        }
        match later(tat.0, self.earliest).checked_add(self.asked) {
            Some(next) => (Tat(next), true),
            None => (tat, false),
        }
    }

    /// The unit at which cells that were denied would be admitted, if nobody else asked: the end of time where they would not
    /// fit then either.
    #[inline]
    pub(super) const fn due(self, tat: Tat) -> u64 {
        if tat.0 > self.last && tat.0 <= u64::MAX - self.asked { tat.0 - self.room } else { u64::MAX }
    }
}

/// `n` cells now. `n` is the burst at most.
#[inline]
pub(super) const fn admit(tat: Tat, now: Span, n: u32, quota: &Quota) -> (Tat, Verdict) {
    let request = Request::of(now, n, quota);
    let (next, admitted) = request.admit(tat);
    (next, if admitted { Verdict::Admitted } else { Verdict::Denied { at: request.due(tat) } })
}

/// `n` cells at `due` units, which is not after `last`: now, where there is room.
pub(super) const fn reserve(
    tat: Tat,
    now: Span,
    n: u32,
    last: u64,
    quota: &Quota,
) -> (Tat, Result<u64, u64>) {
    match admit(tat, now, n, quota) {
        (next, Verdict::Admitted) => (next, Ok(now.floor)),
        (_, Verdict::Denied { at }) if at > last => (tat, Err(at)),
        (_, Verdict::Denied { at }) => match tat.0.checked_add(quota.units_of(n)) {
            Some(next) => (Tat(next), Ok(at)),
            None => (tat, Err(u64::MAX)),
        },
    }
}

/// Takes back what a reservation of `n` cells, whose part of the queue ends at `after`, has not used up yet.
///
/// Without it the queue would now be shorter by what of its own part, the last `n` cells before `after`, is still to come:
/// exactly so if the quota has not stood full since, by more if it has. So nobody is freed early, as long as `after` is no
/// later than where that part ends by now: what was given back from before it has brought it forward.
///
/// While others behind it still wait for their instants, nothing is given back: newcomers would get the same instants.
pub(super) const fn refund(tat: Tat, now: Span, after: u64, n: u32, quota: &Quota) -> (Tat, u64) {
    let somebody_waits = tat.0 > now.floor.saturating_add(quota.limit());
    if after != tat.0 && somebody_waits {
        return (tat, 0);
    }
    let (left, asked) = (after.saturating_sub(now.ceil), quota.units_of(n));
    let back = if left < asked { left } else { asked };
    let back = if back < tat.0 { back } else { tat.0 };
    (Tat(tat.0 - back), back)
}

/// The units still free now.
pub(super) const fn room(tat: Tat, now: Span, quota: &Quota) -> u64 {
    quota.limit().saturating_sub(tat.0.saturating_sub(now.floor))
}

/// As many whole cells as there are, up to `most` and not under `least`; none where there are fewer.
#[cfg(feature = "alloc")]
pub(super) const fn grab(tat: Tat, now: Span, least: u32, most: u32, quota: &Quota) -> (Tat, u32) {
    let free = quota.cells_in(room(tat, now, quota));
    let cells = if free < most { free } else { most };
    if cells < least || cells == 0 {
        return (tat, 0);
    }
    match admit(tat, now, cells, quota) {
        (next, Verdict::Admitted) => (next, cells),
        (_, Verdict::Denied { .. }) => (tat, 0),
    }
}

/// The same debt, in cells and parts of one, under another quota: rounded up.
#[cfg(any(feature = "std", feature = "alloc"))]
pub(super) const fn converted(debt: u64, from: u64, to: u64) -> u64 {
    let scaled = (debt as u128 * to as u128).div_ceil(from as u128);
    #[expect(clippy::cast_possible_truncation, reason = "it fits in the branch that casts it")]
    if scaled > u64::MAX as u128 { u64::MAX } else { scaled as u64 }
}

#[inline]
const fn later(one: u64, other: u64) -> u64 {
    if one > other { one } else { other }
}
