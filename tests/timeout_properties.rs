//! The adaptive limit against a plain model: all samples in a list, sorted when the quantile is wanted.
//!
//! 1. Where nothing fades, the limit is the exact quantile times the margin, or up to 12.5 % more, cut off at its bounds.
//! 2. It is never outside its bounds, whatever is recorded at whatever instants; below the minimum it is the initial one.
//! 3. Time-outs never make it shorter than the same calls without them.
//! 4. A limit is never longer than what is left outside.

#![cfg(feature = "std")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

use std::future::{Future, pending};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fusebox::time::{Clock, Instant, ManualClock, NoClock};
use fusebox::timeout::{Adapting, AdaptingBuilder, AdaptiveTimeout, Deadline, Limits, Timeouts};
use proptest::prelude::*;

/// What the sketch tells apart.
const FIRST: u64 = 1 << 10;
const LAST: u64 = 1 << 40;

#[derive(Clone, Debug)]
struct Told {
    /// In thousandths.
    quantile: u32,
    margin: u32,
    minimum: u32,
    floor: u64,
    initial: u64,
    ceiling: u64,
}

impl Told {
    fn builder(&self) -> AdaptingBuilder {
        Adapting::from(Duration::from_nanos(self.initial))
            .quantile(f64::from(self.quantile) / 1e3)
            .margin(f64::from(self.margin) / 1e3)
            .minimum_samples(self.minimum)
            .between(Duration::from_nanos(self.floor), Duration::from_nanos(self.ceiling))
    }

    fn limit(&self) -> AdaptiveTimeout<NoClock> {
        AdaptiveTimeout::with_parts(self.builder().build().unwrap(), NoClock, ())
    }
}

fn told() -> impl Strategy<Value = Told> {
    let bounds = prop::array::uniform3(prop_oneof![1..LAST, 1..u64::MAX, 1_000_000..1_000_000_000_u64]);
    (1..=1_000_u32, 1_000..10_000_u32, 1..30_u32, bounds).prop_map(
        |(quantile, margin, minimum, mut bounds)| {
            bounds.sort_unstable();
            let [floor, initial, ceiling] = bounds;
            Told { quantile, margin, minimum, floor, initial, ceiling }
        },
    )
}

/// Evenly in its octave, so that long and short ones meet.
fn duration() -> impl Strategy<Value = u64> {
    (10_u32..40, any::<u64>()).prop_map(|(octave, bits)| (1 << octave) | (bits % (1 << octave)))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// The exact quantile times the margin, without bounds.
fn model(told: &Told, samples: &[u64]) -> u128 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as u64 * u64::from(told.quantile)).div_ceil(1_000).max(1);
    u128::from(sorted[rank as usize - 1]) * u128::from(told.margin) / 1_000
}

#[derive(Clone, Debug)]
enum Step {
    Took(Duration),
    TimedOut,
    TimedOutAfter(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let any_duration = || {
        prop_oneof![
            duration().prop_map(Duration::from_nanos),
            any::<u64>().prop_map(Duration::from_nanos),
            Just(Duration::ZERO),
            Just(Duration::MAX),
        ]
    };
    prop_oneof![
        6 => any_duration().prop_map(Step::Took),
        3 => Just(Step::TimedOut),
        1 => any_duration().prop_map(Step::TimedOutAfter),
    ]
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    // Up to sixteen in a bucket the limit follows at once.
    #[test]
    fn properties_the_limit_is_the_quantile_with_its_margin(told in told(), samples in prop::collection::vec(duration(), 1..17)) {
        let limit = told.limit();
        for (number, sample) in (1..).zip(&samples) {
            limit.record_at(Duration::from_nanos(*sample), Instant::from_nanos(77));
            let shown = u128::from(nanos(limit.limit()));
            if number < told.minimum as usize {
                prop_assert_eq!(shown, u128::from(told.initial));
                continue;
            }
            let (floor, ceiling) = (u128::from(told.floor), u128::from(told.ceiling));
            let exact = model(&told, &samples[..number]);
            prop_assert!(shown >= exact.clamp(floor, ceiling), "{} is below {}", shown, exact);
            // The edge is a whole nanosecond, and so is what the model rounds down.
            let most = exact * 9 / 8 + u128::from(told.margin).div_ceil(1_000) + 1;
            prop_assert!(shown <= most.clamp(floor, ceiling), "{} is too far above {}", shown, exact);
        }
    }

    #[test]
    fn properties_whatever_is_recorded_whenever_the_limit_stays_within_its_bounds(
        told in told(),
        half_life in 1..10_000_u64,
        steps in prop::collection::vec((step(), any::<u64>(), 0..20_000_u64), 1..100),
    ) {
        let policy = told.builder().half_life(Duration::from_millis(half_life)).build().unwrap();
        let limit = AdaptiveTimeout::with_parts(policy, ManualClock::new(), ());
        for (number, (step, anywhere, millis)) in (1..).zip(steps) {
            let now = if anywhere % 8 == 0 { anywhere } else { millis * 1_000_000 };
            limit.clock().set(Instant::from_nanos(now));
            match step {
                Step::Took(took) => limit.record(took),
                Step::TimedOut => limit.timed_out(),
                Step::TimedOutAfter(after) => limit.timed_out_after(after),
            }
            let shown = nanos(limit.limit());
            prop_assert!((told.floor..=told.ceiling).contains(&shown), "{shown}");
            prop_assert!(limit.look().samples <= number);
            if number < u64::from(told.minimum) {
                prop_assert_eq!(shown, told.initial);
            }
        }
    }

    #[test]
    fn properties_time_outs_never_make_a_limit_shorter(
        told in told(),
        samples in prop::collection::vec((duration(), any::<bool>()), 1..15),
    ) {
        let (with, without) = (told.limit(), told.limit());
        for (sample, timed_out) in samples {
            with.record_at(Duration::from_nanos(sample), Instant::ORIGIN);
            without.record_at(Duration::from_nanos(sample), Instant::ORIGIN);
            if !without.look().known {
                continue;
            }
            let before = with.limit();
            if timed_out {
                with.timed_out_at(Instant::ORIGIN);
                prop_assert!(with.limit() >= before);
            }
        }
    }

    /// Both kinds of limit, beside a deadline.
    #[test]
    fn properties_a_limit_is_never_longer_than_what_is_left(own in 1..u64::MAX / 4, left in 1..u64::MAX / 4, began in 0..u64::MAX / 4) {
        let clock = ManualClock::new();
        clock.set(Instant::from_nanos(began));
        let sleeper = &clock;
        let own_limit = Duration::from_nanos(own);
        let plain = Timeouts::with_parts(Limits::of(own_limit).build().unwrap(), &clock, ());
        let adaptive = AdaptiveTimeout::with_parts(Adapting::from(own_limit).build().unwrap(), &clock, ());
        let deadline = Deadline::after(Duration::from_nanos(left), clock.now());
        let mut one = pin!(plain.run_until(deadline, "a", &sleeper, pending::<()>()));
        let mut other = pin!(adaptive.run_until(deadline, &sleeper, pending::<()>()));
        prop_assert!(poll(one.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
        clock.advance(Duration::from_nanos(own.min(left) - 1));
        prop_assert!(poll(one.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
        clock.advance(Duration::from_nanos(1));
        for ended in [poll(one.as_mut()), poll(other.as_mut())] {
            let Poll::Ready(Err(late)) = ended else { panic!("it is over") };
            prop_assert_eq!((nanos(late.limit), late.by_deadline), (own.min(left), left < own));
        }
    }
}

/// Beyond sixteen in a bucket the limit follows in steps: after so many of a new duration that they are an eighth of all, it has.
#[test]
fn a_shift_is_followed_once_its_bucket_has_grown() {
    let told = Told { quantile: 500, margin: 1_000, minimum: 1, floor: 1, initial: 1, ceiling: LAST };
    let limit = told.limit();
    let (short, long) = (Duration::from_nanos(FIRST + 1), Duration::from_nanos(LAST / 3));
    (0..10_000).for_each(|_| limit.record_at(short, Instant::ORIGIN));
    (0..9_999).for_each(|_| limit.record_at(long, Instant::ORIGIN));
    assert!(limit.limit() < long);
    (0..1_300).for_each(|_| limit.record_at(long, Instant::ORIGIN));
    assert!(limit.limit() > long && limit.limit() < long * 9 / 8);
}
