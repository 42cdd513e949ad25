//! Guarded calls that block their thread: the same layers, but for what cannot be done to a thread.

use core::time::Duration;

use crate::breaker::{Classify as Judge, FailureKind, Verdict};
use crate::deadline::Deadline;
use crate::guard::Guard;
use crate::guard::counts::{Counting, Kind};
use crate::guard::error::Error;
use crate::guard::event::Event;
use crate::guard::layers::{BreakerLayer, ClassifyLayer, LimitLayer, LimiterLayer, RetryLayer, ShedderLayer};
use crate::guard::run::Course;
use crate::observe::Observer;
use crate::pressure::Outcome;
use crate::retry::{Next, Report, Stopped};
use crate::time::TimeSource;

impl<D, L, B, T, R, S, J, O, N, C> Guard<D, L, B, T, R, S, J, O, N, C>
where
    D: ShedderLayer,
    L: LimiterLayer,
    B: BreakerLayer,
    T: LimitLayer,
    R: RetryLayer,
    O: Observer<Event>,
    N: Counting,
    C: TimeSource,
{
    /// As [`call`](Self::call), for a thread that may block; it waits between attempts with the thread's own sleep.
    ///
    /// A thread cannot be cut off: no limit ends a call here. Give the call one of its own (the client's, or
    /// `timeout::Helpers`). A call that took longer than the guard's limit all the same is a failure of kind `Timeout` for the
    /// breaker, whatever it gave; what it gave is returned. After the deadline nothing is begun.
    ///
    /// # Errors
    /// Which layer refused it, or the last attempt's own error.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::guard::Guard;
    /// use fusebox::retry::Policy;
    ///
    /// let policy = Policy::attempts(3).initial_delay(Duration::from_millis(1)).constant();
    /// let guard = Guard::builder("orders").retry(policy).build()?;
    /// let mut calls = 0;
    /// let answer = guard.call_blocking(|| { calls += 1; if calls < 3 { Err("busy") } else { Ok(calls) } });
    /// assert_eq!(answer, Ok(3));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn call_blocking<F, V, E>(&self, call: F) -> Result<V, Error<E>>
    where
        F: FnMut() -> Result<V, E>,
        R: ClassifyLayer<E>,
        J: Judge<V, E>,
    {
        self.call_blocking_with(std::thread::sleep, call).result
    }

    /// As `call_blocking`, which waits with this function, and says what became of the call.
    ///
    /// # Examples
    /// ```
    /// use fusebox::guard::Guard;
    /// use fusebox::retry::{Jitter, Policy, Stopped};
    ///
    /// let policy = Policy::attempts(3).jitter(Jitter::None).constant();
    /// let guard = Guard::builder("orders").retry(policy).build()?;
    /// let mut waited = Vec::new();
    /// let report = guard.call_blocking_with(|wait| waited.push(wait.as_millis()), || Err::<(), _>("down"));
    /// assert_eq!((report.attempts, report.stopped), (3, Stopped::Attempts));
    /// assert_eq!(waited, [100, 200]);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub fn call_blocking_with<F, V, E>(
        &self,
        mut sleep: impl FnMut(Duration),
        mut call: F,
    ) -> Report<V, Error<E>>
    where
        F: FnMut() -> Result<V, E>,
        R: ClassifyLayer<E>,
        J: Judge<V, E>,
    {
        let ending = self.begin();
        let began = self.reading_if(self.settings.deadline.is_some());
        let mut course = Course::begun(Deadline::NONE, began);
        let result = self.block(&mut course, &mut sleep, &mut call);
        ending.ended(&result);
        course.report(result)
    }

    fn block<F, V, E>(
        &self,
        course: &mut Course,
        sleep: &mut impl FnMut(Duration),
        call: &mut F,
    ) -> Result<V, Error<E>>
    where
        F: FnMut() -> Result<V, E>,
        R: ClassifyLayer<E>,
        J: Judge<V, E>,
    {
        let refused = |error| {
            self.tell_refused(&error);
            error
        };
        let slot =
            self.layers.shedder.enter(self.settings.priority).map_err(|shed| refused(Error::Shed(shed)))?;
        let mut slot = Slot { shedder: &self.layers.shedder, pass: Some(slot), outcome: Outcome::Ignored };
        self.layers.limiter.check().map_err(|limited| refused(Error::Limited(limited)))?;
        self.set_out(course);
        let started = self.reading_if(self.settings.slow.is_some());
        loop {
            let failure = match self.attempt_blocking(course, &mut slot.outcome, call) {
                Ok(value) => {
                    course.stopped = Stopped::Success;
                    self.tell_if_slow(started);
                    return Ok(value);
                }
                Err(failure) => failure,
            };
            match self.after(course, !self.settings.patient, &failure) {
                Next::Wait(delay) => {
                    self.layers.counters.add(Kind::Retries);
                    sleep(delay);
                    if self.is_over(course) {
                        course.stopped = Stopped::Deadline;
                        return Err(failure);
                    }
                }
                Next::Stop(stopped) => {
                    course.stopped = stopped;
                    self.tell_if_slow(started);
                    return Err(failure);
                }
            }
        }
    }

    /// One attempt, and what it means to the slot.
    fn attempt_blocking<F, V, E>(
        &self,
        course: &mut Course,
        outcome: &mut Outcome,
        call: &mut F,
    ) -> Result<V, Error<E>>
    where
        F: FnMut() -> Result<V, E>,
        J: Judge<V, E>,
    {
        let mut held = Attempt { breaker: &self.layers.breaker, pass: None };
        self.layers.breaker.enter(&mut held.pass).map_err(Error::Rejected)?;
        self.layers.counters.add(Kind::Attempts);
        if !course.underway {
            course.underway = true;
            self.layers.retry.begin();
        }
        let limit = self.layers.limit.limit();
        let tried = self.reading_if(limit.is_some());
        let result = call();
        let ended = self.reading_if(tried.is_some());
        let took = ended.zip(tried).map(|(ended, tried)| ended.saturating_since(tried));
        let late = took.zip(limit).is_some_and(|(took, limit)| took > limit);
        let judged = self.layers.judge.classify(&result);
        let verdict = if late { Verdict::Failure(FailureKind::Timeout) } else { judged };
        self.layers.breaker.leave(&mut held.pass, Some(verdict));
        let well = verdict == Verdict::Success;
        if let (true, Some(limit), Some(took), Some(now)) = (T::LEARNS, limit, took, ended) {
            if late {
                self.layers.limit.timed_out(limit, now);
            } else if well {
                self.layers.limit.succeeded(took, now);
            }
        }
        *outcome = match (late, well) {
            (true, _) => Outcome::Overload,
            (false, true) => Outcome::Success,
            (false, false) => Outcome::Ignored,
        };
        result.map_err(Error::Inner)
    }
}

/// The slot of a call, given back however it ends.
struct Slot<'a, D: ShedderLayer> {
    shedder: &'a D,
    pass: Option<D::Pass>,
    outcome: Outcome,
}

impl<D: ShedderLayer> Drop for Slot<'_, D> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.shedder.leave(pass, self.outcome);
        }
    }
}

/// An attempt under way: where it panics, the breaker hears of it.
struct Attempt<'a, B: BreakerLayer> {
    breaker: &'a B,
    pass: Option<B::Pass>,
}

impl<B: BreakerLayer> Drop for Attempt<'_, B> {
    fn drop(&mut self) {
        self.breaker.leave(&mut self.pass, None);
    }
}
