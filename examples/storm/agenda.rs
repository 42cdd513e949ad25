//! Virtual time: a clock that stands still until nothing is left to do, and the agenda of what comes next. Futures are polled by
//! hand; the library sleeps here as it would with a runtime, and no thread ever does.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fusebox::sleep::Sleep;
use fusebox::time::{Clock, Instant, ManualClock};

use crate::world::nanos;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The client makes its next call.
    Calls {
        client: u32,
    },
    /// The future of this call has something to do.
    Wakes {
        call: usize,
    },
    /// The service has done this work.
    Works {
        job: usize,
    },
    Dies,
    Returns,
}

pub struct Agenda {
    clock: ManualClock,
    /// Of two at the same instant, the one that was planned first.
    events: RefCell<BinaryHeap<Reverse<(u64, u64, Event)>>>,
    planned: Cell<u64>,
    /// The call whose future is being polled.
    polled: Cell<usize>,
}

impl Agenda {
    pub fn new() -> Self {
        Self {
            clock: ManualClock::new(),
            events: RefCell::new(BinaryHeap::new()),
            planned: Cell::new(0),
            polled: Cell::new(0),
        }
    }

    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    pub fn now(&self) -> u64 {
        self.clock.now().as_nanos()
    }

    pub fn plan(&self, at: u64, event: Event) {
        self.planned.set(self.planned.get() + 1);
        self.events.borrow_mut().push(Reverse((at, self.planned.get(), event)));
    }

    /// Moves the clock to what comes next.
    pub fn next(&self) -> Option<Event> {
        let Reverse((at, _, event)) = self.events.borrow_mut().pop()?;
        self.clock.set(Instant::from_nanos(at));
        Some(event)
    }

    /// Polls the future of this call; whom it waits for will plan that it wakes.
    pub fn poll<T>(&self, call: usize, future: Pin<&mut dyn Future<Output = T>>) -> Poll<T> {
        self.polled.set(call);
        future.poll(&mut Context::from_waker(std::task::Waker::noop()))
    }

    /// The call whose future is being polled.
    pub fn polled(&self) -> usize {
        self.polled.get()
    }
}

impl<'a> Sleep for &'a Agenda {
    type Wait = Wait<'a>;

    fn sleep(&self, duration: Duration) -> Wait<'a> {
        Wait { agenda: self, due: self.now().saturating_add(nanos(duration)), planned: false }
    }
}

/// A wait in virtual time.
pub struct Wait<'a> {
    agenda: &'a Agenda,
    due: u64,
    planned: bool,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.agenda.now() >= self.due {
            return Poll::Ready(());
        }
        if !self.planned {
            self.planned = true;
            self.agenda.plan(self.due, Event::Wakes { call: self.agenda.polled() });
        }
        Poll::Pending
    }
}
