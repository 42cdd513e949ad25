//! Settings that fit most services, by where they run.

use core::time::Duration;

use crate::breaker;
use crate::retry;

/// Settings that fit most services, by where they run.
///
/// | | development | staging | production |
/// |---|---|---|---|
/// | failures in a row that open the breaker | 2 | 3 | 5 |
/// | open for | 5 s | 10 s | 15 s |
/// | half-open timeout | 30 s | 30 s | 60 s |
/// | attempts | 2 | 3 | 3 |
/// | first delay | 100 ms | 1 s | 1 s |
/// | longest delay | 30 s | 30 s | 30 s |
/// | jitter | proportional | proportional | proportional |
/// | limit of an attempt | 10 s | 30 s | 60 s |
/// | slow over | – | – | 20 s |
///
/// They have no deadline over all attempts: add the one that your callers have.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::guard::Preset;
///
/// assert_eq!(Preset::Production.limit(), Duration::from_secs(60));
/// assert_eq!(Preset::Staging.retry().max_attempts(), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Fails early, so that it is seen.
    Development,
    /// In between.
    Staging,
    /// Patient.
    Production,
}

impl Preset {
    /// The breaker's policy.
    #[must_use]
    pub const fn breaker(self) -> breaker::Policy {
        let (failures, open, half_open) = match self {
            Self::Development => (2, 5, 30),
            Self::Staging => (3, 10, 30),
            Self::Production => (5, 15, 60),
        };
        breaker::Policy::consecutive_failures(failures)
            .open_duration(Duration::from_secs(open))
            .half_open_timeout(Duration::from_secs(half_open))
            .constant()
    }

    /// The retry's policy.
    #[must_use]
    pub const fn retry(self) -> retry::Policy {
        let (attempts, delay) = match self {
            Self::Development => (2, Duration::from_millis(100)),
            Self::Staging | Self::Production => (3, Duration::from_secs(1)),
        };
        retry::Policy::attempts(attempts).initial_delay(delay).max_delay(Duration::from_secs(30)).constant()
    }

    /// How long an attempt may take.
    #[must_use]
    pub const fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Development => 10,
            Self::Staging => 30,
            Self::Production => 60,
        })
    }

    /// From where on a call is slow.
    #[must_use]
    pub const fn slow_over(self) -> Option<Duration> {
        match self {
            Self::Development | Self::Staging => None,
            Self::Production => Some(Duration::from_secs(20)),
        }
    }
}
