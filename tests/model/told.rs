//! What a breaker told of one operation, taken in order: each event is asked for, and none may be left over.

use fusebox::breaker::{Change, Event, Failure, NearTrip, Rejected};

/// Returns with what is wrong where a condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(format!($($words)+));
        }
    };
}
pub(crate) use ensure;

/// What is wrong.
pub type Wrong = String;

/// The events of one operation that are not accounted for yet.
#[derive(Debug)]
pub struct Told<'a>(&'a [Event]);

macro_rules! next {
    ($name:ident, $variant:ident, $event:ty) => {
        pub fn $name(&mut self) -> Result<$event, Wrong> {
            match self.0.split_first() {
                Some((Event::$variant(told), rest)) => {
                    self.0 = rest;
                    Ok(*told)
                }
                other => Err(format!(
                    "should tell {}, told {:?}",
                    stringify!($variant),
                    other.map(|(next, _)| next)
                )),
            }
        }
    };
}

impl<'a> Told<'a> {
    pub fn new(events: &'a [Event]) -> Self {
        Self(events)
    }

    next!(rejected, Rejected, Rejected);
    next!(would_reject, WouldReject, Rejected);
    next!(failure, Failure, Failure);
    next!(near_trip, NearTrip, NearTrip);
    next!(change, Changed, Change);

    /// The change that is told next, if one is.
    pub fn peek(&self) -> Option<Change> {
        match self.0.first() {
            Some(Event::Changed(change)) => Some(*change),
            _ => None,
        }
    }

    /// Of the instants at which a change may have taken effect, the one that the last change told.
    pub fn nearest<const N: usize>(&self, candidates: [i128; N]) -> i128 {
        let change = self.0.iter().rev().find_map(|event| match event {
            Event::Changed(change) => Some(i128::from(change.at.as_nanos())),
            _ => None,
        });
        let nearest =
            change.and_then(|told| candidates.into_iter().min_by_key(|candidate| candidate.abs_diff(told)));
        nearest.unwrap_or(candidates[0])
    }

    pub fn nothing_more(self) -> Result<(), Wrong> {
        ensure!(self.0.is_empty(), "told what nobody asked for: {:?}", self.0);
        Ok(())
    }
}
