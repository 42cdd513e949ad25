//! The observer of a run: what it was told since it was last asked, in order.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use fusebox::breaker::{Change, Event, FailureKind, State, Why};
use fusebox::observe::Observer;

use super::script::EventName;

/// Keeps what it is told.
#[derive(Debug, Default)]
pub struct Log(Mutex<Vec<Event>>);

impl Log {
    /// What was told since the last time.
    pub fn take(&self) -> Vec<Event> {
        core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer<Event> for Log {
    fn notice(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(*event);
    }
}

/// The events by their names in the format. A restore makes a new breaker and is no event of it.
pub fn names(events: &[Event]) -> Vec<EventName> {
    events.iter().filter(|event| !is_restore(event)).map(name).collect()
}

fn is_restore(event: &Event) -> bool {
    matches!(event, Event::Changed(Change { why: Why::Restored, .. }))
}

fn name(event: &Event) -> EventName {
    match event {
        Event::Rejected(_) => EventName::Rejected,
        Event::NearTrip(_) => EventName::NearTrip,
        Event::Failure(failure) if failure.kind == FailureKind::Slow => EventName::Slow,
        Event::Failure(_) => EventName::Failure,
        Event::Changed(Change { why: Why::Reset, .. }) => EventName::Reset,
        Event::Changed(change) => match change.to {
            State::Closed => EventName::Closed,
            State::Open => EventName::Opened,
            State::HalfOpen => EventName::HalfOpened,
            State::Recovering => EventName::Recovering,
            State::ForcedOpen => EventName::ForcedOpen,
            State::Disabled => EventName::Disabled,
        },
        // What a breaker in shadow tells, and what the format does not know yet.
        _ => EventName::Unnamed,
    }
}

/// How long it was out, where one of these events closed it.
pub fn outage(events: &[Event]) -> Option<Duration> {
    let closing = |event: &Event| match event {
        Event::Changed(change) if !is_restore(event) => change.outage,
        _ => None,
    };
    events.iter().rev().find_map(closing)
}
