//! How bytes become policies, durations and instants: mostly small ones that meet each other, now and then the ends
//! of what there is.

use arbitrary::{Result, Unstructured};
use fusebox::breaker::{FailureKind, Verdict};

use crate::model::Hand;
use crate::model::spec::{Billionths, Growth, ONE, Ramp, Slow, Spec, Trip, Window};
use crate::subject::How;

pub const MILLI: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MILLI;
/// The longest duration that every policy must take.
pub const TEN_YEARS: u64 = 3_650 * 24 * 3_600 * SECOND;

/// A duration that a policy takes.
pub fn duration(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=7_u8)? {
        0..=2 => u64::from(u.int_in_range(1..=60_u8)?) * MILLI,
        3 | 4 => u.int_in_range(1..=60_000_000)?,
        5 => u64::from(u.int_in_range(1..=120_u8)?) * SECOND,
        6 => *u.choose(&[1, 2, 19, 20, 21, MILLI - 1, MILLI + 1, TEN_YEARS - 1, TEN_YEARS])?,
        _ => u.int_in_range(1..=TEN_YEARS)?,
    })
}

fn percent(u: &mut Unstructured<'_>) -> Result<Billionths> {
    Ok(u.int_in_range(1..=100_u64)? * ONE)
}

fn trip(u: &mut Unstructured<'_>) -> Result<Trip> {
    Ok(match u.int_in_range(0..=5_u8)? {
        0 | 1 => Trip::Row(u.int_in_range(1..=5)?),
        2 => Trip::Row(u.int_in_range(1..=65_535)?),
        3 | 4 => {
            let calls = u.int_in_range(1..=40_u32)?;
            Trip::Rate {
                percent: percent(u)?,
                window: Window::Calls(calls),
                minimum: u.int_in_range(1..=calls)?,
            }
        }
        _ => Trip::Rate {
            percent: percent(u)?,
            // In slices of one nanosecond, the last 64 of the clock are one.
            window: Window::Time(duration(u)?.max(64).into()),
            minimum: u.int_in_range(1..=6)?,
        },
    })
}

/// A valid policy, as the model takes it.
pub fn spec(u: &mut Unstructured<'_>) -> Result<Spec> {
    let trip = trip(u)?;
    let open = duration(u)?;
    let some = |u: &mut Unstructured<'_>| u.ratio(1, 3_u8);
    let slow = if some(u)? {
        let limit = duration(u)?.into();
        let by_rate = matches!(trip, Trip::Rate { .. }) && u.arbitrary()?;
        Some(if by_rate { Slow::Percent { limit, percent: percent(u)? } } else { Slow::AsFailure { limit } })
    } else {
        None
    };
    let growth = if some(u)? {
        let factor = match u.int_in_range(0..=3_u8)? {
            0 => *u.choose(&[ONE, ONE + 1, 2 * ONE, ONE * 3 / 2, 1_000 * ONE])?,
            _ => u.int_in_range(ONE..=10 * ONE)?,
        };
        let cap = open.saturating_mul(u.int_in_range(1..=50)?).saturating_add(u.int_in_range(0..=2 * MILLI)?);
        Some(Growth { factor, cap: cap.clamp(open, TEN_YEARS).into() })
    } else {
        None
    };
    let ramp = if some(u)? {
        let steps = u.int_in_range(1..=4_usize)?;
        let percents = (0..steps).map(|_| percent(u)).collect::<Result<_>>()?;
        Some(Ramp { percents, step: duration(u)?.into() })
    } else {
        None
    };
    Ok(Spec {
        trip,
        slow,
        open: open.into(),
        growth,
        jitter: if u.ratio(1, 6_u8)? { Some(u.int_in_range(0..=2 * ONE)?) } else { None },
        half_open_calls: few(u)?,
        success_threshold: few(u)?,
        half_open_timeout: if u.ratio(1, 5_u8)? { None } else { Some(duration(u)?.into()) },
        ramp,
    })
}

/// Up to 63, and mostly up to 3.
fn few(u: &mut Unstructured<'_>) -> Result<u32> {
    let most = if u.ratio(1, 5_u8)? { 63 } else { 3 };
    u.int_in_range(1..=most)
}

/// How a permit ends.
pub fn how(u: &mut Unstructured<'_>) -> Result<How> {
    Ok(match u.int_in_range(0..=15_u8)? {
        0..=3 => How::Success,
        4..=7 => How::Failure,
        8 => How::Fail(kind(u)?),
        9 => How::Ignore,
        10 => How::Panicked,
        11 => How::TimedOut,
        12 => How::Record(Verdict::Failure(kind(u)?)),
        13 => How::Record(*u.choose(&[Verdict::Success, Verdict::Ignored])?),
        14 => How::Drop,
        _ => How::DropInPanic,
    })
}

fn kind(u: &mut Unstructured<'_>) -> Result<FailureKind> {
    u.choose(&[FailureKind::Error, FailureKind::Slow, FailureKind::Timeout, FailureKind::Panic]).copied()
}

pub fn hand(u: &mut Unstructured<'_>) -> Result<Hand> {
    u.choose(&[Hand::ForceOpen, Hand::Disable, Hand::Reset]).copied()
}

/// A time that passes: nothing, less than a policy's durations, about as long, or as long as the clock goes.
pub fn pause(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=7_u8)? {
        0 | 1 => 0,
        2 | 3 => u64::from(u.int_in_range(0..=30_u8)?) * MILLI,
        4 | 5 => u.int_in_range(0..=30 * MILLI)?,
        6 => u64::from(u.arbitrary::<u8>()?) * SECOND,
        _ => far(u)?,
    })
}

/// Anywhere on the clock, and at its ends.
pub fn far(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=3_u8)? {
        0 => *u.choose(&[0, 1, MILLI, TEN_YEARS, u64::MAX / 2, u64::MAX - MILLI, u64::MAX - 1, u64::MAX])?,
        1 => u.arbitrary::<u64>()? / 8,
        _ => u.arbitrary()?,
    })
}

/// A few nanoseconds, or a millisecond and a few, to one side or the other.
pub fn beside(u: &mut Unstructured<'_>) -> Result<i64> {
    Ok(match u.int_in_range(0..=2_u8)? {
        0 => *u.choose(&[0, -1, 1, -1_000_000, 1_000_000, -999_999, 999_999])?,
        1 => 0,
        _ => u.int_in_range(-2_000_000..=2_000_000)?,
    })
}
