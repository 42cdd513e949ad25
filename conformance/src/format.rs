//! What a suite of traces looks like: every key that `FORMAT.md` names, and no other.
//!
//! A suite holds its traces as they were written, a trace its steps, so that what is malformed fails alone
//! and is told with its own name and number.

use core::fmt;
use core::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

/// The one version of the format there is.
pub const FORMAT: u64 = 1;

/// One file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    pub format: u64,
    pub primitive: String,
    pub traces: Vec<Box<RawValue>>,
}

/// One trace, whatever its primitive.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    #[expect(dead_code, reason = "every trace has one; it is told even of those that cannot be read")]
    pub name: String,
    pub config: Box<RawValue>,
    #[serde(default, deserialize_with = "present")]
    pub steps: Option<Vec<Box<RawValue>>>,
    #[serde(default, deserialize_with = "present")]
    pub expect_error: Option<String>,
}

/// What a trace is to show: that its config is refused, or that its steps go as written.
#[derive(Debug)]
pub enum Claim {
    Refused(String),
    Steps(Vec<Box<RawValue>>),
}

impl Trace {
    /// The claim, where the trace makes exactly one.
    pub fn claim(self) -> Result<Claim, String> {
        match (self.expect_error, self.steps) {
            (Some(field), None) => Ok(Claim::Refused(field)),
            (None, Some(steps)) if steps.is_empty() => Err("a trace without a step shows nothing".into()),
            (None, Some(steps)) => Ok(Claim::Steps(steps)),
            (Some(_), Some(_)) => Err("a trace has either `steps` or `expect_error`, not both".into()),
            (None, None) => Err("a trace needs `steps` or `expect_error`".into()),
        }
    }
}

/// A duration, or an instant counted from the making of the primitive: `"1s 250ms"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// The span in nanoseconds, where a clock of 64 bits can show it.
    pub fn instant(self) -> Result<u64, String> {
        u64::try_from(self.0.as_nanos()).map_err(|_| format!("`{self}` is past the end of the clock"))
    }

    /// Reads whole numbers with units, separated by blanks.
    fn parse(text: &str) -> Option<Self> {
        let mut total = Duration::ZERO;
        let mut parts = text.split(' ').filter(|part| !part.is_empty()).peekable();
        parts.peek()?;
        for part in parts {
            total = total.checked_add(Self::part(part)?)?;
        }
        Some(Self(total))
    }

    /// Reads one whole number with its unit: `"250ms"`.
    fn part(part: &str) -> Option<Duration> {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = part.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let seconds = |each: u64| number.checked_mul(each).map(Duration::from_secs);
        match unit {
            "ns" => Some(Duration::from_nanos(number)),
            "us" => Some(Duration::from_micros(number)),
            "ms" => Some(Duration::from_millis(number)),
            "s" => seconds(1),
            "m" => seconds(60),
            "h" => seconds(60 * 60),
            "d" => seconds(24 * 60 * 60),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is no duration: whole numbers with units ns us ms s m h d"))
        })
    }
}

/// As the format writes it, so that what was seen can be pasted into a trace.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        match (seconds, nanos) {
            (0, 0) => write!(f, "0s"),
            (_, 0) => write!(f, "{seconds}s"),
            (0, _) => write!(f, "{nanos}ns"),
            _ => write!(f, "{seconds}s {nanos}ns"),
        }
    }
}

/// An optional key that, where it stands, holds a value: `null` is none.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What must be told afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected<T> {
    /// The key is left out.
    #[default]
    Anything,
    /// `null`: nothing is told.
    Nothing,
    Is(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Expected<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Nothing, Self::Is))
    }
}

#[cfg(test)]
mod tests {
    use super::Span;
    use core::time::Duration;

    #[test]
    fn a_span_is_whole_numbers_with_units() {
        let read = |text| Span::parse(text).map(|span| span.0);
        assert_eq!(read("0s"), Some(Duration::ZERO));
        assert_eq!(read("1s 250ms"), Some(Duration::from_millis(1250)));
        assert_eq!(read("1d 1h 1m 1s 1ms 1us 1ns"), Some(Duration::new(90_061, 1_001_001)));
        assert_eq!(read("18446744073709551615ns"), Some(Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn anything_else_is_no_span() {
        let strange = [
            "",
            " ",
            "1",
            "s",
            "1.5s",
            "-1s",
            "+1s",
            "1 s",
            "1sec",
            "1S",
            "1s,2ms",
            "1s2ms",
            "99999999999999999999s",
        ];
        for text in strange {
            assert_eq!(Span::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_span_is_told_as_it_is_written() {
        for text in ["0s", "5s", "7ns", "9s 999999999ns"] {
            assert_eq!(Span::parse(text).map(|span| span.to_string()).as_deref(), Some(text));
        }
    }
}
