//! A guarded call: the layers in their order, from the slot outside to the limit inside.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use crate::breaker::{Classify as Judge, FailureKind, Verdict};
use crate::deadline::Deadline;
use crate::guard::Guard;
use crate::guard::counts::{Counting, Kind};
use crate::guard::error::Error;
use crate::guard::event::Event;
use crate::guard::layers::{
    BreakerLayer, ClassifyLayer, Failed, LimitLayer, LimiterLayer, Outcome as _, Recorded as _, RetryLayer,
    ShedderLayer,
};
use crate::observe::{self, Observer};
use crate::retry::{Class, Next, Report, Stopped};
use crate::sleep::Sleep;
use crate::time::{Instant, TimeSource};
use crate::timeout::TimedOut;

/// Since when, and until when.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// From the first moment that the call would have waited.
    pub(super) began: Option<Instant>,
    pub(super) until: Deadline,
}

/// How an attempt ended without a value.
struct Failure<E> {
    error: Error<E>,
    class: Class,
}

impl<D, L, B, T, R, S, J, O, N, C> Guard<D, L, B, T, R, S, J, O, N, C>
where
    D: ShedderLayer,
    L: LimiterLayer,
    B: BreakerLayer,
    T: LimitLayer,
    R: RetryLayer,
    S: Sleep,
    O: Observer<Event>,
    N: Counting,
    C: TimeSource,
{
    /// Makes this call, through all layers. Called again for each attempt. Needs no runtime but for the sleep, and allocates nothing;
    /// a call that is ready at once and succeeds reads no clock, unless a layer needs it.
    ///
    /// Dropping the returned future cancels the call: everything it held is given back, and it says nothing about the dependency.
    ///
    /// # Errors
    /// Which layer refused or ended it, or the last attempt's own error.
    #[inline]
    pub async fn call<F, Fut, V, E>(&self, call: F) -> Result<V, Error<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<V, E>>,
        R: ClassifyLayer<E>,
        J: Judge<V, E>,
    {
        self.call_detailed(call).await.result
    }

    /// As [`call`](Self::call), with what became of it: attempts, waits, and why there was no further one.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::guard::Guard;
    /// use fusebox::retry::{Policy, Stopped};
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    ///
    /// # futures::executor::block_on(async {
    /// let policy = Policy::attempts(2).initial_delay(Duration::from_millis(1)).constant();
    /// let guard = Guard::builder("orders").retry(policy).sleep(sleep).build().unwrap();
    /// let report = guard.call_detailed(|| async { Err::<(), _>("down") }).await;
    /// assert_eq!((report.attempts, report.stopped), (2, Stopped::Attempts));
    /// # });
    /// ```
    pub async fn call_detailed<F, Fut, V, E>(&self, call: F) -> Report<V, Error<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<V, E>>,
        R: ClassifyLayer<E>,
        J: Judge<V, E>,
    {
        let ending = self.begin();
        let times = Times { began: None, until: Deadline::NONE };
        let report = self.run(times, self.settings.at_once, call).await;
        ending.ended(&report.result);
        report
    }

    /// As [`call`](Self::call), until this deadline at the latest, with the time that each attempt has: to pass on, and to nest.
    /// One clock reading an attempt.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::guard::Guard;
    /// use fusebox::time::{Clock, StdClock};
    /// use fusebox::timeout::{Deadline, TimeLeft};
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    ///
    /// # futures::executor::block_on(async {
    /// let guard = Guard::builder("orders").limit(Duration::from_secs(5)).sleep(sleep).build().unwrap();
    /// let request = Deadline::after(Duration::from_secs(2), StdClock.now()); // the caller's
    /// let answer = guard.call_until(request, |deadline| async move {
    ///     let left = TimeLeft::of(deadline, StdClock.now()).unwrap(); // goes into a header
    ///     if left.duration() <= Duration::from_secs(2) { Ok(left.to_string()) } else { Err(()) }
    /// });
    /// assert!(answer.await.is_ok());
    /// # });
    /// ```
    pub async fn call_until<F, Fut, V, E>(&self, until: Deadline, mut call: F) -> Result<V, Error<E>>
    where
        F: FnMut(Deadline) -> Fut,
        Fut: Future<Output = Result<V, E>>,
        R: ClassifyLayer<E>,
        J: Judge<V, E>,
    {
        let ending = self.begin();
        let began = self.layers.clock.time();
        let times = Times { began, until };
        let report = if began.is_some_and(|now| until.is_over_at(now)) {
            let error = Error::TimedOut(TimedOut::new(self.settings.name, Duration::ZERO).at_deadline());
            Report { result: Err(error), attempts: 0, waited: Duration::ZERO, stopped: Stopped::Deadline }
        } else {
            let own = |now: Instant| {
                let longest = |longest: Option<Duration>, from: Instant| {
                    longest.map_or(Deadline::NONE, |longest| Deadline::after(longest, from))
                };
                let all = longest(self.settings.deadline, began.unwrap_or(now));
                until.earlier(all).earlier(longest(self.layers.limit.limit(), now))
            };
            let inner = |now: Option<Instant>| now.map_or(until, own);
            self.run(times, self.settings.at_once, || call(inner(self.layers.clock.time()))).await
        };
        ending.ended(&report.result);
        report.result
    }

    /// All layers. Refusals are final where `at_once`.
    pub(super) async fn run<F, Fut, V, E>(
        &self,
        mut times: Times,
        at_once: bool,
        mut call: F,
    ) -> Report<V, Error<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<V, E>>,
        R: ClassifyLayer<E>,
        J: Judge<V, E>,
    {
        let refused = |error| Report {
            result: Err(error),
            attempts: 0,
            waited: Duration::ZERO,
            stopped: Stopped::Permanent,
        };
        let slot = match self.layers.shedder.admit(self.settings.priority) {
            Ok(slot) => slot,
            Err(shed) => return refused(Error::Shed(shed)),
        };
        if let Err(limited) = self.layers.limiter.check() {
            return refused(Error::Limited(limited));
        }
        self.layers.retry.begin();
        let started = self.reading_if(self.settings.slow.is_some());
        let mut course = None;
        loop {
            let failure = match self.attempt(&mut times, at_once, &mut call).await {
                Ok(value) => {
                    slot.success();
                    self.tell_if_slow(started);
                    let (failed, waited) = match &course {
                        Some(course) => progress(course),
                        None => (0, Duration::ZERO),
                    };
                    let attempts = failed.saturating_add(1);
                    return Report { result: Ok(value), attempts, waited, stopped: Stopped::Success };
                }
                Err(failure) => failure,
            };
            match self.after(&mut times, &mut course, &failure) {
                Next::Wait(delay) => {
                    self.layers.counters.add(Kind::Retries);
                    self.layers.sleeper.sleep(delay).await;
                }
                Next::Stop(stopped) => {
                    let error = failure.error;
                    if error.is_timed_out() {
                        slot.overload();
                    }
                    self.tell_if_slow(started);
                    let (attempts, waited) = course.as_ref().map_or((1, Duration::ZERO), progress);
                    return Report { result: Err(error), attempts, waited, stopped };
                }
            }
        }
    }

    /// One attempt: the breaker, the limit, the call.
    #[inline]
    async fn attempt<F, Fut, V, E>(
        &self,
        times: &mut Times,
        at_once: bool,
        call: &mut F,
    ) -> Result<V, Failure<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<V, E>>,
        R: ClassifyLayer<E>,
        J: Judge<V, E>,
    {
        let permit = match self.layers.breaker.acquire() {
            Ok(permit) => permit,
            Err(rejected) => {
                let wait = if at_once { None } else { rejected.retry_after() };
                return Err(Failure { error: Error::Rejected(rejected), class: Class::Refused(wait) });
            }
        };
        self.layers.counters.add(Kind::Attempts);
        let started = self.reading_if(T::LEARNS);
        match self.limited(times, call()).await {
            Ok(result) => {
                permit.record(self.layers.judge.classify(&result));
                match result {
                    Ok(value) => {
                        if let (Some(started), Some(now)) = (started, self.reading_if(T::LEARNS)) {
                            self.layers.limit.succeeded(now.saturating_since(started), now);
                        }
                        Ok(value)
                    }
                    Err(error) => {
                        let class = self.layers.retry.classify(&error);
                        Err(Failure { error: Error::Inner(error), class })
                    }
                }
            }
            Err(late) => {
                permit.record(Verdict::Failure(FailureKind::Timeout));
                if let Some(now) = self.reading_if(T::LEARNS && !late.by_deadline) {
                    self.layers.limit.timed_out(late.limit, now);
                }
                self.tell(|| Event::TimedOut(late));
                Err(Failure { error: Error::TimedOut(late), class: Class::Transient })
            }
        }
    }

    /// Polls the call, and once it would wait, its limit too. The call wins where both are ready.
    #[inline]
    async fn limited<Fut: Future>(&self, times: &mut Times, call: Fut) -> Result<Fut::Output, TimedOut> {
        let mut call = pin!(call);
        let mut limit = None;
        let mut sleep = pin!(None::<S::Wait>);
        poll_fn(|context| {
            if let Poll::Ready(output) = call.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            let late = match limit {
                Some(late) => late,
                None => match self.limit_from_now(times) {
                    Some(late) => {
                        sleep.set(Some(self.layers.sleeper.sleep(late.limit)));
                        *limit.insert(late)
                    }
                    None => return Poll::Pending,
                },
            };
            match sleep.as_mut().as_pin_mut() {
                Some(sleep) => sleep.poll(context).map(|()| Err(late)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// How long an attempt that would wait now may take, said as what will have happened then; nothing where it may take any time.
    #[cold]
    fn limit_from_now(&self, times: &mut Times) -> Option<TimedOut> {
        let limit = self.layers.limit.limit();
        let left = self.left(times);
        match (limit, left) {
            (Some(limit), left) if left.is_none_or(|left| limit <= left) => {
                Some(TimedOut::new(self.settings.name, limit))
            }
            (_, left) => left.map(|left| TimedOut::new(self.settings.name, left).at_deadline()),
        }
    }

    /// What is left of all deadlines. Reads the clock if there is one to keep.
    pub(super) fn left(&self, times: &mut Times) -> Option<Duration> {
        if self.settings.deadline.is_none() && times.until == Deadline::NONE {
            return None;
        }
        let now = self.layers.clock.time()?;
        self.deadline(times, now).left_at(now)
    }

    /// The deadline over all attempts, for one that began now, if it had not begun.
    fn deadline(&self, times: &mut Times, now: Instant) -> Deadline {
        match self.settings.deadline {
            Some(longest) => times.until.earlier(Deadline::after(longest, *times.began.get_or_insert(now))),
            None => times.until,
        }
    }

    /// What to do after a failure.
    #[cold]
    fn after<E>(
        &self,
        times: &mut Times,
        course: &mut Option<crate::retry::Course>,
        failure: &Failure<E>,
    ) -> Next {
        let now = self.layers.clock.time();
        let until = now.map_or(times.until, |now| self.deadline(times, now));
        let began = times.began.or(now);
        let over = matches!(&failure.error, Error::TimedOut(late) if late.by_deadline);
        let failed = Failed { class: failure.class, began, now, until };
        let next = self.layers.retry.failed(course, failed);
        let next = if over { Next::Stop(Stopped::Deadline) } else { next };
        let attempt = course.as_ref().map_or(1, crate::retry::Course::attempts);
        let (operation, why) = (self.settings.name, failure.error.why());
        self.tell(|| match next {
            Next::Wait(delay) => Event::Retrying { operation, attempt, why, delay },
            Next::Stop(stopped) => Event::GaveUp { operation, attempts: attempt, why, stopped },
        });
        next
    }

    fn reading_if(&self, needed: bool) -> Option<Instant> {
        if needed { self.layers.clock.time() } else { None }
    }

    fn tell_if_slow(&self, started: Option<Instant>) {
        let Some((started, threshold)) = started.zip(self.settings.slow) else { return };
        let took = self.layers.clock.time().map_or(Duration::ZERO, |now| now.saturating_since(started));
        if took > threshold {
            self.tell(|| Event::Slow { operation: self.settings.name, took, threshold });
        }
    }

    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.layers.observer.listens() && !observe::told(&self.layers.observer, &event()) {
            self.layers.counters.add(Kind::HookPanics);
        }
    }
}

fn progress(course: &crate::retry::Course) -> (u32, Duration) {
    (course.attempts(), course.waited())
}

impl<D, L, B, T, R, S, J, O, N: Counting, C> Guard<D, L, B, T, R, S, J, O, N, C> {
    /// A call begins.
    #[inline]
    pub(super) fn begin(&self) -> Ending<'_, N> {
        self.layers.counters.add(Kind::Calls);
        Ending { counters: &self.layers.counters, over: false }
    }
}

/// A call that is counted by how it ends; dropped before, as cancelled.
pub(super) struct Ending<'a, N: Counting> {
    counters: &'a N,
    over: bool,
}

impl<N: Counting> Ending<'_, N> {
    #[inline]
    pub(super) fn ended<V, E>(self, result: &Result<V, Error<E>>) {
        self.counted_as(match result {
            Ok(_) => Kind::Succeeded,
            Err(error) => kind(error),
        });
    }

    #[inline]
    pub(super) fn counted_as(mut self, kind: Kind) {
        self.over = true;
        self.counters.add(kind);
    }
}

impl<N: Counting> Drop for Ending<'_, N> {
    #[inline]
    fn drop(&mut self) {
        if !self.over {
            self.counters.add(Kind::Cancelled);
        }
    }
}

const fn kind<E>(error: &Error<E>) -> Kind {
    match error {
        Error::Shed(_) => Kind::Shed,
        Error::Limited(_) => Kind::Limited,
        Error::Rejected(_) => Kind::Rejected,
        Error::TimedOut(_) => Kind::TimedOut,
        Error::Inner(_) => Kind::Failed,
        Error::Shared(_) => Kind::Shared,
    }
}
