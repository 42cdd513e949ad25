//! Our breakers.

use std::hint::black_box;

use fusebox::{
    breaker::{CircuitBreaker, Counters, Counting, Error, Event, FullPolicy, Plan, Policy, Window},
    observe::Observer,
    time::{Clock, CoarseClock, Upkeep},
};

use super::{COARSE, WHO, upkeep};

use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Failed, Outcome, Subject, Unfit, failing, succeeding},
    peers::{HIGH_THRESHOLD, MINIMUM_CALLS, OPEN_FOR, THRESHOLD, TIME_WINDOW},
};

/// A breaker on the coarse clock.
pub type CoarseBreaker<N = ()> = CircuitBreaker<Policy, &'static CoarseClock, (), N>;

/// A breaker, with the thread that keeps its clock where it has one.
pub struct Kept<B> {
    breaker: B,
    _upkeep: Option<Upkeep>,
}

impl<P, C, O, N> Subject for Kept<CircuitBreaker<P, C, O, N>>
where
    P: Plan,
    C: Clock,
    O: Observer<Event>,
    N: Counting,
    CircuitBreaker<P, C, O, N>: Send + Sync + 'static,
{
    type Caller<'a> = &'a CircuitBreaker<P, C, O, N>;

    fn caller(&self) -> &CircuitBreaker<P, C, O, N> {
        &self.breaker
    }
}

impl<P: Plan, C: Clock, O: Observer<Event>, N: Counting> Caller for &CircuitBreaker<P, C, O, N> {
    type Reply = Result<u64, Error<Failed>>;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Self::Reply {
        black_box(*self).call(work)
    }

    fn read(reply: &Self::Reply) -> Answer {
        match reply {
            Ok(_) => Answer::Served,
            Err(Error::Inner(_)) => Answer::Failed,
            Err(Error::Rejected(_)) => Answer::Rejected,
        }
    }
}

fn kept<B>(breaker: B) -> Kept<B> {
    Kept { breaker, _upkeep: None }
}

fn upkept<B>(breaker: B) -> Kept<B> {
    Kept { breaker, _upkeep: Some(upkeep()) }
}

const fn in_a_row(failures: u16) -> CircuitBreaker {
    CircuitBreaker::new(Policy::consecutive_failures(failures as u32).open_duration(OPEN_FOR).constant())
}

const fn half_of(window: Window) -> CircuitBreaker<FullPolicy> {
    let policy = Policy::failure_rate(50, window, MINIMUM_CALLS as u32).open_duration(OPEN_FOR);
    CircuitBreaker::new(policy.constant())
}

/// Closed, successes, failures in a row.
pub fn success_consecutive() -> Result<Contestant, Unfit> {
    checks::consecutive(&kept(in_a_row(THRESHOLD)), THRESHOLD.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(kept(in_a_row(THRESHOLD)), succeeding, Answer::Served))
}

/// Closed, successes, half of the last 100 calls.
pub fn success_window() -> Result<Contestant, Unfit> {
    checks::window_of_100_at_half(&kept(half_of(Window::calls(100)))).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(kept(half_of(Window::calls(100))), succeeding, Answer::Served))
}

/// Closed, successes, half of the calls of 10 s.
pub fn success_time_window() -> Result<Contestant, Unfit> {
    let make = || kept(half_of(Window::time(TIME_WINDOW)));
    checks::time_window_at_half(make).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(make(), succeeding, Answer::Served))
}

/// Closed, failures, far from the threshold.
pub fn failure_consecutive() -> Result<Contestant, Unfit> {
    checks::consecutive(&kept(in_a_row(HIGH_THRESHOLD)), HIGH_THRESHOLD.into())
        .map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(kept(in_a_row(HIGH_THRESHOLD)), failing, Answer::Served))
}

/// Open, on the real clock.
pub fn reject() -> Result<Contestant, Unfit> {
    let open = checks::opened(kept(in_a_row(THRESHOLD))).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(open, succeeding, Answer::Rejected))
}

/// Open, on the coarse clock.
pub fn reject_coarse() -> Result<Contestant, Unfit> {
    let breaker = in_a_row(THRESHOLD).with_clock(&COARSE);
    let open = checks::opened(upkept(breaker)).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(open, succeeding, Answer::Rejected))
}

/// Open, on the coarse clock, counting each rejection.
pub fn reject_coarse_counting() -> Result<Contestant, Unfit> {
    let breaker = in_a_row(THRESHOLD).with_clock(&COARSE).counted();
    let open = checks::opened(upkept(breaker)).map_err(|what| WHO.unfit(what))?;
    counts_every_rejection(&open.breaker).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(open, succeeding, Answer::Rejected))
}

fn counts_every_rejection(breaker: &CoarseBreaker<Counters>) -> Result<(), String> {
    let before = breaker.counts().rejected;
    for _ in 0..1_000 {
        if breaker.call(|| Ok::<u64, Failed>(0)).is_ok() {
            return Err("it let a call in while it was open".into());
        }
    }
    match breaker.counts().rejected - before {
        1_000 => Ok(()),
        counted => Err(format!("of 1000 rejections it counted {counted}")),
    }
}
