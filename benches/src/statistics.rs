//! What is made of the samples of one row: medians, and how far apart the middle half of the rounds lies.

/// The middle value; of an even number of values, the mean of the two in the middle.
///
/// # Panics
///
/// Without a value.
#[must_use]
pub fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The distance between the quartiles, as a part of the median.
#[must_use]
pub fn spread(samples: &[f64]) -> f64 {
    (quantile(samples, 0.75) - quantile(samples, 0.25)) / median(samples)
}

/// The quotients of the rounds, one for each.
#[must_use]
pub fn quotients(over: &[f64], under: &[f64]) -> Vec<f64> {
    over.iter().zip(under).map(|(over, under)| over / under).collect()
}

/// Between two samples it is interpolated.
fn quantile(samples: &[f64], part: f64) -> f64 {
    assert!(!samples.is_empty(), "a quantile is of at least one sample");
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = part * (sorted.len() - 1) as f64;
    let below = whole(place);
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    low + (high - low) * place.fract()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into the samples")]
fn whole(place: f64) -> usize {
    place as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert!((median(&[9.0, 1.0, 5.0]) - 5.0).abs() < 1e-12);
        assert!((median(&[4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_spread_ignores_the_wildest_rounds() {
        let steady = [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 500.0, 1.0];
        assert!(spread(&steady).abs() < 1e-12);
        assert!((spread(&[1.0, 2.0, 3.0, 4.0, 5.0]) - 2.0 / 3.0).abs() < 1e-12);
    }
}
