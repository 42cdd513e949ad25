//! What a sketch promises, as sentences.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

use proptest::prelude::*;

use super::word::{Epoch, ONE, Weight};
use super::{BUCKETS, Fading, Sketch, bucket, share, upper_edge};
use crate::ratio::Ratio;
use crate::time::Instant;

fn sketch(minimum: u64) -> Sketch {
    Sketch::new(Fading { half_life: 1_000, minimum })
}

fn ratio(value: f64) -> Ratio {
    Ratio::nearest(value).unwrap()
}

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

const FIRST: u64 = 1 << 10;
const LAST: u64 = 1 << 40;

/// The sample of this quantile, by sorting.
fn exact(samples: &mut [u64], quantile: Ratio) -> u64 {
    samples.sort_unstable();
    let rank = (samples.len() as u128 * u128::from(quantile.billionths())).div_ceil(1_000_000_000);
    samples[rank.max(1) as usize - 1]
}

#[test]
fn edges_rise_and_each_duration_lies_below_its_own_and_not_below_the_one_before() {
    let edges: Vec<_> = (0..BUCKETS).map(upper_edge::<BUCKETS>).collect();
    assert!(edges.is_sorted_by(|one, other| one < other));
    assert_eq!((edges[0], edges[1], edges[BUCKETS - 2], edges[BUCKETS - 1]), (FIRST, 1_152, LAST, u64::MAX));
    for edge in edges.iter().take(BUCKETS - 1) {
        let (below, above) = (bucket::<BUCKETS>(edge - 1), bucket::<BUCKETS>(*edge));
        assert_eq!((above, edges[below]), (below + 1, *edge));
    }
    assert_eq!((bucket::<BUCKETS>(0), bucket::<BUCKETS>(u64::MAX)), (0, BUCKETS - 1));
    assert_eq!(bucket::<4>(u64::MAX), 3);
}

fn duration() -> impl Strategy<Value = u64> {
    prop_oneof![
        FIRST..LAST,
        (10_u32..40, any::<u64>()).prop_map(|(octave, bits)| (1 << octave) | (bits % (1 << octave))),
        (10_u32..40, 8_u64..16).prop_map(|(octave, step)| step << (octave - 3)),
        Just(LAST - 1),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never below the sample, at most an eighth above it.
    #[test]
    fn properties_a_quantile_is_at_most_an_eighth_too_long(
        mut samples in prop::collection::vec(duration(), 1..200),
        billionths in 1_u32..=1_000_000_000,
    ) {
        let quantile = ratio(f64::from(billionths) / 1e9);
        let sketch = sketch(1);
        for nanos in &samples {
            sketch.record(*nanos, at(0));
        }
        let exact = exact(&mut samples, quantile);
        let told = sketch.quantile(quantile).unwrap();
        prop_assert!(told > exact, "{told} is below {exact}");
        prop_assert!(told - exact <= exact / 8 + 1, "{told} is too far above {exact}");
    }

    #[test]
    fn properties_a_share_is_rounded_up(total in 0..1_u64 << 50, billionths in 1_u32..=1_000_000_000) {
        let told = share(total, ratio(f64::from(billionths) / 1e9));
        let exact = (u128::from(total) * u128::from(billionths)).div_ceil(1_000_000_000);
        prop_assert_eq!(u128::from(told), exact);
    }

    /// Whatever the clock does, what is held is never more than was recorded, and never less than the minimum once there was
    /// so much, but for a thousandth that rounding takes.
    #[test]
    fn properties_nothing_fades_below_the_minimum(steps in prop::collection::vec((0_u64..40, 0_u64..1 << 41), 1..300)) {
        let sketch = sketch(10);
        let mut most = 0;
        for (number, (seconds, nanos)) in (1..).zip(&steps) {
            sketch.record(*nanos, at(*seconds));
            let held = sketch.total(sketch.epoch.view());
            most = most.max(held);
            prop_assert!(held <= number * ONE);
            prop_assert!(most < 10 * ONE || held > 10 * ONE - ONE / 100, "{held} after {number}");
        }
    }
}

#[test]
fn after_half_of_all_epochs_an_empty_bucket_still_takes_a_stamp() {
    // A word of zero has the stamp zero, which looks ahead of every epoch in the second half.
    let number = (1 << 23) + 5;
    let (seen, epoch) = (Weight { weight: 0, stamp: 0 }, Epoch { started: 1, number });
    let held = seen.with_one_more(epoch);
    assert_eq!((held.samples(), held.stamp), (1, number));
    assert_eq!(held.at(Epoch { number: number + 64, ..epoch }), 0, "and it fades");
}

#[test]
fn below_the_minimum_nothing_is_known() {
    let sketch = sketch(3);
    assert_eq!(sketch.record(5_000, at(0)), 1);
    assert_eq!(sketch.record(5_000, at(0)), 2);
    assert_eq!((sketch.samples(), sketch.quantile(Ratio::ONE)), (2, None));
    assert_eq!(sketch.record(5_000, at(0)), 3);
    assert_eq!(sketch.quantile(Ratio::ONE), Some(5_120));
}

#[test]
fn what_is_under_or_over_is_told_by_the_edges() {
    let sketch = sketch(1);
    sketch.record(0, at(0));
    assert_eq!(sketch.quantile(Ratio::ONE), Some(FIRST));
    sketch.record(LAST, at(0));
    assert_eq!(sketch.quantile(Ratio::ONE), Some(u64::MAX));
    assert_eq!(sketch.quantile(ratio(0.5)), Some(FIRST));
}

#[test]
fn a_half_life_halves_and_several_halve_as_often_as_the_minimum_allows() {
    let sketch = sketch(10);
    (0..100).for_each(|_| _ = sketch.record(5_000, at(100)));
    assert_eq!((sketch.epochs(), sketch.samples()), (1, 100));
    sketch.record(9_000, at(101));
    assert_eq!((sketch.epochs(), sketch.samples()), (2, 51));
    // An hour of nothing would be 3 600 halvings: of 51, two leave ten.
    sketch.record(9_000, at(3_701));
    assert_eq!((sketch.epochs(), sketch.samples()), (4, 13));
}

#[test]
fn the_first_sample_begins_the_first_epoch_however_late_the_clock_stands() {
    let sketch = sketch(1);
    (0..50).for_each(|_| _ = sketch.record(5_000, at(1_000_000)));
    assert_eq!((sketch.epochs(), sketch.samples()), (1, 50));
}

#[test]
fn a_slow_service_keeps_its_estimate() {
    let sketch = sketch(10);
    for second in 0..1_000 {
        sketch.record(1 << 20, at(second * 60));
        assert!(second < 9 || sketch.quantile(Ratio::ONE).is_some(), "{second}");
    }
}

#[test]
fn a_clock_that_steps_back_fades_nothing() {
    let sketch = sketch(1);
    (0..64).for_each(|_| _ = sketch.record(5_000, at(500)));
    for second in (0..500).rev() {
        sketch.record(5_000, at(second));
    }
    assert_eq!((sketch.epochs(), sketch.samples()), (1, 564));
}

#[test]
fn a_full_bucket_halves_all_so_that_the_ratio_stays() {
    let sketch = sketch(1_000);
    // Three fast ones to each slow one, far beyond what a word holds.
    for _ in 0..12_000_000 {
        sketch.record(5_000, at(0));
        sketch.record(5_000, at(0));
        sketch.record(5_000, at(0));
        sketch.record(900_000, at(0));
    }
    assert!(sketch.epochs() > 2);
    assert_eq!(sketch.quantile(ratio(0.74)), Some(5_120));
    assert_eq!(sketch.quantile(ratio(0.76)), Some(917_504));
}

#[test]
fn what_has_faded_to_nothing_never_comes_back() {
    let sketch: Sketch<4> = Sketch::new(Fading { half_life: 1, minimum: 1 });
    sketch.record(1_500, at(0));
    let millis = |millis: u64| Instant::from_nanos(millis * 1_000_000);
    // More epochs than half of the stamp's field can tell apart.
    let mut now = 0;
    while sketch.epochs() < (1 << 23) + 10 {
        (0..4).for_each(|_| _ = sketch.record(0, millis(now)));
        now += 2;
    }
    assert_eq!(sketch.quantile(Ratio::ONE), Some(FIRST));
}
