//! The ways to retry a call that are put to the test, through public methods: each runs one call in virtual time.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use fusebox::retry::{BlockingRetryable, Class, Course, Next, Plan, Policy, Report, Retryable, Stopped};
use fusebox::time::{Clock, Instant, ManualClock};

use super::script::Step;

/// Who drives the retries.
#[derive(Clone, Copy, Debug)]
pub enum Driver {
    /// A loop of our own, which tells the course what time it is.
    Course,
    /// The same loop, which does not.
    Clockless,
    /// The library, blocking its thread.
    Blocking,
    /// The library, in a future that is polled by hand.
    Future,
}

impl Driver {
    pub const ALL: [Self; 4] = [Self::Course, Self::Clockless, Self::Blocking, Self::Future];
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Course => "a course by hand",
            Self::Clockless => "a course by hand without a clock",
            Self::Blocking => "a blocking call",
            Self::Future => "a future",
        })
    }
}

/// What one run showed.
#[derive(Clone, Debug)]
pub struct Seen {
    pub result: Result<(), Class>,
    pub attempts: u32,
    pub waited: Duration,
    pub stopped: Stopped,
    /// Calls that were really made.
    pub calls: u32,
    /// What was slept.
    pub delays: Vec<Duration>,
    /// What was told of before it was slept.
    pub told: Vec<Duration>,
}

impl Seen {
    fn of(report: Report<(), Class>, calls: u32, delays: Vec<Duration>, told: Vec<Duration>) -> Self {
        let Report { result, attempts, waited, stopped, .. } = report;
        Self { result, attempts, waited, stopped, calls, delays, told }
    }
}

/// Runs the step's call; the seed is of its jitter, the system's entropy where there is none.
pub fn run(driver: Driver, policy: Policy, seed: Option<u64>, step: &Step) -> Result<Seen, String> {
    match seed {
        Some(seed) => run_on(driver, &policy.seeded(seed), step),
        None => run_on(driver, &policy, step),
    }
}

fn run_on(driver: Driver, plan: &impl Plan, step: &Step) -> Result<Seen, String> {
    let begin = Instant::from_nanos(step.at);
    match driver {
        Driver::Course => Ok(by_hand(plan, step, Some(begin))),
        Driver::Clockless => Ok(by_hand(plan, step, None)),
        Driver::Blocking => Ok(blocking(plan, step, begin)),
        Driver::Future => polled(plan, step, begin),
    }
}

fn by_hand(plan: &impl Plan, step: &Step, begin: Option<Instant>) -> Seen {
    let mut course = begin.map_or_else(|| Course::new(plan), |begin| Course::begun_at(plan, begin));
    let (mut now, mut calls, mut delays) = (begin, 0, Vec::new());
    let (result, stopped) = loop {
        let result = step.result(calls);
        calls += 1;
        let Err(class) = result else { break (result, Stopped::Success) };
        match course.failed(class, now, &()) {
            Next::Wait(delay) => {
                delays.push(delay);
                now = now.map(|now| now.saturating_add(delay));
            }
            Next::Stop(stopped) => break (result, stopped),
        }
    };
    let attempts = course.attempts() + u32::from(result.is_ok());
    let told = delays.clone();
    Seen { result, attempts, waited: course.waited(), stopped, calls, delays, told }
}

fn blocking(plan: &impl Plan, step: &Step, begin: Instant) -> Seen {
    let clock = ManualClock::new();
    clock.set(begin);
    let (calls, delays, told) = (Cell::new(0), RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let call = || step.result(calls.replace(calls.get() + 1));
    let report = BlockingRetryable::retry(call, plan)
        .classify(|class: &Class| *class)
        .notify(|retrying| told.borrow_mut().push(retrying.delay))
        .clock(&clock)
        .sleep(|delay| {
            delays.borrow_mut().push(delay);
            clock.advance(delay);
        })
        .call_detailed();
    Seen::of(report, calls.get(), delays.into_inner(), told.into_inner())
}

/// The clock is its sleeper, too: it must wait until the very instant, and go on at it.
fn polled(plan: &impl Plan, step: &Step, begin: Instant) -> Result<Seen, String> {
    let clock = ManualClock::new();
    clock.set(begin);
    let (calls, told) = (Cell::new(0), RefCell::new(Vec::<Duration>::new()));
    let call = || core::future::ready(step.result(calls.replace(calls.get() + 1)));
    let running = Retryable::retry(call, plan)
        .classify(|class: &Class| *class)
        .notify(|retrying| told.borrow_mut().push(retrying.delay))
        .clock(&clock)
        .sleep(&clock)
        .detailed();
    let mut running = pin!(running);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let made = calls.get();
        match running.as_mut().poll(&mut context) {
            Poll::Ready(report) => {
                let delays = told.borrow().clone();
                return Ok(Seen::of(report, calls.get(), delays, told.into_inner()));
            }
            // A poll at an instant at which nothing is due is no progress: the last wait was not over when it said.
            Poll::Pending if made > 0 && made == calls.get() => {
                return Err("a wait is longer than told".into());
            }
            Poll::Pending => {}
        }
        let delay = told.borrow().last().copied().ok_or("it waits, and told nobody")?;
        let due = clock.now().saturating_add(delay);
        clock.set(Instant::from_nanos(due.as_nanos().saturating_sub(1)));
        let made = calls.get();
        if running.as_mut().poll(&mut context).is_ready() || calls.get() != made {
            return Err("a wait is shorter than told".into());
        }
        clock.set(due);
    }
}
