//! How long answers took: kept in a histogram, told in milliseconds. The other examples use it, too.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The clients give up long before this.
const LONGEST_LATENCY: Duration = Duration::from_secs(60);

/// Of microseconds, to three digits.
#[expect(clippy::expect_used, reason = "it fails for more than five digits only")]
pub fn latencies() -> Histogram<u64> {
    Histogram::new(3).expect("three digits is a precision it has")
}

pub fn record(latencies: &mut Histogram<u64>, latency: Duration) {
    let micros = latency.min(LONGEST_LATENCY).as_micros();
    // It grows to hold whatever it is given, so it takes everything.
    let _ = latencies.record(u64::try_from(micros).unwrap_or(u64::MAX));
}

/// The latency that `quantile` of the requests stayed within, in milliseconds; `None` of none.
pub fn quantile_ms(latencies: &Histogram<u64>, quantile: f64) -> Option<f64> {
    (!latencies.is_empty()).then(|| latencies.value_at_quantile(quantile) as f64 / 1000.0)
}

pub fn milliseconds(told: Option<f64>) -> String {
    match told {
        None => "-".to_owned(),
        Some(ms) if ms < 99.95 => format!("{ms:.1}"),
        Some(ms) => format!("{ms:.0}"),
    }
}
