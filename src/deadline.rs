//! The deadline: when all of a call, with whatever is inside it, is over. It nests, and it travels.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::time::{Instant, saturating_nanos};

/// The instant at which a call is over, to pass along with it; or none.
///
/// An inner limit is never longer than what is left outside: take the [`earlier`](Self::earlier) of both. Clocks of two
/// machines have nothing in common, so what travels is the time that is left ([`left_at`](Self::left_at), [`TimeLeft`]).
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::time::Instant;
/// use fusebox::timeout::{Deadline, TimeLeft};
///
/// let now = Instant::from_nanos(0);
/// let request = Deadline::after(Duration::from_secs(2), now);
/// let inner = request.earlier(Deadline::after(Duration::from_secs(5), now));
/// assert_eq!(inner.left_at(now), Some(Duration::from_secs(2)));
///
/// // To the next service, in a header of the form that gRPC's `grpc-timeout` has:
/// let header = TimeLeft::of(request, now).unwrap().to_string();
/// assert_eq!(header, "2000000u");
/// let there = Instant::from_nanos(77_000); // its clock
/// let received: TimeLeft = header.parse().unwrap();
/// assert_eq!(received.deadline(there).left_at(there), Some(Duration::from_secs(2)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// There is none.
    pub const NONE: Self = Self(None);

    /// At this instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// So long after `now`.
    #[must_use]
    pub const fn after(duration: Duration, now: Instant) -> Self {
        Self(Some(now.saturating_add(duration)))
    }

    /// Its instant, if there is one.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }

    /// The one of both that comes first.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(another)) => Self(Some(one.min(another))),
            (one, another) => Self(one.or(another)),
        }
    }

    /// The time that is left at `now`: nothing without a deadline, zero when it has passed.
    #[must_use]
    pub fn left_at(self, now: Instant) -> Option<Duration> {
        self.0.map(|instant| instant.saturating_since(now))
    }

    /// Whether it has passed at `now`. At its very instant it has.
    #[must_use]
    pub fn is_over_at(self, now: Instant) -> bool {
        self.0.is_some_and(|instant| instant <= now)
    }

    /// Whether a wait from `now` ends by then. To end exactly at the deadline is in time.
    #[must_use]
    pub fn allows(self, wait: Duration, now: Instant) -> bool {
        self.0.is_none_or(|instant| now <= instant && wait <= instant.saturating_since(now))
    }
}

/// The time that is left to a call, as it travels in a header: whole numbers of eight digits at most with a unit
/// (`H`, `M`, `S`, `m`, `u`, `n`), as gRPC's `grpc-timeout` has it.
///
/// Written it is rounded down: the next service never believes that it has more time than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeLeft(Duration);

/// The most digits of a header's number.
const MOST_DIGITS: usize = 8;
const MOST_NUMBER: u64 = 99_999_999;
/// The units, from the finest, in nanoseconds.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60 * 1_000_000_000),
    (b'H', 3_600 * 1_000_000_000),
];

/// A header that says no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoTimeLeft;

impl TimeLeft {
    /// What is left until this deadline at `now`; nothing without a deadline.
    #[must_use]
    pub fn of(deadline: Deadline, now: Instant) -> Option<Self> {
        deadline.left_at(now).map(Self)
    }

    /// The duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// The deadline where it was received, at `now`.
    #[must_use]
    pub const fn deadline(self, now: Instant) -> Deadline {
        Deadline::after(self.0, now)
    }
}

impl fmt::Display for TimeLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = saturating_nanos(self.0);
        let fits = |(_, unit): &&(u8, u64)| nanos / unit <= MOST_NUMBER;
        let (name, unit) = UNITS.iter().find(fits).copied().unwrap_or((b'H', u64::MAX));
        write!(f, "{}{}", nanos / unit, char::from(name))
    }
}

impl FromStr for TimeLeft {
    type Err = NoTimeLeft;

    fn from_str(header: &str) -> Result<Self, NoTimeLeft> {
        let (name, digits) = header.as_bytes().split_last().ok_or(NoTimeLeft)?;
        let (_, unit) = UNITS.iter().find(|(unit, _)| unit == name).ok_or(NoTimeLeft)?;
        if digits.is_empty() || digits.len() > MOST_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
            return Err(NoTimeLeft);
        }
        let number = digits.iter().fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
        Ok(Self(Duration::from_nanos(number.saturating_mul(*unit))))
    }
}

impl fmt::Display for NoTimeLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the header says no time: it must be up to eight digits and one of H, M, S, m, u, n")
    }
}

impl core::error::Error for NoTimeLeft {}

#[cfg(all(test, not(fusebox_loom)))]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_inner_deadline_is_never_later_than_the_outer_one() {
        let (soon, late) =
            (Deadline::after(seconds(1), Instant::ORIGIN), Deadline::after(seconds(9), Instant::ORIGIN));
        assert_eq!((soon.earlier(late), late.earlier(soon)), (soon, soon));
        assert_eq!((soon.earlier(Deadline::NONE), Deadline::NONE.earlier(soon)), (soon, soon));
        assert_eq!(Deadline::NONE.left_at(Instant::ORIGIN), None);
    }

    #[test]
    fn to_end_exactly_at_the_deadline_is_in_time() {
        let deadline = Deadline::after(seconds(3), Instant::ORIGIN);
        assert!(deadline.allows(seconds(3), Instant::ORIGIN));
        assert!(!deadline.allows(seconds(3) + Duration::from_nanos(1), Instant::ORIGIN));
        assert!(deadline.allows(Duration::ZERO, Instant::from_nanos(3_000_000_000)));
        assert!(!deadline.allows(Duration::ZERO, Instant::from_nanos(3_000_000_001)), "it has passed");
        assert!(deadline.is_over_at(Instant::from_nanos(3_000_000_000)));
        assert!(!deadline.is_over_at(Instant::from_nanos(2_999_999_999)));
    }

    #[test]
    fn a_header_never_says_more_than_is_left() {
        for nanos in [0, 1, 99_999_999, 100_000_000, 100_000_999, 99_999_999_999, 3_600_000_000_001, u64::MAX]
        {
            let left = TimeLeft(Duration::from_nanos(nanos));
            let header = left.to_string();
            assert!(header.len() <= 9, "{header}");
            let read: TimeLeft = header.parse().unwrap();
            assert!(read <= left, "{header}");
            assert!(
                left.0.saturating_sub(read.0) <= left.0 / 100_000,
                "{header} is short by a hundred thousandth at most"
            );
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for bad in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            " 1S",
            "1 S",
            "123456789S",
            "1.5S",
            "١S",
            "99999999999999999999n",
        ] {
            assert_eq!(bad.parse::<TimeLeft>(), Err(NoTimeLeft), "{bad:?}");
        }
        assert_eq!(
            "99999999H".parse::<TimeLeft>().map(TimeLeft::duration),
            Ok(Duration::from_nanos(u64::MAX))
        );
    }
}
