//! Any header: it panics nowhere, waits no longer than the cap, reads digits as seconds and dates as what is left until then, and takes
//! nothing else.

use core::time::Duration;

use arbitrary::Arbitrary;
use fusebox::retry::retry_after;

/// A header, the time it is read at, and the cap.
#[derive(Arbitrary, Debug)]
pub struct Reading {
    header: Header,
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only dates want the time"))]
    now: Moment,
    cap: Cap,
}

#[derive(Arbitrary, Debug)]
enum Header {
    Any(String),
    Number {
        before: Blanks,
        digits: Digits,
        after: Blanks,
    },
    Date {
        at: Moment,
        form: Form,
    },
    /// A date with one letter that is another.
    Garbled {
        at: Moment,
        form: Form,
        place: u8,
        letter: u8,
    },
}

#[derive(Arbitrary, Debug)]
enum Digits {
    Few(u16),
    Any(u64),
    /// So many zeros before it.
    Zeros(u8, u64),
    /// More than fit.
    Long(u128),
}

/// Which blanks, and how many.
#[derive(Arbitrary, Debug)]
struct Blanks(u8);

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Form {
    Fixed,
    /// With a year of two digits.
    Rfc850,
    Asctime,
}

/// Seconds of the epoch: up to the last second of the year 9999.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Moment {
    Soon(u16),
    Near(u32),
    Far(u64),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Cap {
    Seconds(u16),
    Any(Duration),
    None,
}

const LAST: u64 = 253_402_300_799;

impl Reading {
    pub fn check(&self) {
        let (header, cap) = (self.header.text(), self.cap.get());
        let read = retry_after(&header, cap);
        assert!(read.is_none_or(|wait| wait <= cap), "{header:?} is waited for {read:?}, beyond {cap:?}");
        if let Some(seconds) = plain_seconds(&header) {
            assert_eq!(read, Some(seconds.min(cap)), "{header:?}");
        } else if !header.contains(':') {
            assert_eq!(read, None, "{header:?} is neither a number nor a date");
        }
        #[cfg(feature = "http")]
        self.check_date(&header, cap);
    }

    #[cfg(feature = "http")]
    fn check_date(&self, header: &str, cap: Duration) {
        use std::time::SystemTime;
        let now = self.now.seconds();
        let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        let read = fusebox::retry::retry_after_at(header, clock, cap);
        assert!(read.is_none_or(|wait| wait <= cap), "{header:?} is waited for {read:?}, beyond {cap:?}");
        if let Some(seconds) = plain_seconds(header) {
            assert_eq!(read, Some(seconds.min(cap)), "{header:?}");
        }
        if let Header::Date { at, form } = &self.header {
            // Two digits say too little of most years.
            if !matches!(form, Form::Rfc850) || at.seconds() < 3_155_760_000 {
                let left = Duration::from_secs(at.seconds().saturating_sub(now));
                assert_eq!(read, Some(left.min(cap)), "{header:?} at {now}");
            }
        }
    }
}

/// What a person would read: digits, and blanks around them.
fn plain_seconds(header: &str) -> Option<Duration> {
    let digits = header.trim_matches([' ', '\t', '\n', '\r', '\x0c']);
    let mut seconds = 0_u64;
    for letter in digits.chars() {
        let digit = u64::from(letter.to_digit(10)?);
        seconds = seconds.saturating_mul(10).saturating_add(digit);
    }
    (!digits.is_empty()).then_some(Duration::from_secs(seconds))
}

impl Header {
    fn text(&self) -> String {
        match self {
            Self::Any(text) => text.clone(),
            Self::Number { before, digits, after } => {
                format!("{}{}{}", before.text(), digits.text(), after.text())
            }
            Self::Date { at, form } => form.text(at.seconds()),
            Self::Garbled { at, form, place, letter } => {
                let mut text = form.text(at.seconds()).into_bytes();
                let place = usize::from(*place) % text.len();
                text[place] = letter % 128;
                String::from_utf8(text).unwrap_or_default()
            }
        }
    }
}

impl Digits {
    fn text(&self) -> String {
        match self {
            Self::Few(number) => number.to_string(),
            Self::Any(number) => number.to_string(),
            Self::Zeros(zeros, number) => format!("{}{number}", "0".repeat((*zeros).into())),
            Self::Long(number) => number.to_string(),
        }
    }
}

impl Blanks {
    fn text(&self) -> String {
        let blank = [" ", "\t", "\n", "\r", "\x0c", "\x0b", "\u{a0}", ""][usize::from(self.0 % 8)];
        blank.repeat(usize::from(self.0 / 8) % 4)
    }
}

impl Moment {
    fn seconds(self) -> u64 {
        match self {
            Self::Soon(seconds) => 784_111_777 + u64::from(seconds),
            Self::Near(seconds) => seconds.into(),
            Self::Far(seconds) => seconds % (LAST + 1),
        }
    }
}

impl Cap {
    fn get(self) -> Duration {
        match self {
            Self::Seconds(seconds) => Duration::from_secs(seconds.into()),
            Self::Any(cap) => cap,
            Self::None => Duration::MAX,
        }
    }
}

impl Form {
    /// The date as the three forms of RFC 9110, section 5.6.7, have it.
    fn text(self, seconds: u64) -> String {
        const DAYS: [&str; 7] =
            ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date(days);
        let weekday = DAYS[usize::try_from(days % 7).unwrap_or(0)];
        let (name, short) = (MONTHS[month], &weekday[..3]);
        let time = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
        match self {
            Self::Fixed => format!("{short}, {day:02} {name} {year:04} {time} GMT"),
            Self::Rfc850 => format!("{weekday}, {day:02}-{name}-{:02} {time} GMT", year % 100),
            Self::Asctime => format!("{short} {name} {day:>2} {time} {year:04}"),
        }
    }
}

/// Year, month from 0 and day, counted off one by one.
fn date(mut days: u64) -> (u64, usize, u64) {
    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    loop {
        let of_year = if leap(year) { 366 } else { 365 };
        if days < of_year {
            break;
        }
        days -= of_year;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 0;
    for of_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < of_month {
            break;
        }
        days -= of_month;
        month += 1;
    }
    (year, month, days + 1)
}
