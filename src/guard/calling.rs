//! A guarded call under way: one future by hand, so that a call that is ready at once moves nothing through memory twice.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::breaker::{Classify as Judge, FailureKind, Verdict};
use crate::deadline::Deadline;
use crate::guard::Guard;
use crate::guard::counts::{Counting, Kind};
use crate::guard::error::Error;
use crate::guard::event::Event;
use crate::guard::layers::{
    BreakerLayer, ClassifyLayer, LimitLayer, LimiterLayer, Outcome as _, Recorded as _, RetryLayer,
    ShedderLayer,
};
use crate::guard::run::Course;
use crate::observe::Observer;
use crate::retry::{Next, Stopped};
use crate::sleep::Sleep;
use crate::time::{Instant, TimeSource};
use crate::timeout::TimedOut;

pin_project! {
    /// A call through all layers. Dropped, it gives back all that it holds.
    pub(super) struct Calling<'a, D: ShedderLayer, L, B: BreakerLayer, T, R, S: Sleep, J, O, N, C, F, Fut> {
        guard: &'a Guard<D, L, B, T, R, S, J, O, N, C>,
        call: F,
        // Refusals are final.
        at_once: bool,
        slot: Option<D::Permit<'a>>,
        // Where slow calls are told.
        started: Option<Instant>,
        course: Course,
        at: At,
        // Of the attempt under way. Apart, and ended in their places: what is written in parts and moved as a whole waits
        // for the store buffer.
        #[pin]
        attempt: Option<Fut>,
        permit: Option<B::Permit<'a>>,
        // Where the limit learns.
        tried: Option<Instant>,
        limit: Limit,
        // The attempt's limit, or the wait for the next one.
        #[pin]
        sleep: Option<S::Wait>,
    }
}

/// What is under way.
#[derive(Clone, Copy)]
enum At {
    Beginning,
    Attempt,
    Waiting,
    End,
}

/// The limit of an attempt.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// It has not had to wait yet.
    Unasked,
    /// It may take any time.
    None,
    /// What will have happened then.
    Set(TimedOut),
}

impl<'a, D: ShedderLayer, L, B: BreakerLayer, T, R, S: Sleep, J, O, N, C, F, Fut>
    Calling<'a, D, L, B, T, R, S, J, O, N, C, F, Fut>
{
    #[inline(always)]
    pub(super) const fn begun(
        guard: &'a Guard<D, L, B, T, R, S, J, O, N, C>,
        until: Deadline,
        began: Option<Instant>,
        at_once: bool,
        call: F,
    ) -> Self {
        let course = Course::begun(until, began);
        Self {
            guard,
            call,
            at_once,
            slot: None,
            started: None,
            course,
            at: At::Beginning,
            attempt: None,
            permit: None,
            tried: None,
            limit: Limit::Unasked,
            sleep: None,
        }
    }

    /// How far it came.
    pub(super) fn course(self: Pin<&mut Self>) -> &Course {
        self.project().course
    }
}

impl<D, L, B, T, R, S, J, O, N, C, F, Fut, V, E> Future for Calling<'_, D, L, B, T, R, S, J, O, N, C, F, Fut>
where
    D: ShedderLayer,
    L: LimiterLayer,
    B: BreakerLayer,
    T: LimitLayer,
    R: RetryLayer + ClassifyLayer<E>,
    S: Sleep,
    J: Judge<V, E>,
    O: Observer<Event>,
    N: Counting,
    C: TimeSource,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<V, E>>,
{
    type Output = Result<V, Error<E>>;

    #[inline]
    #[expect(clippy::too_many_lines, reason = "one machine: what is under way, and what comes next")]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let guard = *this.guard;
        let layers = &guard.layers;
        loop {
            let failure = match this.at {
                At::Attempt => {
                    let Some(attempt) = this.attempt.as_mut().as_pin_mut() else { return Poll::Pending };
                    let output = match attempt.poll(context) {
                        Poll::Ready(result) => Ok(result),
                        Poll::Pending => {
                            if matches!(this.limit, Limit::Unasked) {
                                *this.limit = guard.limit_from_now(this.course);
                                if let Limit::Set(late) = this.limit {
                                    this.sleep.set(Some(layers.sleeper.sleep(late.limit)));
                                }
                            }
                            let sleep = this.sleep.as_mut().as_pin_mut();
                            let (Limit::Set(late), Some(sleep)) = (*this.limit, sleep) else {
                                return Poll::Pending;
                            };
                            ready!(sleep.poll(context));
                            Err(late)
                        }
                    };
                    if let Some(permit) = this.permit {
                        permit.record(match &output {
                            Ok(result) => layers.judge.classify(result),
                            Err(_) => Verdict::Failure(FailureKind::Timeout),
                        });
                    }
                    match output {
                        Ok(Ok(value)) => {
                            if let (true, Some(tried)) = (T::LEARNS, *this.tried) {
                                guard.succeeded_since(tried);
                            }
                            *this.at = At::End;
                            this.attempt.set(None);
                            if let Some(slot) = this.slot.take() {
                                slot.success();
                            }
                            if let Some(started) = *this.started {
                                guard.tell_if_slow(started);
                            }
                            this.course.stopped = Stopped::Success;
                            return Poll::Ready(Ok(value));
                        }
                        Ok(Err(error)) => Some(Error::Inner(error)),
                        Err(late) => Some(Error::TimedOut(late)),
                    }
                }
                At::Beginning => {
                    *this.at = At::End;
                    match layers.shedder.admit(guard.settings.priority) {
                        Ok(slot) => *this.slot = Some(slot),
                        Err(shed) => return Poll::Ready(Err(Error::Shed(shed))),
                    }
                    if let Err(limited) = layers.limiter.check() {
                        *this.slot = None;
                        return Poll::Ready(Err(Error::Limited(limited)));
                    }
                    layers.retry.begin();
                    *this.started = guard.reading_if(guard.settings.slow.is_some());
                    None
                }
                At::Waiting => {
                    if let Some(wait) = this.sleep.as_mut().as_pin_mut() {
                        ready!(wait.poll(context));
                    }
                    this.sleep.set(None);
                    guard.too_late(this.course).map(Error::TimedOut)
                }
                At::End => return Poll::Pending,
            };
            let failure = match failure {
                Some(failure) => failure,
                None => match layers.breaker.acquire(this.permit) {
                    Ok(()) => {
                        layers.counters.add(Kind::Attempts);
                        *this.tried = guard.reading_if(T::LEARNS);
                        *this.limit = Limit::Unasked;
                        this.attempt.set(Some((this.call)()));
                        *this.at = At::Attempt;
                        continue;
                    }
                    Err(rejected) => Error::Rejected(rejected),
                },
            };
            this.attempt.set(None);
            *this.permit = None;
            match guard.after(this.course, *this.at_once, &failure) {
                Next::Wait(delay) => {
                    layers.counters.add(Kind::Retries);
                    this.sleep.set(Some(layers.sleeper.sleep(delay)));
                    *this.at = At::Waiting;
                }
                Next::Stop(stopped) => {
                    this.sleep.set(None);
                    *this.at = At::End;
                    if let (Some(slot), true) = (this.slot.take(), failure.is_timed_out()) {
                        slot.overload();
                    }
                    if let Some(started) = *this.started {
                        guard.tell_if_slow(started);
                    }
                    this.course.stopped = stopped;
                    return Poll::Ready(Err(failure));
                }
            }
        }
    }
}
