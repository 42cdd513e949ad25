//! A guarded call: the layers in their order, from the slot outside to the limit inside.

use core::pin::pin;
use core::time::Duration;

use crate::breaker::{Classify as Judge, State};
use crate::deadline::Deadline;
use crate::guard::Guard;
use crate::guard::calling::{Calling, Limit};
use crate::guard::counts::{Counting, Kind};
use crate::guard::error::Error;
use crate::guard::event::Event;
use crate::guard::layers::{
    BreakerLayer, ClassifyLayer, Failed, LimitLayer, LimiterLayer, RetryLayer, ShedderLayer,
};
use crate::observe::{self, Observer};
use crate::retry::{self, Class, Next, Report, Stopped};
use crate::sleep::Sleep;
use crate::time::{Clock, Instant, TimeSource};
use crate::timeout::TimedOut;

/// How far a call is.
pub(super) struct Course {
    /// From the first moment that the call would have waited.
    began: Option<Instant>,
    /// The latest reading: a clock that steps back stands still here.
    latest: Instant,
    until: Deadline,
    /// Since its first failure.
    retries: Option<retry::Course>,
    pub(super) stopped: Stopped,
    /// Attempts that failed.
    failed: u32,
    /// Whether one was let through.
    pub(super) underway: bool,
}

impl Course {
    pub(super) const fn begun(until: Deadline, began: Option<Instant>) -> Self {
        Self {
            began,
            latest: Instant::ORIGIN,
            until,
            retries: None,
            stopped: Stopped::Permanent,
            failed: 0,
            underway: false,
        }
    }

    /// What time it is, where the clock says this.
    fn at(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// An attempt failed: how many did.
    fn failed(&mut self) -> u32 {
        self.failed = self.failed.saturating_add(1);
        self.failed
    }

    pub(super) fn report<V, E>(&self, result: Result<V, Error<E>>) -> Report<V, Error<E>> {
        let attempts = self.failed.saturating_add(result.is_ok().into());
        let waited = self.retries.as_ref().map_or(Duration::ZERO, retry::Course::waited);
        Report { result, attempts, waited, stopped: self.stopped }
    }
}

// That there is a sleeper is asked for at each method: so the compiler says what to add.
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
        S: Sleep,
        J: Judge<V, E>,
    {
        let ending = self.begin();
        let result = self.run((Deadline::NONE, None), !self.settings.patient, call).await;
        ending.ended(&result);
        result
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
        S: Sleep,
        J: Judge<V, E>,
    {
        let ending = self.begin();
        let mut calling = pin!(self.run((Deadline::NONE, None), !self.settings.patient, call));
        let result = calling.as_mut().await;
        ending.ended(&result);
        calling.course().report(result)
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
        S: Sleep,
        J: Judge<V, E>,
        C: Clock,
    {
        let ending = self.begin();
        let began = self.layers.clock.time();
        let result = if began.is_some_and(|now| until.is_over_at(now)) {
            let error = Error::TimedOut(self.too_late());
            self.tell_refused(&error);
            Err(error)
        } else {
            let after = |longest: Option<Duration>, from: Instant| {
                longest.map_or(Deadline::NONE, |longest| Deadline::after(longest, from))
            };
            let all = began.map_or(until, |began| until.earlier(after(self.settings.deadline, began)));
            let inner = |now| all.earlier(after(self.layers.limit.limit(), now));
            let each = || call(self.layers.clock.time().map_or(all, inner));
            self.run((until, began), !self.settings.patient, each).await
        };
        ending.ended(&result);
        result
    }

    /// All layers. Refusals are final where `at_once`.
    #[inline(always)]
    pub(super) fn run<F, Fut, V, E>(
        &self,
        (until, began): (Deadline, Option<Instant>),
        at_once: bool,
        call: F,
    ) -> Calling<'_, D, L, B, T, R, S, J, O, N, C, F, Fut>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<V, E>>,
        R: ClassifyLayer<E>,
        S: Sleep,
        J: Judge<V, E>,
    {
        Calling::begun(self, until, began, at_once, call)
    }
}

/// What all forms of a call share.
impl<D, L, B, T, R, S, J, O, N, C> Guard<D, L, B, T, R, S, J, O, N, C>
where
    B: BreakerLayer,
    T: LimitLayer,
    R: RetryLayer,
    O: Observer<Event>,
    N: Counting,
    C: TimeSource,
{
    /// The outer layers have let it through.
    #[inline]
    pub(super) fn set_out(&self, course: &mut Course) {
        if course.began.is_none() && self.layers.retry.deadline().is_some() {
            course.began = self.layers.clock.time();
        }
    }

    /// How long an attempt that would wait now may take, said as what will have happened then.
    #[cold]
    pub(super) fn limit_from_now(&self, course: &mut Course) -> Limit {
        let limit = self.layers.limit.limit();
        let left = self.left(course);
        match (limit, left) {
            (Some(limit), left) if left.is_none_or(|left| limit <= left) => {
                Limit::Set(TimedOut::new(self.settings.name, limit))
            }
            (_, Some(left)) => Limit::Set(TimedOut::new(self.settings.name, left).at_deadline()),
            (_, None) => Limit::None,
        }
    }

    /// What is left of all deadlines. Reads the clock if there is one to keep.
    pub(super) fn left(&self, course: &mut Course) -> Option<Duration> {
        if self.settings.deadline.is_none() && course.until == Deadline::NONE {
            return None;
        }
        let now = course.at(self.layers.clock.time()?);
        self.deadline(course, now).left_at(now)
    }

    /// The deadline over all attempts, for one that began now, if it had not begun.
    fn deadline(&self, course: &mut Course, now: Instant) -> Deadline {
        match self.settings.deadline {
            Some(longest) => course.until.earlier(Deadline::after(longest, *course.began.get_or_insert(now))),
            None => course.until,
        }
    }

    /// What to do after a failure.
    #[cold]
    pub(super) fn after<E>(&self, course: &mut Course, at_once: bool, failure: &Error<E>) -> Next
    where
        R: ClassifyLayer<E>,
    {
        let class = match failure {
            Error::Inner(error) => self.layers.retry.classify(error),
            Error::Rejected(_) if at_once => Class::Refused(None),
            Error::Rejected(rejected) => Class::Refused(rejected.retry_after()),
            Error::TimedOut(_) if self.settings.timeouts_final => Class::Permanent,
            _ => Class::Transient,
        };
        let now = self.layers.clock.time().map(|now| course.at(now));
        let mut over = false;
        if let Error::TimedOut(late) = failure {
            over = late.by_deadline;
            if let Some(now) = now.filter(|_| T::LEARNS && !over) {
                self.layers.limit.timed_out(late.limit, now);
            }
            self.tell(|| Event::TimedOut(*late));
        }
        // What ends at the deadline or after is cut off as it begins: it is not waited for.
        let until = now.map_or(course.until, |now| self.deadline(course, now));
        let until =
            until.instant().map_or(until, |end| Deadline::at(end.saturating_sub(Duration::from_nanos(1))));
        // An attempt that is cut off before its own limit would be taken for a failure of the dependency.
        let room = match class {
            Class::Refused(_) => self.layers.limit.limit().unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let until = until.instant().map_or(until, |end| Deadline::at(end.saturating_sub(room)));
        let began = course.began.or(now);
        let next = if over {
            // Not asked: it would take a token, where the delay is nothing.
            Next::Stop(Stopped::Deadline)
        } else if at_once && class == Class::Transient && self.would_be_refused() {
            // It ends with its own error, and takes no token for what would be refused.
            Next::Stop(Stopped::Open)
        } else {
            self.layers.retry.failed(&mut course.retries, Failed { class, began, now, until })
        };
        if let Next::Wait(delay) = next {
            // Whatever the clock will say, so much has passed when the wait is over.
            course.latest = course.latest.saturating_add(delay);
        }
        let attempt = course.failed();
        let (operation, why) = (self.settings.name, failure.why());
        self.tell(|| match next {
            Next::Wait(delay) => Event::Retrying { operation, attempt, why, delay },
            Next::Stop(stopped) => Event::GaveUp { operation, attempts: attempt, why, stopped },
        });
        next
    }

    fn would_be_refused(&self) -> bool {
        matches!(self.layers.breaker.state(), Some(State::Open | State::ForcedOpen))
    }

    /// Whether nothing is left of all deadlines: a wait was longer than it should have been.
    #[cold]
    pub(super) fn is_over(&self, course: &mut Course) -> bool {
        self.left(course).is_some_and(|left| left.is_zero())
    }

    /// What was not begun, since nothing was left.
    pub(super) fn too_late(&self) -> TimedOut {
        TimedOut::new(self.settings.name, Duration::ZERO).at_deadline()
    }

    /// Nobody was asked.
    #[cold]
    pub(super) fn tell_refused<E>(&self, error: &Error<E>) {
        let (operation, why) = (self.settings.name, error.why());
        self.tell(|| Event::GaveUp { operation, attempts: 0, why, stopped: Stopped::Permanent });
    }

    #[inline]
    pub(super) fn reading_if(&self, needed: bool) -> Option<Instant> {
        if needed { self.layers.clock.time() } else { None }
    }

    /// An attempt that began then succeeded.
    pub(super) fn succeeded_since(&self, tried: Instant) {
        if let Some(now) = self.layers.clock.time() {
            self.layers.limit.succeeded(now.saturating_since(tried), now);
        }
    }

    #[inline]
    pub(super) fn tell_if_slow(&self, started: Option<Instant>) {
        let Some((started, threshold)) = started.zip(self.settings.slow) else { return };
        let Some(now) = self.layers.clock.time() else { return };
        let took = now.saturating_since(started);
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
