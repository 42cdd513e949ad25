//! Delays grow as exact numbers do, stay within the bounds of their jitter, and reach both ends of them.

use std::time::Duration;

use fusebox::retry::{Jitter, Policy};
use proptest::prelude::*;

/// A whole number, exact however great: digits to the base of a billion, the lowest first. To divide by a billion is to drop one.
struct Exact(Vec<u64>);

const BASE: u128 = 1_000_000_000;

impl Exact {
    fn of(number: u64) -> Self {
        let mut exact = Self(vec![1]);
        exact.times(number);
        exact
    }

    fn times(&mut self, factor: u64) {
        let mut carry = 0;
        for digit in &mut self.0 {
            let product = u128::from(*digit) * u128::from(factor) + carry;
            *digit = u64::try_from(product % BASE).unwrap();
            carry = product / BASE;
        }
        while carry > 0 {
            self.0.push(u64::try_from(carry % BASE).unwrap());
            carry /= BASE;
        }
    }

    /// Divided so often by a billion: the whole part, as far as a clock can show it, and the first nine digits behind the point.
    fn over_billions(&self, times: usize) -> (u64, u64) {
        let digit = |place: usize| u128::from(self.0.get(place).copied().unwrap_or(0));
        let beyond = (times + 3..self.0.len()).any(|place| digit(place) > 0);
        let whole = digit(times) + BASE * (digit(times + 1) + BASE * digit(times + 2));
        let whole = if beyond { u64::MAX } else { u64::try_from(whole).unwrap_or(u64::MAX) };
        let behind = times.checked_sub(1).map_or(0, |place| self.0.get(place).copied().unwrap_or(0));
        (whole, behind)
    }
}

/// Nanoseconds of every size.
fn nanos() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (0_u32..64, any::<u64>()).prop_map(|(bits, number)| number >> bits),
        1 => prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(u64::MAX - 1)],
    ]
}

/// From one to a billion, in billionths: as many as a double holds exactly, and the greatest.
fn multiplier() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1_000_000_000_u64..4_000_000_000,
        2 => (1_u64..20).prop_map(|whole| whole * 1_000_000_000),
        2 => 1_000_000_000_u64..(1 << 50),
        1 => prop_oneof![Just(1_000_000_000), Just(1_000_000_001), Just(1_000_000_000_000_000_000)],
    ]
}

fn ratio(billionths: u64) -> f64 {
    billionths as f64 / 1e9
}

fn in_nanos(delay: Duration) -> u64 {
    u64::try_from(delay.as_nanos()).unwrap()
}

fn policy(initial: u64, max: u64, billionths: u64, jitter: Jitter) -> Policy {
    Policy::attempts(60)
        .initial_delay(Duration::from_nanos(initial))
        .max_delay(Duration::from_nanos(max))
        .multiplier(ratio(billionths))
        .jitter(jitter)
        .build()
        .unwrap()
}

/// The delays before jitter, which another test holds against exact numbers.
fn bases(initial: u64, max: u64, billionths: u64) -> Vec<u64> {
    policy(initial, max, billionths, Jitter::None).seeded(0).delays().map(in_nanos).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Rounded down; by one nanosecond more only where the exact delay is less than a ten-millionth of one below it, or has grown to
    /// more than 2^40 times of what it was, where the last of 64 bits behind the point has been lost.
    #[test]
    fn growth_is_that_of_exact_numbers(initial in nanos(), max in nanos(), billionths in multiplier()) {
        let (initial, max) = (initial.min(max), initial.max(max));
        let mut exact = Exact::of(initial);
        for (retry, delay) in bases(initial, max, billionths).into_iter().enumerate() {
            let (whole, behind) = exact.over_billions(retry);
            let expected = whole.min(max);
            let grown = whole / initial.max(1);
            if delay != expected {
                let barely = behind >= 999_999_900 && delay == expected.saturating_add(1);
                let far = grown >= 1 << 40 && delay.abs_diff(expected) <= 1;
                prop_assert!(barely || far, "retry {}: {} and not {}.{:09}", retry, delay, expected, behind);
            }
            exact.times(billionths);
        }
    }

    #[test]
    fn delays_stay_within_the_bounds_of_their_jitter(
        initial in nanos(), max in nanos(), billionths in multiplier(), seed in any::<u64>(),
        share in prop_oneof![0_u64..=2_000_000_000, Just(0), Just(1_000_000_000_000_000_000)],
    ) {
        let (initial, max) = (initial.min(max), initial.max(max));
        let bases = bases(initial, max, billionths);
        let drawn = |jitter| {
            let delays = policy(initial, max, billionths, jitter).seeded(seed).delays();
            prop_assert_eq!(delays.len(), 59);
            Ok(delays.map(in_nanos).collect::<Vec<_>>())
        };
        for (delay, base) in drawn(Jitter::Full)?.into_iter().zip(&bases) {
            prop_assert!(delay <= *base);
        }
        for (delay, base) in drawn(Jitter::Equal)?.into_iter().zip(&bases) {
            prop_assert!((base / 2..=*base).contains(&delay));
        }
        for (delay, base) in drawn(Jitter::Proportional(ratio(share)))?.into_iter().zip(&bases) {
            let most = u128::from(*base) + u128::from(*base) * u128::from(share) / BASE;
            prop_assert!(delay >= *base && u128::from(delay) <= most, "{} of {}", delay, base);
        }
        let mut last = initial;
        for delay in drawn(Jitter::Decorrelated)? {
            prop_assert!(delay >= initial && delay <= max && delay <= last.saturating_mul(3).max(initial));
            last = delay;
        }
    }

    /// As many as there are retries, and not one fewer or more.
    #[test]
    fn there_is_a_delay_for_each_retry(attempts in 1_u32..200) {
        let mut delays = Policy::attempts(attempts).build().unwrap().seeded(1).delays();
        prop_assert_eq!(delays.len(), attempts as usize - 1);
        prop_assert_eq!(delays.by_ref().count(), attempts as usize - 1);
        prop_assert!(delays.next().is_none());
    }
}

/// Within the bounds is not enough: a constant is within them, too. Of each eighth of what may be drawn some is.
#[test]
fn jitter_spreads_over_all_that_it_may_draw() {
    const SEEDS: u64 = 2_000;
    let second = 1_000_000_000;
    // Each with the lowest and the highest that its third delay may be.
    for (jitter, low, high) in [
        (Jitter::Full, 0, 4 * second),
        (Jitter::Equal, 2 * second, 4 * second),
        (Jitter::Proportional(0.5), 4 * second, 6 * second),
        (Jitter::default(), 4 * second, 5 * second),
        // Bounded by the cap, which it may reach.
        (Jitter::Decorrelated, second, 4 * second),
    ] {
        let policy = policy(second, 4 * second, 2_000_000_000, jitter);
        let mut eighths = [0_u32; 8];
        for seed in 0..SEEDS {
            let delay = in_nanos(policy.seeded(seed).delays().nth(2).unwrap());
            let eighth = (delay - low) * 8 / (high - low + 1);
            eighths[usize::try_from(eighth).unwrap()] += 1;
        }
        let least = if jitter == Jitter::Decorrelated { 60 } else { 180 };
        assert!(eighths.iter().all(|times| *times >= least), "{jitter:?}: {eighths:?}");
    }
}

/// Whatever is drawn for one retry says nothing about the next.
#[test]
fn each_retry_of_a_call_draws_anew() {
    let policy = policy(1_000_000_000, 1_000_000_000, 1_000_000_000, Jitter::Full);
    let (mut up, mut pairs) = (0, 0);
    for seed in 0..200 {
        let delays: Vec<_> = policy.seeded(seed).delays().collect();
        pairs += delays.len() - 1;
        up += delays.windows(2).filter(|pair| pair[0] < pair[1]).count();
    }
    assert!((pairs * 45 / 100..pairs * 55 / 100).contains(&up), "{up} of {pairs}");
}
