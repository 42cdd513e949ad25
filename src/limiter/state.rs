//! The state alone, for those who keep the word themselves.

use core::time::Duration;

use crate::limiter::form::{decided, reserve_in};
use crate::limiter::outcome::{Decision, Level, NeverFits, Refused, Reservation};
use crate::limiter::policy::Quota;
use crate::limiter::rules;
use crate::limiter::word::Tat;
use crate::time::Instant;

/// The state of one quota as a value: eight bytes to keep in a struct of one's own, in shared memory, in flash.
///
/// No atomics and no clock: the rules of [`RateLimiter`](super::RateLimiter), applied to `&mut self`. The zero word is
/// fresh. A word means something only together with the quota it was written under, and on the clock it was written by.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::limiter::{Gcra, Quota};
/// use fusebox::time::Instant;
///
/// const QUOTA: Quota = Quota::per_second(10).burst(1).constant();
/// let mut state = Gcra::default();
/// assert!(state.check_at(&QUOTA, 1, Instant::ORIGIN).is_allowed());
///
/// let mut woken = Gcra::from_bits(state.to_bits());
/// let denied = woken.check_at(&QUOTA, 1, Instant::from_nanos(60_000_000));
/// assert_eq!(denied.retry_after(), Some(Duration::from_millis(40)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gcra(u64);

impl Gcra {
    /// The state that a word holds. Every word holds one.
    #[must_use]
    pub const fn from_bits(word: u64) -> Self {
        Self(word)
    }

    /// The word that holds this state.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Takes `n` cells at `now`, if there are so many.
    pub fn check_at(&mut self, quota: &Quota, n: u32, now: Instant) -> Decision {
        if !quota.fits(n) {
            return Decision::NeverFits(NeverFits { asked: n, burst: quota.burst() });
        }
        let now = now.as_nanos();
        let (next, verdict) = rules::admit(Tat(self.0), quota.scale.units(now), n, quota);
        self.0 = next.0;
        decided(next, verdict, now, *quota)
    }

    /// Takes `n` cells, to be used after a wait of `longest` at most.
    ///
    /// # Errors
    /// The facts of the refusal.
    pub fn reserve_at(
        &mut self,
        quota: &Quota,
        n: u32,
        longest: Duration,
        now: Instant,
    ) -> Result<Reservation, Refused> {
        reserve_in(quota, n, longest, now, |rule| {
            let (next, said) = rule(Tat(self.0));
            self.0 = next.0;
            said
        })
    }

    /// Gives back what time has not refilled since the reservation was made: of `n` cells those that `now` is not `n` intervals
    /// past; nothing while others behind it still wait. Tells how many whole cells.
    ///
    /// (A limiter also knows how much others gave back, and so how long a reservation stood in the queue. Eight bytes do not.)
    #[expect(clippy::needless_pass_by_value, reason = "what was refunded is not refunded again")]
    pub fn refund_at(&mut self, reservation: Reservation, now: Instant) -> u32 {
        let Some((Tat(after), quota)) = reservation.after else { return 0 };
        let asked = quota.units_of(reservation.cells);
        let alone = quota.scale.units(reservation.made.as_nanos()).floor.saturating_add(asked);
        let now = quota.scale.units(now.max(reservation.made).as_nanos());
        let after = if after < alone { after } else { alone };
        let (next, back) = rules::refund(Tat(self.0), now, after, reservation.cells, &quota);
        self.0 = next.0;
        quota.cells_in(back)
    }

    /// What is left at `now`; changes nothing.
    #[must_use]
    pub const fn level_at(&self, quota: &Quota, now: Instant) -> Level {
        Level { tat: Tat(self.0), now: now.as_nanos(), quota: *quota, lent: 0 }
    }
}
