//! The forms a limiter has, and what all of them can do: [`Strict`], [`Adjustable`](super::Adjustable),
//! [`Leased`](super::Leased).

use core::time::Duration;

use crate::cell::Cell;
use crate::limiter::notes::Notes;
use crate::limiter::outcome::{Allowed, Decision, Denied, Left, Level, NeverFits, Refused, Reservation};
use crate::limiter::policy::Quota;
use crate::limiter::rules::{self, Request, Verdict};
use crate::limiter::word::Tat;
use crate::sync::const_fn;
use crate::time::{Instant, saturating_nanos};

/// How a limiter keeps its cells. Sealed.
pub trait Form: sealed::Decide {}

pub(super) mod sealed {
    use super::{Decision, Duration, Level, Notes, Quota, Refused, Reservation};
    use crate::time::Instant;

    /// What a form can do.
    pub trait Decide {
        /// What it was told, now.
        fn quota(&self) -> Quota;

        /// `n` cells at the instant that `clock` says, if the form needs it.
        fn admit(&self, n: u32, clock: impl FnOnce() -> Instant) -> Decision;

        /// `n` cells after `longest` at most.
        fn reserve(
            &self,
            n: u32,
            longest: Duration,
            now: Instant,
            notes: &Notes,
        ) -> Result<Reservation, Refused>;

        /// Gives back what is not used up; tells how many whole cells.
        fn refund(&self, reservation: &Reservation, clock: impl FnMut() -> Instant, notes: &Notes) -> u32;

        fn level(&self, now: Instant) -> Level;
    }
}
use sealed::Decide;

/// One quota in one word, never changed: the whole limiter is one cache line.
#[derive(Debug)]
pub struct Strict {
    pub(super) word: Cell,
    pub(super) quota: Quota,
}

impl Form for Strict {}

impl Strict {
    const_fn! {
        pub(super) const fn new(quota: Quota) -> Self {
            Self { word: Cell::fresh(), quota }
        }
    }
}

impl Decide for Strict {
    #[inline]
    fn quota(&self) -> Quota {
        self.quota
    }

    #[inline]
    fn admit(&self, n: u32, clock: impl FnOnce() -> Instant) -> Decision {
        if !self.quota.fits(n) {
            return Decision::NeverFits(NeverFits { asked: n, burst: self.quota.burst() });
        }
        let now = clock().as_nanos();
        let request = Request::of(self.quota.scale.units(now), n, &self.quota);
        // Only two scalars leave the loop: what is told of them is worked out by whoever asks.
        let (tat, admitted) = self.word.apply(|tat: Tat| {
            let (next, admitted) = request.admit(tat);
            (next, (next, admitted))
        });
        let verdict = if admitted { Verdict::Admitted } else { Verdict::Denied { at: request.due(tat) } };
        decided(tat, verdict, now, self.quota)
    }

    fn reserve(
        &self,
        n: u32,
        longest: Duration,
        now: Instant,
        notes: &Notes,
    ) -> Result<Reservation, Refused> {
        let refunded = notes.refunded();
        let reserved = reserve_in(&self.quota, n, longest, now, |rule| self.word.apply(rule))?;
        Ok(Reservation { refunded, ..reserved })
    }

    fn refund(&self, reservation: &Reservation, mut clock: impl FnMut() -> Instant, notes: &Notes) -> u32 {
        let mut counted = 0;
        let back = self.word.apply(|tat: Tat| refund_of(tat, reservation, clock(), notes, &mut counted));
        self.quota.cells_in(back)
    }

    fn level(&self, now: Instant) -> Level {
        Level { tat: self.word.view(), now: now.as_nanos(), quota: self.quota, lent: 0 }
    }
}

/// The decision that a verdict on one word is.
#[inline]
pub(super) const fn decided(tat: Tat, verdict: Verdict, now: u64, quota: Quota) -> Decision {
    match verdict {
        Verdict::Admitted => {
            let left = Left::Word(Level { tat, now, quota, lent: 0 });
            Decision::Allowed(Allowed { left, shadowed: false })
        }
        Verdict::Denied { at } => Decision::Denied(Denied { at, now, quota }),
    }
}

/// What the reservation's rule says of a word: the next one, and when the cells are due.
pub(super) type Reserved = (Tat, (Tat, Result<u64, u64>));

/// A reservation in a word that `apply` changes.
pub(super) fn reserve_in(
    quota: &Quota,
    n: u32,
    longest: Duration,
    now: Instant,
    apply: impl FnOnce(&mut dyn FnMut(Tat) -> Reserved) -> (Tat, Result<u64, u64>),
) -> Result<Reservation, Refused> {
    if !quota.fits(n) {
        return Err(Refused::NeverFits(NeverFits { asked: n, burst: quota.burst() }));
    }
    let span = quota.scale.units(now.as_nanos());
    let last = quota.scale.units(now.as_nanos().saturating_add(saturating_nanos(longest))).floor;
    let (tat, due) = apply(&mut |tat| {
        let (next, due) = rules::reserve(tat, span, n, last, quota);
        (next, (next, due))
    });
    match due {
        Ok(due) => {
            // Between two units the first nanosecond of `due` may lie before now.
            let due = Instant::from_nanos(quota.scale.nanos(due)).max(now);
            Ok(Reservation {
                cells: n,
                made: now,
                due,
                after: (n > 0).then_some((tat, *quota)),
                regime: 0,
                refunded: 0,
            })
        }
        Err(at) => Err(Refused::Denied(Denied { at, now: now.as_nanos(), quota: *quota })),
    }
}

/// What the refund of a reservation makes of a word. The clock is read, and what others gave back, after the word and anew at
/// each try: after all that the word tells of, and before anything that it does not. `counted` is what this one's own tries
/// have counted so far.
pub(super) fn refund_of(
    tat: Tat,
    reservation: &Reservation,
    now: Instant,
    notes: &Notes,
    counted: &mut u64,
) -> (Tat, u64) {
    let Some((Tat(after), quota)) = reservation.after else { return (tat, 0) };
    let others = notes.refunded_since(reservation.refunded).saturating_sub(*counted);
    let after = after.saturating_sub(others);
    let now = quota.scale.units(now.max(reservation.made).as_nanos());
    let (next, back) = rules::refund(tat, now, after, reservation.cells, &quota);
    // Behind the last of the queue stands nobody whose place could have moved.
    if after != tat.0 {
        notes.refund(back);
        *counted = counted.saturating_add(back);
    }
    (next, back)
}
