//! One quota for many cores: each shard leases some cells, and spends them on its own cache line.
//!
//! The centre is a strict limiter with what no lease holds: `burst - shards * lease` cells. A shard that runs dry takes from
//! the centre what it needs and up to a lease more; if the centre cannot, from its neighbours; only then it denies.
//!
//! Cells that are on their way, in a thread's hand, are marked in the shard that they come from or go to:
//!
//! ```text
//! ┌────────────────────────────────┬─────────┐
//! │ on their way                 32│ cells 32│
//! └────────────────────────────────┴─────────┘
//! ```
//!
//! 1. Cells and marks of a shard are its lease at most, so that all leased cells and all in hand are `shards * lease` at most.
//! 2. Room for what may come from the centre is marked before it is taken there; what is taken from a shard to gather turns
//!    into a mark in the same step, and back into cells, or into nothing where it is admitted.
//! 3. So the cells that exist (the centre's, the leased ones, those in hand) are the burst at most at any instant, and grow by
//!    `d / T` in a time `d`. Each admission takes its cells from these. Hence in any interval of length `d` there are
//!    `burst + d / T` at most, whatever the threads do: the bound of the strict form. And none is lost.
//!
//! Another thread may be denied while the last cell is on its way.

use alloc::boxed::Box;
use core::time::Duration;

use crate::bits::Field;
use crate::cell::{Cell, Meaning};
use crate::invalid::{InvalidPolicy, Value, invalid, refuse_unless};
use crate::lanes::{self, CachePadded};
use crate::limiter::RateLimiter;
use crate::limiter::counts::Counting;
use crate::limiter::event::Event;
use crate::limiter::form::sealed::Decide;
use crate::limiter::form::{Form, Strict};
use crate::limiter::notes::Notes;
use crate::limiter::outcome::{Allowed, Decision, Denied, Left, Level, NeverFits, Refused, Reservation};
use crate::limiter::policy::Quota;
use crate::limiter::rules::{self, Verdict};
use crate::limiter::word::Tat;
use crate::observe::Observer;
use crate::time::{Clock, DEFAULT_CLOCK, Instant, TimeSource};

/// How the cells are leased: so many shards, of so many cells each.
///
/// # Examples
/// ```
/// use fusebox::limiter::{Leases, Quota, RateLimiter};
///
/// let quota = Quota::per_second(1_000_000).burst(10_000).build()?;
/// let limiter = RateLimiter::leased(quota, Leases::of(64).shards(4))?;
/// assert!(limiter.check().is_allowed());
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leases {
    cells: u32,
    shards: Option<u32>,
}

impl Leases {
    /// Each shard leases up to so many cells: the more, the rarer it asks the centre, and the more may wait where nobody
    /// asks for them. As many shards as the machine runs threads at once, rounded up to a power of two, 64 at most.
    pub const fn of(cells: u32) -> Self {
        Self { cells, shards: None }
    }

    /// So many shards; threads that share one take turns by compare-and-swap. Up to 64.
    pub const fn shards(mut self, shards: u32) -> Self {
        self.shards = Some(shards);
        self
    }
}

/// A shard's part in a gathering is kept in so many hands.
const MOST_SHARDS: u32 = 64;

/// Leases of one quota; see [`RateLimiter::leased`].
#[derive(Debug)]
pub struct Leased {
    centre: CachePadded<Strict>,
    shards: Box<[CachePadded<Cell>]>,
    lease: u32,
    /// What it was told; the centre has less.
    quota: Quota,
}

impl Form for Leased {}

impl RateLimiter<Leased> {
    /// A limiter whose cells are leased to the cores that ask: the same bound as the strict form's, exactly, and a check
    /// that mostly stays on the core's own cache line and reads no clock.
    ///
    /// New, it admits the burst at once. After idling it may admit at once only what no lease can hold, `burst - shards *
    /// lease`; more than that at once never fits. Cells leased to one shard are found by another before it denies. Nobody
    /// has a claim to a cell: whoever asks first gets it, and a thread on a busy shard may be faster.
    ///
    /// # Errors
    /// `shards` or `lease` of zero; leases that hold the whole burst or more.
    pub fn leased(quota: Quota, leases: Leases) -> Result<Self, InvalidPolicy> {
        Ok(Self::of(Leased::new(quota, leases)?, DEFAULT_CLOCK, (), ()))
    }
}

impl<C: Clock, O: Observer<Event>, N: Counting> RateLimiter<Leased, C, O, N> {
    /// As `check_n`, from the shard of a lane that the caller names: a core's number, a task's. Without `std` nobody knows the
    /// thread, and all share one shard unless they say theirs.
    ///
    /// # Examples
    /// ```
    /// use fusebox::limiter::{Leases, Quota, RateLimiter};
    ///
    /// let quota = Quota::per_second(1_000).burst(100).build()?;
    /// let limiter = RateLimiter::leased(quota, Leases::of(8).shards(2))?;
    /// let core = 1; // as the system tells it
    /// assert!(limiter.check_n_in(core, 3).is_allowed());
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[inline]
    pub fn check_n_in(&self, lane: usize, n: u32) -> Decision {
        self.decide_in(lane, n, || self.clock.now())
    }
}

impl<C: TimeSource, O: Observer<Event>, N: Counting> RateLimiter<Leased, C, O, N> {
    /// As `check_n_in`, at this instant.
    #[inline]
    pub fn check_n_in_at(&self, lane: usize, n: u32, now: Instant) -> Decision {
        self.decide_in(lane, n, || now)
    }

    #[inline]
    fn decide_in(&self, lane: usize, n: u32, clock: impl Fn() -> Instant) -> Decision {
        self.settled(n, self.form.admit_in(lane, n, &clock), clock)
    }
}

/// What a shard holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shard {
    cells: u32,
    on_the_way: u32,
}

const CELLS: Field = Field::lowest(32);
const ON_THE_WAY: Field = CELLS.above(32);
const _: () = assert!(ON_THE_WAY.end() == u64::BITS, "the fields tile the word");

impl Meaning for Shard {
    #[inline]
    fn encode(self) -> u64 {
        CELLS.put_wrapping(self.cells.into()) | ON_THE_WAY.put_wrapping(self.on_the_way.into())
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each field is 32 bits wide")]
    fn decode(word: u64) -> Self {
        Self { cells: CELLS.get(word) as u32, on_the_way: ON_THE_WAY.get(word) as u32 }
    }
}

impl Shard {
    /// `n` cells, or none: what is left, and how many that is where they were taken.
    #[inline]
    const fn take(self, n: u32) -> (Self, Option<u32>) {
        match self.cells.checked_sub(n) {
            Some(cells) => (Self { cells, ..self }, Some(cells)),
            None => (self, None),
        }
    }

    /// As many cells as there are, up to `n`, into a hand.
    const fn hold(self, n: u32) -> (Self, u32) {
        let held = if self.cells < n { self.cells } else { n };
        (Self { cells: self.cells - held, on_the_way: self.on_the_way + held }, held)
    }

    /// Marks all the room there is.
    const fn expect(self, lease: u32) -> (Self, u32) {
        let room = lease.saturating_sub(self.cells).saturating_sub(self.on_the_way);
        (Self { on_the_way: self.on_the_way + room, ..self }, room)
    }

    /// So many marks end; so many cells come of them.
    const fn arrive(self, marks: u32, cells: u32) -> (Self, u32) {
        let next = Self { cells: self.cells + cells, on_the_way: self.on_the_way.saturating_sub(marks) };
        (next, next.cells)
    }
}

impl Leased {
    fn new(quota: Quota, leases: Leases) -> Result<Self, InvalidPolicy> {
        let shards =
            leases.shards.unwrap_or_else(|| u32::try_from(lanes::for_this_machine() / 2).unwrap_or(1));
        refuse_unless!(
            (1..=MOST_SHARDS).contains(&shards),
            "shards",
            Value::Count(shards.into()),
            "must be from 1 to 64"
        );
        refuse_unless!(leases.cells >= 1, "lease", Value::Count(0), "must be 1 at least");
        let lent = u64::from(shards) * u64::from(leases.cells);
        let kept = u64::from(quota.burst()).checked_sub(lent).and_then(|kept| u32::try_from(kept).ok());
        let Some(kept) = kept.filter(|kept| *kept >= 1) else {
            let value = Value::Count(leases.cells.into());
            return Err(invalid!("lease", value, "times the shards must be less than the burst"));
        };
        let shard = |_| {
            let cell = Cell::fresh();
            cell.apply(|_: Shard| (Shard { cells: leases.cells, on_the_way: 0 }, ()));
            CachePadded::new(cell)
        };
        Ok(Self {
            centre: CachePadded::new(Strict::new(quota.with_less(kept))),
            shards: (0..shards).map(shard).collect(),
            lease: leases.cells,
            quota,
        })
    }

    /// `n` cells, from this lane's shard if it has them.
    #[inline]
    fn admit_in(&self, lane: usize, n: u32, clock: impl FnOnce() -> Instant) -> Decision {
        if !self.centre.quota.fits(n) {
            return Decision::NeverFits(NeverFits { asked: n, burst: self.centre.quota.burst() });
        }
        // A division costs more than all the rest; most lanes need none.
        let shards = self.shards.len();
        let mine = if lane < shards { lane } else { lane % shards };
        if let Some(shard) = self.shards.get(mine) {
            if let Some(left) = shard.apply(|shard: Shard| shard.take(n)) {
                return allowed(left);
            }
        }
        self.refill(n, mine, clock())
    }

    /// The own shard first, then the others.
    fn from(&self, mine: usize) -> impl Iterator<Item = &Cell> {
        let (before, after) = self.shards.split_at(mine.min(self.shards.len()));
        after.iter().chain(before).map(|shard| &**shard)
    }

    /// All cells that are leased, but for those on their way. Read before the centre it is no more than there was: what comes
    /// out of the centre meanwhile is missed, and never seen twice.
    fn lent(&self) -> u32 {
        self.shards.iter().fold(0, |sum, shard| sum.saturating_add(shard.view::<Shard>().cells))
    }

    #[cold]
    fn refill(&self, n: u32, mine: usize, now: Instant) -> Decision {
        let (Some(own), quota) = (self.shards.get(mine), &self.centre.quota) else {
            return self.gather(n, mine, now);
        };
        let span = quota.scale.units(now.as_nanos());
        // A look before anything is marked: where there is too little, a denial writes nothing.
        let lacking = n.saturating_sub(own.view::<Shard>().cells);
        if rules::room(self.centre.word.view(), span, quota) < quota.units_of(lacking) {
            return self.gather(n, mine, now);
        }
        let held = own.apply(|shard: Shard| shard.hold(n));
        let room = own.apply(|shard: Shard| shard.expect(self.lease));
        let needed = n - held;
        let most = needed.saturating_add(room);
        let grabbed = self.centre.word.apply(|tat: Tat| rules::grab(tat, span, needed, most, quota));
        if grabbed >= needed {
            return allowed(own.apply(|shard: Shard| shard.arrive(held + room, grabbed - needed)));
        }
        own.apply(|shard: Shard| shard.arrive(held + room, held));
        self.gather(n, mine, now)
    }

    /// The centre cannot give all that the own shard lacks: are there enough cells in all places together?
    fn gather(&self, n: u32, mine: usize, now: Instant) -> Decision {
        let (quota, nanos) = (&self.centre.quota, now.as_nanos());
        let span = quota.scale.units(nanos);
        let lent = self.lent();
        let free = quota.cells_in(rules::room(self.centre.word.view(), span, quota));
        if lent.saturating_add(free) >= n {
            let mut hands = [0_u32; MOST_SHARDS as usize];
            let mut held = 0;
            for (shard, hand) in self.from(mine).zip(&mut hands) {
                *hand = shard.apply(|shard: Shard| shard.hold(n - held));
                held += *hand;
            }
            // The centre last, and for exactly the rest: with that the cells are admitted.
            let rest = n - held;
            let grabbed = if rest == 0 {
                0
            } else {
                self.centre.word.apply(|tat: Tat| rules::grab(tat, span, rest, rest, quota))
            };
            let admitted = grabbed == rest;
            for (shard, hand) in self.from(mine).zip(hands) {
                if hand > 0 {
                    shard.apply(|shard: Shard| shard.arrive(hand, if admitted { 0 } else { hand }));
                }
            }
            if admitted {
                return allowed(0);
            }
        }
        let asked = n.saturating_sub(lent).max(1).min(quota.burst());
        let (_, verdict) = rules::admit(self.centre.word.view(), span, asked, quota);
        let at = match verdict {
            Verdict::Denied { at } => at,
            // Some were on their way, and are back: asking again at once is worth it.
            Verdict::Admitted => span.floor,
        };
        Decision::Denied(Denied { at, now: nanos, quota: *quota })
    }
}

#[inline]
const fn allowed(left: u32) -> Decision {
    Decision::Allowed(Allowed { left: Left::Lease(left), shadowed: false })
}

impl Decide for Leased {
    fn quota(&self) -> Quota {
        self.quota
    }

    #[inline]
    fn admit(&self, n: u32, clock: impl FnOnce() -> Instant) -> Decision {
        self.admit_in(lanes::thread_number(), n, clock)
    }

    fn reserve(
        &self,
        n: u32,
        longest: Duration,
        now: Instant,
        notes: &Notes,
    ) -> Result<Reservation, Refused> {
        let kept = self.centre.quota.burst();
        if n > kept {
            return Err(Refused::NeverFits(NeverFits { asked: n, burst: kept }));
        }
        // What comes out of the centre's word can be refunded, so that is asked first.
        if let Ok(reservation) = self.centre.reserve(n, Duration::ZERO, now, notes) {
            return Ok(reservation);
        }
        if self.admit(n, || now).is_allowed() {
            return Ok(Reservation { cells: n, made: now, due: now, after: None, regime: 0, refunded: 0 });
        }
        self.centre.reserve(n, longest, now, notes)
    }

    fn refund(&self, reservation: &Reservation, clock: impl FnMut() -> Instant, notes: &Notes) -> u32 {
        self.centre.refund(reservation, clock, notes)
    }

    fn level(&self, now: Instant) -> Level {
        let lent = self.lent();
        Level { lent, ..self.centre.level(now) }
    }
}
