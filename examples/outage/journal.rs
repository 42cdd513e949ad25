//! What the breaker told of itself: an observer that keeps every change of state, for the screen and the picture.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fusebox::breaker::{Change, Event, State};
use fusebox::observe::Observer;
use fusebox::time::Instant;

#[derive(Debug)]
pub struct Journal {
    changes: Mutex<Vec<Change>>,
}

/// A change of state, told on the clock of the run.
#[derive(Debug, Clone, Copy)]
pub struct Transition {
    pub at: Duration,
    pub change: Change,
}

/// A state and how long it lasted.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub state: State,
    pub from: Duration,
    pub to: Duration,
}

impl Journal {
    pub const fn new() -> Self {
        Self { changes: Mutex::new(Vec::new()) }
    }

    /// Every change since the run began, in order of time: two threads may tell theirs out of order.
    pub fn since(&self, began: Instant) -> Vec<Transition> {
        let mut changes: Vec<_> = self.lock().iter().copied().filter(|change| change.at >= began).collect();
        changes.sort_by_key(|change| change.at);
        changes
            .into_iter()
            .map(|change| Transition { at: change.at.saturating_since(began), change })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer<Event> for Journal {
    fn notice(&self, event: &Event) {
        // A lock is no burden here: it is taken only when the state changes.
        if let Event::Changed(change) = event {
            self.lock().push(*change);
        }
    }
}

/// The states one after another, from the beginning of the run to `end`.
pub fn spans(transitions: &[Transition], end: Duration) -> Vec<Span> {
    let mut spans = Vec::with_capacity(transitions.len() + 1);
    let mut now = Span { state: State::Closed, from: Duration::ZERO, to: end };
    for transition in transitions.iter().filter(|transition| transition.at < end) {
        spans.push(Span { to: transition.at, ..now });
        now = Span { state: transition.change.to, from: transition.at, to: end };
    }
    spans.push(now);
    spans
}
