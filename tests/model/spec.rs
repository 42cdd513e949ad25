//! What a breaker of the model is told: the policy as plain numbers, and the exact arithmetic of its
//! durations.
//!
//! Instants and durations are `i128` nanoseconds: nothing overflows, and an instant may lie before the clock
//! began.

/// Nanoseconds in the unit in which a breaker keeps its own instants.
pub const MILLI: i128 = 1_000_000;

/// A fraction in billionths: the nearest decimal of nine places.
pub type Billionths = u64;

/// One in billionths.
pub const ONE: Billionths = 1_000_000_000;

/// The first whole millisecond that is not before `instant`.
pub fn up_to_milli(instant: i128) -> i128 {
    -(-instant).div_euclid(MILLI) * MILLI
}

/// The last whole millisecond that is not after `instant`.
pub fn down_to_milli(instant: i128) -> i128 {
    instant.div_euclid(MILLI) * MILLI
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Spec {
    pub trip: Trip,
    pub slow: Option<Slow>,
    pub open: i128,
    pub growth: Option<Growth>,
    /// At most this fraction is added.
    pub jitter: Option<Billionths>,
    pub half_open_calls: u32,
    pub success_threshold: u32,
    pub half_open_timeout: Option<i128>,
    pub ramp: Option<Ramp>,
}

/// What opens it.
#[derive(Clone, Copy, Debug)]
pub enum Trip {
    Row(u32),
    Rate { percent: Billionths, window: Window, minimum: u32 },
}

#[derive(Clone, Copy, Debug)]
pub enum Window {
    Calls(u32),
    Time(i128),
}

#[derive(Clone, Copy, Debug)]
pub enum Slow {
    AsFailure { limit: i128 },
    Percent { limit: i128, percent: Billionths },
}

#[derive(Clone, Copy, Debug)]
pub struct Growth {
    pub factor: Billionths,
    pub cap: i128,
}

#[derive(Clone, Debug)]
pub struct Ramp {
    pub percents: Vec<Billionths>,
    pub step: i128,
}

impl Slow {
    pub fn limit(self) -> i128 {
        match self {
            Self::AsFailure { limit } | Self::Percent { limit, .. } => limit,
        }
    }
}

impl Spec {
    /// How long it stays open the `openings`th time in a row, without jitter: `open * factor^(openings - 1)`,
    /// at most the cap, up to a whole millisecond. The first time it is the open duration as it was given.
    pub fn open_duration(&self, openings: u32) -> i128 {
        match self.growth {
            Some(growth) if openings > 1 => grown(self.open, growth, openings - 1),
            _ => self.open,
        }
    }

    /// The most that jitter may add to a duration.
    pub fn jitter(&self, duration: i128) -> i128 {
        let fraction = i128::from(self.jitter.unwrap_or(0));
        (duration * fraction + i128::from(ONE) - 1) / i128::from(ONE)
    }

    /// When a ramp that began at `begun` is over, exactly.
    pub fn ramp_end(&self, begun: i128) -> Option<i128> {
        let ramp = self.ramp.as_ref()?;
        Some(begun + ramp.step * ramp.percents.len() as i128)
    }
}

/// `open * factor^power` in exact arithmetic.
fn grown(open: i128, growth: Growth, power: u32) -> i128 {
    let mut numerator = Big::from(open);
    let mut denominator = Big::from(1);
    for _ in 0..power {
        numerator.multiply(growth.factor);
        denominator.multiply(ONE);
        if numerator >= denominator.times(growth.cap) {
            return up_to_milli(growth.cap);
        }
    }
    // The least whole number of milliseconds that is not under it.
    let (mut under, mut enough) = (0, up_to_milli(growth.cap) / MILLI);
    while under < enough {
        let middle = (under + enough) / 2;
        if denominator.times(middle * MILLI) >= numerator { enough = middle } else { under = middle + 1 }
    }
    enough * MILLI
}

/// A whole number of any size: limbs of 32 bits, the least first, none of them zero at the end.
#[derive(Clone, PartialEq, Eq)]
struct Big(Vec<u32>);

impl From<i128> for Big {
    fn from(number: i128) -> Self {
        let mut rest = number.unsigned_abs();
        let mut limbs = Vec::new();
        while rest > 0 {
            limbs.push(rest as u32);
            rest >>= 32;
        }
        Self(limbs)
    }
}

impl Big {
    fn multiply(&mut self, by: u64) {
        let mut carry = 0_u128;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(by) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        while carry > 0 {
            self.0.push(carry as u32);
            carry >>= 32;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn times(&self, by: i128) -> Self {
        let mut product = self.clone();
        product.multiply(u64::try_from(by).expect("a duration of the model fits 64 bits"));
        product
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}
