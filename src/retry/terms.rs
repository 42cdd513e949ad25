//! How one call is retried: the builder that `retry` gives, the same for futures and for calls that block.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use crate::deadline::Deadline;
use crate::refusal::MayRefuse;
use crate::retry::budget::Allowance;
use crate::retry::class::{Class, Classify, Refusals, Unclassified, When};
use crate::retry::course::{Course, Next, Stopped};
use crate::retry::policy::Plan;
use crate::time::{DEFAULT_CLOCK, DefaultClock, Instant, TimeSource};

/// A call and how it is retried; made by [`Retryable::retry`](crate::retry::Retryable::retry) and
/// [`BlockingRetryable::retry`](crate::retry::BlockingRetryable::retry).
///
/// | parameter | what | unless told otherwise |
/// |---|---|---|
/// | `F`, `R` | the call, and what it gives | |
/// | `P` | the [`Plan`] | |
/// | `S` | a sleeper: [`sleep`](Self::sleep) | a thread's sleep, where that may block; else nothing, and it does not compile |
/// | `K` | what errors mean: [`when`](Self::when), [`classify`](Self::classify), [`refusals`](Self::refusals) | all are transient |
/// | `H` | who is told of each retry: [`notify`](Self::notify) | nobody |
/// | `B` | a [`Budget`](crate::retry::Budget): [`budget`](Self::budget) | none |
/// | `C` | a clock, for deadlines: [`clock`](Self::clock) | `StdClock`; without `std` none |
/// | `X` | whether to give up: [`stop_when`](Self::stop_when) | never |
#[must_use = "nothing is called until it is awaited, or until `call`"]
pub struct Retry<F, R, P, S, K = Unclassified, H = (), B = (), C = DefaultClock, X = ()> {
    pub(super) call: F,
    pub(super) sleeper: S,
    pub(super) terms: Terms<P, K, H, B, C, X>,
    gives: PhantomData<fn() -> R>,
}

/// What does not depend on how it is waited.
#[derive(Clone, Copy)]
pub(super) struct Terms<P, K, H, B, C, X> {
    plan: P,
    classify: K,
    notify: H,
    budget: B,
    clock: C,
    cancel: X,
    until: Deadline,
}

/// How far a call is.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// When it began, where that matters.
    began: Option<Instant>,
    /// Since its first failure.
    course: Option<Course>,
    /// Whether the first call has paid its part.
    deposited: bool,
}

/// A retry that is about to be made: what [`notify`](Retry::notify) is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retrying<'a, E> {
    /// How many attempts failed so far: 1 after the first call.
    pub attempt: u32,
    /// The error of the last one.
    pub error: &'a E,
    /// How long until the next.
    pub delay: Duration,
}

/// How a retried call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report<T, E> {
    /// What the last attempt gave.
    pub result: Result<T, E>,
    /// How many attempts were made.
    pub attempts: u32,
    /// How long it waited between them, in all.
    pub waited: Duration,
    /// Why there was no further one.
    pub stopped: Stopped,
}

/// What a call gives: its error is what is classified. Sealed by its shape.
pub trait Gives {
    /// The call's own error.
    type Error;
}

/// Whether to give up: closures, or `()`, which never does.
pub trait Cancel {
    /// Asked before each wait, and where the caller blocks after it, too.
    fn is_cancelled(&self) -> bool;
}

impl Cancel for () {
    #[inline]
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl<F: Fn() -> bool> Cancel for F {
    #[inline]
    fn is_cancelled(&self) -> bool {
        self()
    }
}

/// Is told of each retry: closures, or `()`.
pub trait Notify<E> {
    /// A retry is about to be made.
    fn retrying(&mut self, retrying: &Retrying<'_, E>);
}

impl<E> Notify<E> for () {
    #[inline]
    fn retrying(&mut self, _: &Retrying<'_, E>) {}
}

impl<E, F: FnMut(&Retrying<'_, E>)> Notify<E> for F {
    #[inline]
    fn retrying(&mut self, retrying: &Retrying<'_, E>) {
        self(retrying);
    }
}

/// Replaces one of the terms, and so its type.
macro_rules! with {
    ($retry:expr, $place:ident: $value:expr, $($kept:ident)*) => {
        $retry.on(|terms| Terms { $place: $value, $($kept: terms.$kept),* })
    };
}

impl<F, R, P, S> Retry<F, R, P, S> {
    #[inline]
    pub(super) const fn new(call: F, plan: P, sleeper: S) -> Self {
        let terms = Terms {
            plan,
            classify: Unclassified,
            notify: (),
            budget: (),
            clock: DEFAULT_CLOCK,
            cancel: (),
            until: Deadline::NONE,
        };
        Self { call, sleeper, terms, gives: PhantomData }
    }
}

/// Errors are classified once: neither can be said after the other, nor after `refusals`.
impl<F, R: Gives, P, S, H, B, C, X> Retry<F, R, P, S, Unclassified, H, B, C, X> {
    /// Errors of which this is true are tried again, others are not.
    #[inline]
    pub fn when<Q: Fn(&R::Error) -> bool>(self, transient: Q) -> Retry<F, R, P, S, When<Q>, H, B, C, X> {
        self.on(|terms| terms.classified(|_| When::new(transient)))
    }

    /// Says of each error what it means: a [`Class`](crate::retry::Class).
    #[inline]
    pub fn classify<Q: Classify<R::Error>>(self, classify: Q) -> Retry<F, R, P, S, Q, H, B, C, X> {
        self.on(|terms| terms.classified(|_| classify))
    }
}

impl<F, R: Gives, P, S, K, H, B, C, X> Retry<F, R, P, S, K, H, B, C, X> {
    /// Refusals of fusebox itself (a breaker's rejection, say) are waited for as they ask, without a token of the budget; one that
    /// names no wait ends it. What was said of other errors stays. Without this, a refusal is an error as any other: tried again,
    /// for a token.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::breaker::{CircuitBreaker, Policy as Breaking};
    /// use fusebox::retry::{BlockingRetryable, Policy, Stopped};
    ///
    /// let breaker = CircuitBreaker::new(Breaking::consecutive_failures(2).constant());
    /// let down = || breaker.call(|| Err::<(), _>("down"));
    /// let policy = Policy::attempts(9).initial_delay(Duration::from_millis(1)).deadline(Duration::from_secs(1)).build()?;
    /// let report = down.retry(policy).refusals().call_detailed();
    /// assert_eq!(report.stopped, Stopped::Deadline, "the breaker opened, for longer than that");
    /// assert!(report.result.unwrap_err().is_rejected());
    /// assert_eq!(report.attempts, 3);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[inline]
    pub fn refusals(self) -> Retry<F, R, P, S, Refusals<K>, H, B, C, X>
    where
        R::Error: MayRefuse,
    {
        self.on(|terms| terms.classified(Refusals))
    }

    /// Is told of each retry, before its wait.
    #[inline]
    pub fn notify<N: FnMut(&Retrying<'_, R::Error>)>(self, notify: N) -> Retry<F, R, P, S, K, N, B, C, X> {
        with!(self, notify: notify, plan classify budget clock cancel until)
    }

    /// Takes a token for each retry from this budget, and deposits for the call, once it was made (refused, it was not): `&Budget`, or an `Arc` of one.
    ///
    /// # Examples
    /// ```
    /// use fusebox::retry::{Allowed, BlockingRetryable, Budget, Policy, Stopped};
    ///
    /// static BUDGET: Budget = Budget::new(Allowed::ratio(0.1).constant());
    /// const POLICY: Policy = Policy::attempts(3).constant();
    ///
    /// let down = || Err::<(), _>("down");
    /// let report = down.retry(POLICY).budget(&BUDGET).call_detailed();
    /// assert_eq!((report.attempts, report.stopped), (1, Stopped::Budget));
    /// ```
    #[inline]
    pub fn budget<D: Allowance>(self, budget: D) -> Retry<F, R, P, S, K, H, D, C, X> {
        with!(self, budget: budget, plan classify notify clock cancel until)
    }

    /// Measures deadlines by this clock.
    #[inline]
    pub fn clock<D: TimeSource>(self, clock: D) -> Retry<F, R, P, S, K, H, B, D, X> {
        with!(self, clock: clock, plan classify notify budget cancel until)
    }

    /// Gives up once this is true: asked before each wait, and where the caller blocks after it, too. (A future is given up by
    /// dropping it.)
    ///
    /// # Examples
    /// ```
    /// use core::sync::atomic::{AtomicBool, Ordering};
    /// use fusebox::retry::{BlockingRetryable, Policy, Stopped};
    ///
    /// let stopping = AtomicBool::new(true);
    /// let down = || Err::<(), _>("down");
    /// let retry = down.retry(Policy::attempts(5).build()?).stop_when(|| stopping.load(Ordering::Relaxed));
    /// assert_eq!(retry.call_detailed().stopped, Stopped::Cancelled);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[inline]
    pub fn stop_when<Y: Fn() -> bool>(self, cancel: Y) -> Retry<F, R, P, S, K, H, B, C, Y> {
        with!(self, cancel: cancel, plan classify notify budget clock until)
    }

    /// Begins no wait that would end after this deadline, beside the policy's own.
    #[inline]
    pub fn until(mut self, deadline: Deadline) -> Self {
        self.terms.until = self.terms.until.earlier(deadline);
        self
    }

    #[inline]
    pub(super) fn sleeping<Z>(self, sleeper: Z) -> Retry<F, R, P, Z, K, H, B, C, X> {
        Retry { call: self.call, sleeper, terms: self.terms, gives: PhantomData }
    }

    #[inline]
    fn on<K2, H2, B2, C2, X2>(
        self,
        change: impl FnOnce(Terms<P, K, H, B, C, X>) -> Terms<P, K2, H2, B2, C2, X2>,
    ) -> Retry<F, R, P, S, K2, H2, B2, C2, X2> {
        Retry { call: self.call, sleeper: self.sleeper, terms: change(self.terms), gives: PhantomData }
    }
}

impl<P, K, H, B, C, X> Terms<P, K, H, B, C, X> {
    #[inline]
    fn classified<Q>(self, change: impl FnOnce(K) -> Q) -> Terms<P, Q, H, B, C, X> {
        let Self { plan, classify, notify, budget, clock, cancel, until } = self;
        Terms { plan, classify: change(classify), notify, budget, clock, cancel, until }
    }
}

impl<P: Plan, K, H, B: Allowance, C: TimeSource, X: Cancel> Terms<P, K, H, B, C, X> {
    /// The first call is about to be made.
    #[inline]
    pub(super) fn begin(&self) -> Progress {
        let began = if self.plan.policy().deadline.is_some() { self.clock.time() } else { None };
        Progress { began, course: None, deposited: false }
    }

    /// An attempt failed.
    #[cold]
    pub(super) fn failed<E>(&mut self, progress: &mut Progress, error: &E) -> Next
    where
        K: Classify<E>,
        H: Notify<E>,
    {
        let class = self.classify.classify(error);
        // A refusal is no call: it feeds no budget.
        if !matches!(class, Class::Refused(_)) {
            progress.deposit(&self.budget);
        }
        let course = progress.course.get_or_insert_with(|| {
            let course = match progress.began {
                Some(began) => Course::begun_at(&self.plan, began),
                None => Course::new(&self.plan),
            };
            course.until(self.until)
        });
        if self.cancel.is_cancelled() {
            return course.cancelled(class);
        }
        let next = course.failed(class, self.clock.time(), &self.budget);
        if let Next::Wait(delay) = next {
            self.notify.retrying(&Retrying { attempt: course.attempts(), error, delay });
        }
        next
    }

    /// An attempt succeeded.
    #[inline]
    pub(super) fn succeeded(&self, progress: &mut Progress) {
        progress.deposit(&self.budget);
    }

    /// Whether the wait was in vain.
    #[inline]
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

impl Progress {
    #[inline]
    fn deposit(&mut self, budget: &impl Allowance) {
        if !self.deposited {
            self.deposited = true;
            budget.deposit(None);
        }
    }

    /// It is over.
    #[inline]
    pub(super) fn report<T, E>(&self, result: Result<T, E>, stopped: Stopped) -> Report<T, E> {
        let (failed, waited) = match &self.course {
            Some(course) => (course.attempts(), course.waited()),
            None => (0, Duration::ZERO),
        };
        let attempts = failed.saturating_add(u32::from(result.is_ok()));
        Report { result, attempts, waited, stopped }
    }
}

impl<F, R, P: fmt::Debug, S, K, H, B, C, X> fmt::Debug for Retry<F, R, P, S, K, H, B, C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("plan", &self.terms.plan).finish_non_exhaustive()
    }
}

impl<T, E> fmt::Display for Report<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stopped by {} after {} attempts and {:?} of waiting",
            self.stopped, self.attempts, self.waited
        )
    }
}
