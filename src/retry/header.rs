//! HTTP's `Retry-After`, as a server says it: RFC 9110, section 10.2.3.

use core::time::Duration;
#[cfg(feature = "http")]
use std::time::SystemTime;

/// The wait that a `Retry-After` header asks for, `cap` at most: a number of seconds, or (with the feature `http`) a date. Nothing where
/// it is neither.
///
/// The cap is what a stranger may make a caller wait: one header must not stall it for thirty years. A date that has passed is
/// no wait; dates are measured from the system's clock.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::retry::{Class, retry_after};
///
/// let cap = Duration::from_secs(300);
/// assert_eq!(retry_after("120", cap), Some(Duration::from_secs(120)));
/// assert_eq!(retry_after("999999999", cap), Some(cap));
/// assert_eq!(retry_after("soon", cap), None);
///
/// struct Busy { retry_after: Option<String> }
/// let classify = |busy: &Busy| match busy.retry_after.as_deref().and_then(|header| retry_after(header, cap)) {
///     Some(wait) => Class::After(wait),
///     None => Class::Transient,
/// };
/// assert_eq!(classify(&Busy { retry_after: Some("7".into()) }), Class::After(Duration::from_secs(7)));
/// ```
#[must_use]
pub fn retry_after(header: &str, cap: Duration) -> Option<Duration> {
    #[cfg(feature = "http")]
    return retry_after_at(header, SystemTime::now(), cap);
    #[cfg(not(feature = "http"))]
    return seconds(header.trim_ascii()).map(|wait| wait.min(cap));
}

/// As [`retry_after`], with a date measured from this time.
///
/// # Examples
/// ```
/// use std::time::{Duration, SystemTime};
/// use fusebox::retry::retry_after_at;
///
/// let day = Duration::from_secs(86_400);
/// let wait = retry_after_at("Thu, 01 Jan 1970 00:01:00 GMT", SystemTime::UNIX_EPOCH, day);
/// assert_eq!(wait, Some(Duration::from_secs(60)));
/// ```
#[cfg(feature = "http")]
#[must_use]
pub fn retry_after_at(header: &str, now: SystemTime, cap: Duration) -> Option<Duration> {
    let header = header.trim_ascii();
    let date = || {
        let date = httpdate::parse_http_date(header).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    };
    seconds(header).or_else(date).map(|wait| wait.min(cap))
}

/// Digits alone: no sign, no fraction. More than fit are as many as there are.
fn seconds(header: &str) -> Option<Duration> {
    let digits = !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(header.parse().unwrap_or(u64::MAX)))
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use super::*;

    const CAP: Duration = Duration::from_secs(300);

    #[test]
    fn seconds_are_whole_numbers_without_a_sign() {
        for (header, wait) in [("0", 0), ("7", 7), (" 7 ", 7), ("\t007", 7), ("300", 300), ("301", 300)] {
            assert_eq!(retry_after(header, CAP), Some(Duration::from_secs(wait)), "{header:?}");
        }
        assert_eq!(
            retry_after("99999999999999999999999999", Duration::MAX),
            Some(Duration::from_secs(u64::MAX))
        );
        for bad in ["", " ", "+7", "-7", "7.5", "7s", "٧", "1 2", "NaN", "\u{a0}7"] {
            assert_eq!(retry_after(bad, CAP), None, "{bad:?}");
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_date_is_a_wait_from_now_on() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let at = |header: &str| retry_after_at(header, now, CAP);
        // The three forms of RFC 9110, section 5.6.7, of one moment: a minute later.
        for header in
            ["Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"]
        {
            assert_eq!(at(header), Some(Duration::from_secs(60)), "{header}");
        }
        assert_eq!(at("Sun, 06 Nov 1994 08:49:36 GMT"), Some(Duration::ZERO), "it has passed");
        assert_eq!(at("Fri, 31 Dec 9999 23:59:59 GMT"), Some(CAP), "a hostile one is capped");
        assert_eq!(at("Sun, 32 Nov 1994 08:50:37 GMT"), None);
        assert_eq!(at("Sun, 06 Nov 1994 08:50:37 CET"), None);
    }
}
