//! Random quotas, and random things to ask of them.

use core::time::Duration;

use fusebox::limiter::Quota;
use proptest::collection::vec;
use proptest::prelude::*;

use super::driver::{Step, Tick};
use super::model::Spec;

const SECOND: u64 = 1_000_000_000;
pub const YEAR: u64 = 365 * 24 * 3600 * SECOND;

/// A length of time, of any order of magnitude.
fn nanos(most: u64) -> BoxedStrategy<u64> {
    let magnitudes = (0..=most.ilog2(), any::<u64>());
    prop_oneof![
        6 => magnitudes.prop_map(move |(bits, any)| (1 + any % (1 << bits)).min(most)),
        1 => Just(1),
        1 => Just(most),
    ]
    .boxed()
}

/// Rates and periods whose interval is a whole number of a `q`-th of a nanosecond, `q` up to 16.
fn fine() -> BoxedStrategy<(u32, u64)> {
    (1..=16_u32, nanos(10 * YEAR), 0..=24_u32)
        .prop_map(|(q, p, doubled)| {
            let (p, times) = (p.max(q.into()), (1_u64 << doubled).min(10 * YEAR / p.max(1)).max(1));
            (q * times as u32, p * times)
        })
        .boxed()
}

/// Any rate up to one a nanosecond.
fn coarse() -> BoxedStrategy<(u32, u64)> {
    (nanos(1_000_000_000), nanos(10 * YEAR))
        .prop_map(|(rate, period)| (rate as u32, period.max(rate)))
        .boxed()
}

/// Those that people choose, and those that hurt.
fn chosen() -> BoxedStrategy<(u32, u64)> {
    let told = [
        (1, SECOND),
        (3, SECOND),
        (7, SECOND),
        (10, SECOND),
        (999, SECOND),
        (60_000_000, SECOND),
        (300_000_000, SECOND),
        (600_000_000, SECOND),
        (999_999_937, SECOND),
        (1_000_000_000, SECOND),
        (1, 1),
        (16, 17),
        (17, 18),
        (1_000, 24 * 3600 * SECOND),
        (7, 7 * 24 * 3600 * SECOND),
        (1, YEAR),
        (1, 10 * YEAR),
        (u32::MAX, u64::from(u32::MAX) + 2),
    ];
    prop::sample::select(told.to_vec()).boxed()
}

/// A burst, made smaller until it fits.
fn with_burst(pairs: BoxedStrategy<(u32, u64)>) -> BoxedStrategy<Spec> {
    let burst = prop_oneof![4 => 1..=5_u32, 4 => 1..=1_000_u32, 1 => 1..=u32::MAX, 1 => Just(u32::MAX)];
    (pairs, burst)
        .prop_map(|((rate, period), mut burst)| {
            let told = Quota::with_period(rate, Duration::from_nanos(period));
            while told.burst(burst).build().is_err() {
                burst /= 2;
            }
            Spec { rate, period, burst }
        })
        .boxed()
}

/// A quota whose decisions are exact.
pub fn exact() -> BoxedStrategy<Spec> {
    with_burst(fine())
}

pub fn any_quota() -> BoxedStrategy<Spec> {
    with_burst(prop_oneof![3 => fine(), 3 => coarse(), 1 => chosen()].boxed())
}

/// A quota of moderate numbers, for what would take all day of others.
pub fn moderate() -> BoxedStrategy<Spec> {
    let pairs = (1..=64_u32, 64..3600 * SECOND).prop_map(|(rate, period)| (rate, period));
    (pairs, 1..=60_u32).prop_map(|((rate, period), burst)| Spec { rate, period, burst }).boxed()
}

/// A quota of moderate numbers whose decisions are exact.
pub fn moderate_and_exact() -> BoxedStrategy<Spec> {
    (1..=16_u32, 16..3600 * SECOND, 1..=60_u32)
        .prop_map(|(rate, period, burst)| Spec { rate, period, burst })
        .boxed()
}

/// How many cells: mostly few, mostly no more than fit; the share of the burst is in parts of 65 536.
#[derive(Clone, Copy, Debug)]
pub enum Cells {
    Just(u32),
    Share(u16),
    Over(u32),
}

impl Cells {
    pub fn of(self, burst: u32) -> u32 {
        match self {
            Self::Just(n) => n,
            Self::Share(share) => (u64::from(burst) * u64::from(share) / 65_536) as u32,
            Self::Over(n) => burst.saturating_add(n),
        }
    }
}

pub fn cells() -> BoxedStrategy<Cells> {
    prop_oneof![
        8 => (1..=3_u32).prop_map(Cells::Just),
        1 => Just(Cells::Just(0)),
        5 => any::<u16>().prop_map(Cells::Share),
        2 => Just(Cells::Over(0)),
        1 => prop_oneof![Just(1), any::<u32>()].prop_map(Cells::Over),
    ]
    .boxed()
}

/// Time that only goes on.
pub fn forward_ticks() -> BoxedStrategy<Tick> {
    prop_oneof![
        5 => Just(Tick::Stay),
        3 => (0..20_u64).prop_map(Tick::By),
        5 => (0..3_000_u32, -2..=2_i8).prop_map(|(thousandths, beside)| Tick::Intervals { thousandths, beside }),
        4 => (-1..=1_i8).prop_map(|beside| Tick::AsTold { beside }),
        1 => (-1..=1_i8).prop_map(|beside| Tick::Full { beside }),
        1 => nanos(YEAR).prop_map(Tick::By),
    ]
    .boxed()
}

/// Time as a broken clock shows it.
fn wild_ticks() -> BoxedStrategy<Tick> {
    prop_oneof![
        12 => forward_ticks(),
        2 => nanos(YEAR).prop_map(Tick::Back),
        1 => nanos(u64::MAX).prop_map(Tick::By),
        1 => any::<u64>().prop_map(Tick::To),
        1 => (0..20_u64).prop_map(|before| Tick::To(u64::MAX - before)),
        1 => Just(Tick::To(0)),
    ]
    .boxed()
}

fn steps(ticks: BoxedStrategy<Tick>) -> BoxedStrategy<Vec<Step>> {
    vec((ticks, cells()).prop_map(|(tick, cells)| Step { tick, cells }), 1..40).boxed()
}

pub fn forward_steps() -> BoxedStrategy<Vec<Step>> {
    steps(forward_ticks())
}

pub fn wild_steps() -> BoxedStrategy<Vec<Step>> {
    steps(wild_ticks())
}

/// Where the clock stands at first: anywhere in ten years.
pub fn start() -> BoxedStrategy<u64> {
    prop_oneof![2 => Just(0), 3 => nanos(10 * YEAR)].boxed()
}
