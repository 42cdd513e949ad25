//! What a run says of a trace: that it passed, or where and how it did not.

use core::fmt;

use crate::format::{Expected, Span};

/// One expectation that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub key: &'static str,
    pub expected: String,
    pub seen: String,
}

/// Why a trace failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step, counted from 1; none where the trace as a whole is at fault.
    pub step: Option<usize>,
    pub what: What,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The trace is not of the format: it was not run.
    Malformed(String),
    /// The step asks for what cannot be done: a permit that nobody holds.
    Impossible(String),
    /// The config that was to be refused was built, or the other way round.
    Config(Mismatch),
    /// It was done, and something else was seen.
    Seen { how: String, mismatches: Vec<Mismatch> },
}

impl Failure {
    pub fn malformed(step: Option<usize>, why: impl fmt::Display) -> Self {
        Self { step, what: What::Malformed(why.to_string()) }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, seen {}", self.key, self.expected, self.seen)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.step {
            write!(f, "step {step}: ")?;
        }
        match &self.what {
            What::Malformed(why) => write!(f, "malformed: {why}"),
            What::Impossible(why) => f.write_str(why),
            What::Config(mismatch) => write!(f, "{mismatch}"),
            What::Seen { how, mismatches } => {
                for (number, mismatch) in mismatches.iter().enumerate() {
                    write!(f, "{}{mismatch}", if number == 0 { "" } else { "; " })?;
                }
                write!(f, " ({how})")
            }
        }
    }
}

/// Puts a value beside what was expected of it, in the words of the format.
#[derive(Debug, Default)]
pub struct Comparison(Vec<Mismatch>);

impl Comparison {
    /// `seen` is nothing told, or a value.
    pub fn of<T: PartialEq + Words>(&mut self, key: &'static str, expected: &Expected<T>, seen: Option<T>) {
        let (holds, expected) = match (expected, &seen) {
            (Expected::Anything, _) | (Expected::Nothing, None) => return,
            (Expected::Nothing, Some(_)) => (false, "null".into()),
            (Expected::Is(value), seen) => (seen.as_ref() == Some(value), value.words()),
        };
        if !holds {
            let seen = seen.map_or_else(|| "null".into(), |value| value.words());
            self.0.push(Mismatch { key, expected, seen });
        }
    }

    /// `seen` is a number no greater.
    pub fn at_most(&mut self, key: &'static str, expected: &Expected<u64>, seen: Option<u64>) {
        match (expected, seen) {
            (Expected::Is(most), Some(seen)) if seen <= *most => {}
            _ => self.of(key, expected, seen),
        }
    }

    /// `seen` lies between the two, or is one of them.
    pub fn within<T: PartialOrd + Words>(
        &mut self,
        key: &'static str,
        expected: &Expected<[T; 2]>,
        seen: Option<T>,
    ) {
        let (holds, expected) = match (expected, &seen) {
            (Expected::Anything, _) | (Expected::Nothing, None) => return,
            (Expected::Nothing, Some(_)) => (false, "null".into()),
            (Expected::Is([low, high]), seen) => {
                let holds = seen.as_ref().is_some_and(|seen| low <= seen && seen <= high);
                (holds, format!("[{}, {}]", low.words(), high.words()))
            }
        };
        if !holds {
            let seen = seen.map_or_else(|| "null".into(), |value| value.words());
            self.0.push(Mismatch { key, expected, seen });
        }
    }

    /// What was compared elsewhere, and does not hold.
    pub fn differs(&mut self, key: &'static str, expected: String, seen: String) {
        self.0.push(Mismatch { key, expected, seen });
    }

    pub fn end(self) -> Vec<Mismatch> {
        self.0
    }
}

/// How a value stands in a trace.
pub trait Words {
    fn words(&self) -> String;
}

impl Words for bool {
    fn words(&self) -> String {
        self.to_string()
    }
}

impl Words for u64 {
    fn words(&self) -> String {
        self.to_string()
    }
}

impl Words for Span {
    fn words(&self) -> String {
        format!("\"{self}\"")
    }
}

impl<T: Words> Words for Vec<T> {
    fn words(&self) -> String {
        format!("[{}]", self.iter().map(Words::words).collect::<Vec<_>>().join(", "))
    }
}
