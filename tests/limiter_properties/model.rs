//! What a limiter is to do, in the plainest words: one arrival time, in whole parts of a nanosecond, `q` of them.
//!
//! `T = p / q` ns in lowest terms, so that every instant and every cell is a whole number of these parts. The model is not
//! told what to do but what was done: it keeps the exact arrival time of what the limiter admitted.

use core::time::Duration;

use fusebox::limiter::Quota;

/// A quota as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    pub rate: u32,
    pub period: u64,
    pub burst: u32,
}

impl Spec {
    pub fn quota(&self) -> Quota {
        let told = Quota::with_period(self.rate, Duration::from_nanos(self.period));
        told.burst(self.burst).build().expect("the strategies give what fits")
    }

    /// The interval in lowest terms.
    pub fn interval(&self) -> (i128, i128) {
        let (mut a, mut b) = (self.period, u64::from(self.rate));
        while b > 0 {
            (a, b) = (b, a % b);
        }
        (i128::from(self.period / a), i128::from(u64::from(self.rate) / a))
    }

    /// Whether the whole burst, taken at this instant, fits every word there is.
    pub fn is_far_from_the_end_at(&self, nanos: u128) -> bool {
        let (p, q) = self.interval();
        let burst = (p * i128::from(self.burst) / q) as u128;
        (nanos + burst) * 17 < u128::from(u64::MAX)
    }

    pub fn is_exact(&self) -> bool {
        self.interval().1 <= 16
    }
}

/// How finely a limiter counts, and how far.
#[derive(Clone, Copy, Debug)]
pub struct Fineness {
    /// So many parts of a nanosecond (of the model's) a cell may be late.
    pub late: i128,
    /// So many units it counts in a nanosecond at most, up to this one.
    pub per_nano: i128,
    pub last: i128,
}

impl Fineness {
    /// Of a limiter with a whole word.
    pub fn of_a_word(spec: &Spec) -> Self {
        let (_, q) = spec.interval();
        let last = i128::from(u64::MAX);
        if spec.is_exact() {
            Self { late: 0, per_nano: q, last }
        } else {
            Self { late: 4 * q, per_nano: 1, last: last - 8 }
        }
    }

    /// Of a limiter whose word has a bit for something else.
    pub fn of_a_bit_less(spec: &Spec) -> Self {
        Self { last: (1 << 63) - 8, ..Self::of_a_word(spec) }
    }

    /// Of a key: exact while the burst fits 2^42 units of a `q`-th of a nanosecond, else in ticks.
    pub fn of_a_key(spec: &Spec) -> Self {
        let (p, q) = spec.interval();
        let last = i128::from(u64::MAX);
        if p * i128::from(spec.burst) <= 1 << 42 && spec.is_exact() {
            Self { late: 0, per_nano: q, last }
        } else {
            Self { late: (p / 1024).max(q), per_nano: 16, last }
        }
    }
}

#[derive(Clone, Debug)]
pub struct Model {
    pub p: i128,
    pub q: i128,
    burst: i128,
    pub fine: Fineness,
    /// Nothing yet: full since ever.
    pub tat: Option<i128>,
}

/// What a limiter may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The cells are there.
    pub may_admit: bool,
    /// They have been there for so long that nothing excuses a denial.
    pub must_admit: bool,
    /// Whether all that this is about fits the limiter's word.
    pub fits: bool,
}

impl Model {
    pub fn new(spec: &Spec, fine: Fineness) -> Self {
        let (p, q) = spec.interval();
        Self { p, q, burst: i128::from(spec.burst), fine, tat: None }
    }

    /// What is owed at `now`, if the arrival time were later by so much.
    fn debt(&self, now: u64, later: i128) -> i128 {
        self.tat.map_or(0, |tat| (tat + later - i128::from(now) * self.q).max(0))
    }

    /// Whether an arrival time fits the word.
    fn fits(&self, tat: i128) -> bool {
        tat * self.fine.per_nano / self.q + self.fine.late * self.fine.per_nano / self.q <= self.fine.last
    }

    pub fn choice(&self, n: u32, now: u64) -> Choice {
        let asked = i128::from(n) * self.p;
        let room = self.burst * self.p - asked;
        let fits = n == 0 || self.fits(self.after(n, now));
        let may_admit = n == 0 || self.debt(now, 0) <= room;
        let must_admit = n == 0 || self.debt(now, self.fine.late) <= room && fits;
        Choice { may_admit, must_admit, fits }
    }

    /// The arrival time after an admission.
    fn after(&self, n: u32, now: u64) -> i128 {
        let now = i128::from(now) * self.q;
        self.tat.map_or(now, |tat| tat.max(now)) + i128::from(n) * self.p
    }

    /// `n` cells were admitted.
    pub fn took(&mut self, n: u32, now: u64) {
        if n > 0 {
            self.tat = Some(self.after(n, now));
        }
    }

    /// The least and the greatest number of cells that may be told as remaining.
    pub fn remaining(&self, now: u64) -> (u32, u32) {
        let told = |later| ((self.burst * self.p - self.debt(now, later)).max(0) / self.p) as u32;
        (told(self.fine.late), told(0))
    }

    /// The least and the greatest time that may be told until it is full, or the clock ends.
    pub fn full_in(&self, now: u64) -> (u128, u128) {
        let nanos = |later| self.nanos(self.debt(now, later)).min((u64::MAX - now).into());
        (nanos(0), nanos(self.fine.late))
    }

    /// The least and the greatest time that may be told until `n` cells are there: one nanosecond at least.
    pub fn retry_after(&self, n: u32, now: u64) -> (u128, u128) {
        let room = (self.burst - i128::from(n)) * self.p;
        let until = |parts| self.nanos(parts).min((u64::MAX - now).into());
        let nanos = |later| until(self.debt(now, later) - room).max(1);
        (nanos(0), nanos(self.fine.late))
    }

    /// Parts as whole nanoseconds, rounded up.
    pub fn nanos(&self, parts: i128) -> u128 {
        (parts.max(0) as u128).div_ceil(self.q as u128)
    }
}

/// Cells that were admitted, in the order in which they were, and every instant at which something was asked.
#[derive(Clone, Debug, Default)]
pub struct Record(Vec<(u64, u32)>);

impl Record {
    pub fn add(&mut self, now: u64, cells: u32) {
        self.0.push((now, cells));
    }

    /// In what was done from one request to another there are no more than `burst + d / T` cells, where `d` is what the clock
    /// showed between its least and its greatest.
    pub fn keeps_the_bound_as_done(&self, spec: &Spec) -> Result<(), String> {
        for first in 0..self.0.len() {
            let (mut least, mut most, mut cells) = (u64::MAX, 0, 0);
            for (now, n) in &self.0[first..] {
                (least, most, cells) = (least.min(*now), most.max(*now), cells + u64::from(*n));
                within(spec, cells, (most - least).into())?;
            }
        }
        Ok(())
    }

    /// As that, where `d` is all that the clock went forwards, a time that it showed twice counted twice: a keyed limiter may
    /// have forgotten a key that had recovered, when the clock goes back to before that.
    pub fn keeps_the_bound_as_lived(&self, spec: &Spec) -> Result<(), String> {
        for first in 0..self.0.len() {
            let (mut last, mut lived, mut cells) = (self.0[first].0, 0_u128, 0);
            for (now, n) in &self.0[first..] {
                lived += u128::from(now.saturating_sub(last));
                (last, cells) = (*now, cells + u64::from(*n));
                within(spec, cells, lived)?;
            }
        }
        Ok(())
    }

    /// In no interval of the clock, whenever it stood there.
    pub fn keeps_the_bound(&self, spec: &Spec) -> Result<(), String> {
        self.keeps_the_bound_but_for(spec, 0)
    }

    /// As that, where instants were rounded by so many nanoseconds.
    pub fn keeps_the_bound_but_for(&self, spec: &Spec, rounded: u64) -> Result<(), String> {
        let mut by_time: Vec<_> = self.0.iter().copied().filter(|(_, n)| *n > 0).collect();
        by_time.sort_unstable();
        for first in 0..by_time.len() {
            let mut cells = 0;
            for (now, n) in &by_time[first..] {
                cells += u64::from(*n);
                within(spec, cells, (now - by_time[first].0 + rounded).into())?;
            }
        }
        Ok(())
    }
}

fn within(spec: &Spec, cells: u64, nanos: u128) -> Result<(), String> {
    let (p, q) = spec.interval();
    let beyond = i128::from(cells) - i128::from(spec.burst);
    if beyond * p <= nanos as i128 * q {
        return Ok(());
    }
    Err(format!("{cells} cells in {nanos} ns of {spec:?}"))
}
