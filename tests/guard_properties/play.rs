//! A script is played: a small executor polls the calls that are under way, in the order it is told, once a millisecond and again
//! for as long as somebody ends.

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fusebox::fallback::{By, Served};
use fusebox::guard::{Counts, Error};
use fusebox::pressure::Priority;
use fusebox::retry::{Report, Stopped};
use fusebox::time::{Clock as _, Instant, ManualClock};
use fusebox::timeout::Deadline;

use super::layers::{Failure, Guarded, Parts};
use super::script::{Ask, End, Script, Shift, Way, millis};

/// Longer than any call lasts.
const PATIENCE: u32 = 60_000;

/// What calls came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Live,
    Cached,
    Defaulted,
    Shed,
    Limited,
    Rejected,
    TimedOut,
    Failed,
    Shared,
    /// It panicked, or was dropped.
    Cancelled,
}

/// What attempts came to.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    pub begun: Cell<u64>,
    pub good: Cell<u64>,
    pub bad: Cell<u64>,
    pub panicked: Cell<u64>,
    /// Dropped before they ended: cut off, or with their call.
    pub dropped: Cell<u64>,
}

/// What is shared by all calls of a script.
pub struct World<'a> {
    pub clock: &'a ManualClock,
    pub attempts: Attempts,
    /// What went wrong where nobody could panic.
    pub wrong: RefCell<Vec<String>>,
}

/// One call.
pub struct Seat {
    pub ask: Ask,
    calls: Cell<u32>,
    /// From its first poll.
    due: Cell<Option<Instant>>,
    until: Cell<Option<Instant>>,
}

type Running<'a> = Pin<Box<dyn Future<Output = Ended> + 'a>>;

struct Under<'a> {
    seat: &'a Seat,
    call: Option<Running<'a>>,
    polls: u32,
}

/// All that a script came to.
pub struct Played {
    pub counts: Counts,
    pub ended: Vec<Ended>,
}

fn add(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

/// An attempt under way.
struct Inside<'a>(&'a Attempts, bool);

impl Inside<'_> {
    const fn is_over(&mut self) {
        self.1 = true;
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        match (self.1, std::thread::panicking()) {
            (true, _) => {}
            (false, true) => add(&self.0.panicked),
            (false, false) => add(&self.0.dropped),
        }
    }
}

impl Seat {
    pub fn of(ask: &Ask) -> Self {
        Self { ask: ask.clone(), calls: Cell::new(0), due: Cell::new(None), until: Cell::new(None) }
    }

    /// A further attempt of this call.
    fn attempt<'a>(
        &'a self,
        world: &'a World<'_>,
        script: &Script,
    ) -> impl Future<Output = Result<u32, Failure>> + 'a {
        let number = self.calls.get();
        self.calls.set(number + 1);
        add(&world.attempts.begun);
        if number >= script.layers.attempts() {
            world.complain(format!("attempt {number} of a call that may make {}", script.layers.attempts()));
        }
        if let Some(due) = self.due.get().filter(|due| world.clock.now() > *due && script.goes_on()) {
            world.complain(format!("an attempt began at {:?}, due was {due:?}", world.clock.now()));
        }
        let (took, end) = self.ask.attempt(number as usize);
        let never = end == End::Never && script.layers.cuts_off();
        let mut inside = Inside(&world.attempts, false);
        if end == End::PanicAtOnce {
            resume_unwind(Box::new("at once"));
        }
        async move {
            if never {
                core::future::pending::<()>().await;
            }
            if !took.is_zero() {
                fusebox::sleep::Sleep::sleep(&world.clock, took).await;
            }
            if end == End::Panic {
                resume_unwind(Box::new("on its way"));
            }
            inside.is_over();
            let result = match end {
                End::Good => Ok(7),
                End::After(wait) => Err(Failure::After(millis(wait))),
                End::Permanent => Err(Failure::Permanent),
                _ => Err(Failure::Transient),
            };
            add(if result.is_ok() { &world.attempts.good } else { &world.attempts.bad });
            result
        }
    }

    fn begin<'a>(
        &'a self,
        world: &'a World<'_>,
        script: &'a Script,
        guard: &'a Guarded<'a>,
        parts: &'a Parts<'a>,
    ) -> Running<'a> {
        let attempt = move || self.attempt(world, script);
        match self.ask.way {
            Way::Call => Box::pin(async move { of(guard.call(attempt).await.map(Served::live)) }),
            Way::Detailed => Box::pin(async move {
                let report = guard.call_detailed(attempt).await;
                self.check(&report, world, script);
                of(report.result.map(Served::live))
            }),
            Way::Until(left) => {
                let until = Deadline::after(millis(left), world.clock.now());
                self.until.set(until.instant());
                Box::pin(
                    async move { of(guard.call_until(until, move |_| attempt()).await.map(Served::live)) },
                )
            }
            Way::OrElse => Box::pin(async move { of(guard.call_or_else(attempt, |_| 0).await) }),
            Way::Backed(key) => {
                Box::pin(async move { of(guard.backed_by(&parts.cache).call(&(key % 3), attempt).await) })
            }
        }
    }

    fn check(&self, report: &Report<u32, Error<Failure>>, world: &World<'_>, script: &Script) {
        let most = script.layers.attempts();
        let outside = matches!(report.result, Err(Error::Shed(_) | Error::Limited(_)));
        if report.attempts > most || report.attempts < self.calls.get() {
            world.complain(format!("{report:?}, and it was called {} times", self.calls.get()));
        }
        if report.result.is_ok() != (report.stopped == Stopped::Success) || (outside && report.attempts > 0) {
            world.complain(format!("{report:?}"));
        }
    }
}

fn of(result: Result<Served<u32>, Error<Failure>>) -> Ended {
    match result {
        Ok(Served { by: By::Live, .. }) => Ended::Live,
        Ok(Served { by: By::Default, .. }) => Ended::Defaulted,
        Ok(_) => Ended::Cached,
        Err(Error::Shed(_)) => Ended::Shed,
        Err(Error::Limited(_)) => Ended::Limited,
        Err(Error::Rejected(_)) => Ended::Rejected,
        Err(Error::TimedOut(_)) => Ended::TimedOut,
        Err(Error::Inner(_)) => Ended::Failed,
        Err(_) => Ended::Shared,
    }
}

impl World<'_> {
    pub fn complain(&self, what: String) {
        self.wrong.borrow_mut().push(what);
    }
}

impl Under<'_> {
    /// Whether it holds a slot, if there are any: who waits for another's call does not.
    fn holds(&self) -> bool {
        let waits = matches!(self.seat.ask.way, Way::Backed(_)) && self.seat.calls.get() == 0;
        self.call.is_some() && self.polls > 0 && !waits
    }

    /// Polls it; what it came to.
    fn poll(&mut self, world: &World<'_>, script: &Script) -> Option<Ended> {
        let call = self.call.as_mut()?;
        let now = world.clock.now();
        if self.polls == 0 {
            let own = script.layers.deadline.map(|own| now.saturating_add(millis(own.max(1))));
            self.seat.due.set([own, self.seat.until.get()].into_iter().flatten().min());
        }
        self.polls += 1;
        let context = &mut Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        let ended = match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(ended)) => Some(ended),
            Err(_) => Some(Ended::Cancelled),
        };
        let dropped = self.seat.ask.polls.is_some_and(|polls| self.polls >= u32::from(polls).max(1));
        let ended = ended.or(dropped.then_some(Ended::Cancelled))?;
        self.call = None;
        let outside = matches!(ended, Ended::Shed | Ended::Limited);
        if outside && self.seat.calls.get() > 0 {
            world.complain(format!("{ended:?}, but it was called"));
        }
        if let Some(due) = self.seat.due.get().filter(|due| now > *due && script.is_steady()) {
            world.complain(format!("{ended:?} at {now:?}, due was {due:?}"));
        }
        Some(ended)
    }
}

/// Plays it to its end.
pub fn play<'a>(
    script: &'a Script,
    seats: &'a [Seat],
    world: &'a World<'_>,
    guard: &'a Guarded<'a>,
    parts: &'a Parts<'a>,
) -> Played {
    let mut stage = Stage { script, world, parts, under: Vec::new(), ended: Vec::new(), order: 0 };
    for seat in seats {
        (0..seat.ask.after % 64).for_each(|_| stage.millisecond());
        match seat.ask.clock {
            Shift::None => {}
            Shift::Jump(by) => world.clock.advance(millis(by)),
            Shift::Back(by) => {
                let now = world.clock.now().saturating_since(Instant::ORIGIN);
                world.clock.set(Instant::ORIGIN.saturating_add(now.saturating_sub(millis(by))));
            }
        }
        stage.order = seat.ask.order.into();
        let call = Some(seat.begin(world, script, guard, parts));
        stage.under.push(Under { seat, call, polls: 0 });
        stage.round();
    }
    for _ in 0..PATIENCE {
        if stage.under.is_empty() {
            return Played { counts: guard.counts(), ended: stage.ended };
        }
        stage.millisecond();
    }
    panic!("somebody never ends: {:?}", stage.under[0].seat.ask);
}

struct Stage<'a> {
    script: &'a Script,
    world: &'a World<'a>,
    parts: &'a Parts<'a>,
    under: Vec<Under<'a>>,
    ended: Vec<Ended>,
    order: usize,
}

impl Stage<'_> {
    fn millisecond(&mut self) {
        self.world.clock.advance(Duration::from_millis(1));
        self.round();
    }

    /// Polls everybody, and again while somebody ends: others may have waited for that.
    fn round(&mut self) {
        loop {
            let before = self.ended.len();
            for turn in 0..self.under.len() {
                let index = (self.order + turn) % self.under.len();
                self.ended.extend(self.under[index].poll(self.world, self.script));
                self.slots();
            }
            self.under.retain(|under| under.call.is_some());
            if self.ended.len() == before {
                return;
            }
        }
    }

    /// As many are taken as there are calls that hold one.
    fn slots(&self) {
        let Some(shedder) = &self.parts.shedder else { return };
        let held = self.under.iter().filter(|under| under.holds()).count();
        let look = shedder.look();
        assert_eq!(look.depth as usize, held);
        assert!(look.depth <= shedder.limit(Priority::Critical));
    }
}
