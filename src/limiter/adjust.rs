//! A quota that changes under traffic: the debt is kept, in cells.
//!
//! Each quota has a word of its own, since a word's units are its quota's; a change ends the old word and begins a new one.
//!
//! 1. The new regime is put in place first, with a word that says "unknown".
//! 2. Whoever finds it unknown ends the old word, so that nothing more is admitted there, and reads the debt it ended with.
//! 3. The debt, in cells at the instant of the change, becomes the new word, unless another was faster: all compute the same.
//! 4. Whoever still has the old regime finds its word ended and takes the new one, which is in place by 1.
//!
//! So no admission is lost between two words, and nobody waits for anybody.

use alloc::sync::Arc;

use crate::bits::Field;
use crate::cell::{Cell, Meaning};
use crate::invalid::{InvalidPolicy, Value, refuse_unless};
use crate::limiter::RateLimiter;
use crate::limiter::counts::Counting;
use crate::limiter::event::Event;
use crate::limiter::form::sealed::Decide;
use crate::limiter::form::{Form, Reserved, decided, refund_of, reserve_in};
use crate::limiter::notes::Notes;
use crate::limiter::outcome::{Decision, Level, NeverFits, Refused, Reservation};
use crate::limiter::policy::Quota;
use crate::limiter::rules::{self, Verdict};
use crate::limiter::word::Tat;
use crate::observe::Observer;
use crate::sync::Swap;
use crate::time::{Clock, DEFAULT_CLOCK, Instant, TimeSource};
use core::time::Duration;

/// A quota that can be changed; see [`RateLimiter::adjustable`].
///
/// Its word has a bit less than the strict form's: instants and bursts may reach half as far, 292 years (18 at least where
/// an interval's nanoseconds have a fraction). What lies beyond is denied.
#[derive(Debug)]
pub struct Adjustable {
    current: Swap<Regime>,
}

/// One quota, and the word that is written under it.
#[derive(Debug)]
struct Regime {
    quota: Quota,
    word: Cell,
    /// When it began, and the latest instant at which any regime did: not the same on a clock that steps back.
    since: Instant,
    latest: Instant,
    number: u64,
    /// The regime before, until this one's word is known.
    before: Swap<Regime>,
}

/// What a regime's word says.
///
/// ```text
/// ┌───────┬──────────────────────────────────────────────┐
/// │ ended1│ TAT, in units of the regime's quota        63│  all ones: unknown
/// └───────┴──────────────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Live(Tat),
    /// Another regime goes on from here.
    Ended(Tat),
    /// The regime before has not been ended yet.
    Unknown,
}

const TAT: Field = Field::lowest(63);
const ENDED: Field = TAT.above(1);
const _: () = assert!(ENDED.end() == u64::BITS, "the fields tile the word");
/// The last arrival time a word holds; the one after stands for "unknown".
const LAST: u64 = TAT.max() - 1;

impl Meaning for Held {
    #[inline]
    fn encode(self) -> u64 {
        match self {
            Self::Live(tat) => TAT.put(tat.0.min(LAST)),
            Self::Ended(tat) => TAT.put(tat.0.min(LAST)) | ENDED.put(1),
            Self::Unknown => u64::MAX,
        }
    }

    #[inline]
    fn decode(word: u64) -> Self {
        match (ENDED.get(word), Tat(TAT.get(word))) {
            (0, tat) => Self::Live(tat.min(Tat(LAST))),
            (_, tat) if tat.0 <= LAST => Self::Ended(tat),
            _ => Self::Unknown,
        }
    }
}

impl Form for Adjustable {}

impl RateLimiter<Adjustable> {
    /// A limiter whose quota can be [changed](RateLimiter::set_quota) under traffic.
    ///
    /// # Errors
    /// A `burst` that takes longer to refill than half of the clock's range: 292 years, or 18 where an interval's nanoseconds
    /// have a fraction.
    pub fn adjustable(quota: Quota) -> Result<Self, InvalidPolicy> {
        let quota = fitting(quota)?;
        let (word, before) = (Cell::fresh(), Swap::none());
        let regime =
            Regime { quota, word, since: Instant::ORIGIN, latest: Instant::ORIGIN, number: 0, before };
        Ok(Self::of(Adjustable { current: Swap::of(Arc::new(regime)) }, DEFAULT_CLOCK, (), ()))
    }
}

/// A quota whose burst leaves the word's 63 bits room for the clock.
fn fitting(quota: Quota) -> Result<Quota, InvalidPolicy> {
    refuse_unless!(
        quota.limit() <= LAST,
        "burst",
        Value::Count(quota.burst().into()),
        "must be refilled within 292 years, and 18 at least where a cell's nanoseconds have a fraction"
    );
    Ok(quota)
}

impl<C: Clock, O: Observer<Event>, N: Counting> RateLimiter<Adjustable, C, O, N> {
    /// Changes the quota, from now on. The cells in use stay in use: with 7 of 10 in use, a burst of 20 leaves 13, a burst
    /// of 5 none until 3 are refilled, at the new rate. Gives back the quota before.
    ///
    /// A reservation made before can no more be refunded.
    ///
    /// # Examples
    /// ```
    /// use fusebox::limiter::{Quota, RateLimiter};
    ///
    /// let limiter = RateLimiter::adjustable(Quota::per_hour(10).build()?)?;
    /// assert!(limiter.check_n(7).is_allowed());
    /// limiter.set_quota(Quota::per_hour(20).build()?)?;
    /// assert_eq!(limiter.peek().remaining(), 13);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    ///
    /// # Errors
    /// As [`adjustable`](RateLimiter::adjustable); the quota is as it was.
    pub fn set_quota(&self, quota: Quota) -> Result<Quota, InvalidPolicy> {
        self.set_quota_at(quota, self.clock.now())
    }
}

impl<C: TimeSource, O: Observer<Event>, N: Counting> RateLimiter<Adjustable, C, O, N> {
    /// As `set_quota`, at this instant.
    ///
    /// # Errors
    /// As there.
    pub fn set_quota_at(&self, quota: Quota, now: Instant) -> Result<Quota, InvalidPolicy> {
        let from = self.form.set(fitting(quota)?, now);
        self.tell(|| Event::Changed { from, to: quota });
        Ok(from)
    }
}

impl Adjustable {
    fn set(&self, quota: Quota, now: Instant) -> Quota {
        loop {
            let before = self.regime();
            let from = before.quota;
            let next = Arc::new(Regime {
                quota,
                word: Cell::fresh(),
                since: now,
                latest: now.max(before.latest),
                number: before.number.wrapping_add(1),
                before: Swap::of(Arc::clone(&before)),
            });
            next.word.apply(|_: Held| (Held::Unknown, ()));
            if self.current.replace(&before, Arc::clone(&next)) {
                next.settle();
                return from;
            }
        }
    }

    fn regime(&self) -> Arc<Regime> {
        loop {
            if let Some(regime) = self.current.get() {
                return regime;
            }
        }
    }

    /// Does this in the regime that is current while it is done.
    #[inline]
    fn in_force<T>(&self, mut act: impl FnMut(&Regime) -> Option<T>) -> T {
        loop {
            if let Some(done) = self.current.with(|regime| regime.and_then(&mut act)) {
                return done;
            }
            self.regime().settle();
        }
    }
}

impl Regime {
    /// Applies a rule while this regime is in force; nothing where it is not known yet, or has ended.
    #[inline]
    fn apply<T>(&self, mut rule: impl FnMut(Tat) -> (Tat, T)) -> Option<T> {
        self.word.apply(|held: Held| match held {
            Held::Live(tat) => {
                let (next, said) = rule(tat);
                (Held::Live(next), Some(said))
            }
            Held::Ended(_) | Held::Unknown => (held, None),
        })
    }

    /// Ends the regime before, if that has not been done, and goes on with its debt.
    #[cold]
    fn settle(&self) {
        if self.word.view::<Held>() != Held::Unknown {
            return;
        }
        let Some(before) = self.before.get() else { return };
        before.settle();
        let ended = before.word.apply(|held: Held| match held {
            Held::Live(tat) | Held::Ended(tat) => (Held::Ended(tat), tat),
            Held::Unknown => (held, Tat(LAST)),
        });
        let tat = self.taken_over(ended, &before.quota);
        self.word.apply(|held: Held| (if held == Held::Unknown { Held::Live(tat) } else { held }, ()));
        self.before.clear();
    }

    /// The same debt in cells, under this quota.
    fn taken_over(&self, tat: Tat, before: &Quota) -> Tat {
        // A clock that stands before an earlier change stands still, unless the debt was made there.
        let floor = |since: Instant| before.scale.units(since.as_nanos()).floor;
        let since = if tat.0 >= floor(self.latest) { self.latest } else { self.since };
        let (debt, since) = (tat.0.saturating_sub(floor(since)), since.as_nanos());
        let debt = rules::converted(debt, before.interval, self.quota.interval);
        // Full is full since then: who comes back to before that finds nothing.
        Tat(self.quota.scale.units(since).ceil.saturating_add(debt))
    }
}

/// A rule that denies what a word cannot hold.
#[inline]
fn fits((next, verdict): (Tat, Verdict), tat: Tat) -> (Tat, (Tat, Verdict)) {
    if next.0 > LAST {
        return (tat, (tat, Verdict::Denied { at: u64::MAX }));
    }
    (next, (next, verdict))
}

impl Decide for Adjustable {
    fn quota(&self) -> Quota {
        self.regime().quota
    }

    #[inline]
    fn admit(&self, n: u32, clock: impl FnOnce() -> Instant) -> Decision {
        let now = clock().as_nanos();
        self.in_force(|regime| {
            let quota = regime.quota;
            if !quota.fits(n) {
                return Some(Decision::NeverFits(NeverFits { asked: n, burst: quota.burst() }));
            }
            let span = quota.scale.units(now);
            let (tat, verdict) = regime.apply(|tat| fits(rules::admit(tat, span, n, &quota), tat))?;
            Some(decided(tat, verdict, now, quota))
        })
    }

    fn reserve(
        &self,
        n: u32,
        longest: Duration,
        now: Instant,
        notes: &Notes,
    ) -> Result<Reservation, Refused> {
        self.in_force(|regime| {
            let (refunded, mut in_force) = (notes.refunded(), true);
            let reserved = reserve_in(&regime.quota, n, longest, now, |rule| {
                let said = regime.apply(|tat| {
                    let (next, said): Reserved = rule(tat);
                    if next.0 > LAST { (tat, (tat, Err(u64::MAX))) } else { (next, said) }
                });
                in_force = said.is_some();
                said.unwrap_or((Tat(0), Err(u64::MAX)))
            });
            let reserved = reserved.map(|told| Reservation { regime: regime.number, refunded, ..told });
            in_force.then_some(reserved)
        })
    }

    fn refund(&self, reservation: &Reservation, mut clock: impl FnMut() -> Instant, notes: &Notes) -> u32 {
        let mut counted = 0;
        self.in_force(|regime| {
            if regime.number != reservation.regime {
                return Some(0);
            }
            let back = regime.apply(|tat| refund_of(tat, reservation, clock(), notes, &mut counted))?;
            Some(regime.quota.cells_in(back))
        })
    }

    fn level(&self, now: Instant) -> Level {
        self.in_force(|regime| {
            let tat = regime.apply(|tat| (tat, tat))?;
            Some(Level { tat, now: now.as_nanos(), quota: regime.quota, lent: 0 })
        })
    }
}

#[cfg(all(test, not(fusebox_loom)))]
mod tests {
    use super::{Held, LAST, Tat};
    use crate::cell::Meaning;

    #[test]
    fn every_word_decodes_and_what_it_decoded_to_is_a_fixed_point() {
        for word in [0, 1, LAST, LAST + 1, 1 << 63, (1 << 63) + LAST, u64::MAX] {
            let held = Held::decode(word);
            assert_eq!(Held::decode(held.encode()), held, "{word:x}");
        }
        assert_eq!(Held::decode(0), Held::Live(Tat(0)));
    }
}
