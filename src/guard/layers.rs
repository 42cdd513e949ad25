//! What a guard asks of its layers: the same of a layer, of a borrowed or shared one, and of none.

use core::time::Duration;

use crate::breaker::{self, CircuitBreaker, Plan, Rejected, State, Verdict};
use crate::deadline::Deadline;
use crate::lanes::Count;
use crate::limiter::{self, RateLimiter};
use crate::observe::Observer;
use crate::pressure::{self, LoadShedder, Outcome, Priority};
use crate::retry::{self, Allowance, Class, Classify, Course, Next, Stopped};
use crate::time::{Clock, Instant};
use crate::timeout::AdaptiveTimeout;

/// A circuit breaker, one that is borrowed or shared (`&`, `Arc`), one that may be missing (`Option`), or none (`()`).
pub trait BreakerLayer {
    /// What is held while an attempt is made. It knows no lifetime, so that a future that holds it may be sent.
    type Pass;

    /// Asks for an attempt; the pass is written where it will lie.
    ///
    /// # Errors
    /// The facts of the rejection.
    fn enter(&self, place: &mut Option<Self::Pass>) -> Result<(), Rejected>;

    /// Takes the pass back, if there is one: with an outcome, or given up.
    fn leave(&self, place: &mut Option<Self::Pass>, verdict: Option<Verdict>);

    /// The state, where there is a breaker that would refuse: none in shadow.
    fn state(&self) -> Option<State>;
}

/// A load shedder, one that is borrowed or shared, one that may be missing, or none.
pub trait ShedderLayer {
    /// What is held while the call goes on.
    type Pass;

    /// Asks for a slot.
    ///
    /// # Errors
    /// The facts of the refusal.
    fn enter(&self, priority: Priority) -> Result<Self::Pass, pressure::Refused>;

    /// Takes the slot back.
    fn leave(&self, pass: Self::Pass, outcome: Outcome);

    /// How it stands, where there is one that would refuse: none in shadow.
    fn look(&self) -> Option<pressure::Look>;

    /// How many slots work of this priority may fill.
    fn limit(&self, priority: Priority) -> u32;
}

/// A rate limiter, one that is borrowed or shared, or none.
pub trait LimiterLayer {
    /// Asks for a cell.
    ///
    /// # Errors
    /// The facts of the refusal.
    fn check(&self) -> Result<(), limiter::Refused>;
}

/// How long an attempt may take: a `Duration`, an [`AdaptiveTimeout`], or any time (`()`).
pub trait LimitLayer {
    /// Whether it learns from how long attempts take, which costs two clock readings each.
    const LEARNS: bool;

    /// The limit now.
    fn limit(&self) -> Option<Duration>;

    /// An attempt succeeded after so long.
    fn succeeded(&self, took: Duration, now: Instant);

    /// An attempt had not ended at this limit.
    fn timed_out(&self, limit: Duration, now: Instant);

    /// Whether it is as long as it may become.
    fn is_at_its_ceiling(&self) -> bool;
}

/// Whether and when to try again: a [`Retrying`], or never (`()`).
pub trait RetryLayer {
    /// A first call is let through.
    fn begin(&self);

    /// An attempt failed.
    fn failed(&self, course: &mut Option<Course>, at: Failed) -> Next;

    /// How long all of it may take, by the policy.
    fn deadline(&self) -> Option<Duration>;
}

/// Says what a call's own error means; of a [`Retrying`] what it was told, elsewhere all are transient.
pub trait ClassifyLayer<E> {
    /// What this error means.
    fn classify(&self, error: &E) -> Class;
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    pub(super) class: Class,
    pub(super) began: Option<Instant>,
    pub(super) now: Option<Instant>,
    pub(super) until: Deadline,
}

/// Retries by a policy, from a budget; made by [`Builder::retry`](crate::guard::Builder::retry).
#[derive(Debug)]
pub struct Retrying<P, K = retry::Unclassified, B = ()> {
    pub(super) plan: P,
    pub(super) classify: K,
    pub(super) budget: B,
    /// Calls that failed at first: each has its own jitter, also where the plan has a seed.
    pub(super) failed: Count,
}

impl BreakerLayer for () {
    type Pass = ();

    #[inline(always)]
    fn enter(&self, _: &mut Option<()>) -> Result<(), Rejected> {
        Ok(())
    }

    #[inline(always)]
    fn leave(&self, _: &mut Option<()>, _: Option<Verdict>) {}

    fn state(&self) -> Option<State> {
        None
    }
}

impl<P: Plan, C: Clock, O: Observer<breaker::Event>, N: breaker::Counting> BreakerLayer
    for CircuitBreaker<P, C, O, N>
{
    type Pass = breaker::Pass;

    #[inline(always)]
    fn enter(&self, place: &mut Option<breaker::Pass>) -> Result<(), Rejected> {
        CircuitBreaker::enter(self, place)
    }

    #[inline(always)]
    fn leave(&self, place: &mut Option<breaker::Pass>, verdict: Option<Verdict>) {
        CircuitBreaker::leave(self, place, verdict);
    }

    fn state(&self) -> Option<State> {
        let status = self.look();
        (!status.shadow).then_some(status.state)
    }
}

impl ShedderLayer for () {
    type Pass = ();

    #[inline(always)]
    fn enter(&self, _: Priority) -> Result<(), pressure::Refused> {
        Ok(())
    }

    #[inline(always)]
    fn leave(&self, (): (), _: Outcome) {}

    fn look(&self) -> Option<pressure::Look> {
        None
    }

    fn limit(&self, _: Priority) -> u32 {
        u32::MAX
    }
}

impl<F, C, O, N> ShedderLayer for LoadShedder<F, C, O, N>
where
    F: pressure::Form,
    C: Clock,
    O: Observer<pressure::Event>,
    N: pressure::Counting,
{
    type Pass = pressure::Grant<F::Stamp>;

    #[inline]
    fn enter(&self, priority: Priority) -> Result<Self::Pass, pressure::Refused> {
        LoadShedder::enter(self, priority)
    }

    #[inline]
    fn leave(&self, pass: Self::Pass, outcome: Outcome) {
        LoadShedder::leave(self, pass, outcome);
    }

    fn look(&self) -> Option<pressure::Look> {
        (!self.is_shadow()).then(|| LoadShedder::look(self))
    }

    fn limit(&self, priority: Priority) -> u32 {
        LoadShedder::limit(self, priority)
    }
}

impl LimiterLayer for () {
    #[inline]
    fn check(&self) -> Result<(), limiter::Refused> {
        Ok(())
    }
}

impl<F, C, O, N> LimiterLayer for RateLimiter<F, C, O, N>
where
    F: limiter::Form,
    C: Clock,
    O: Observer<limiter::Event>,
    N: limiter::Counting,
{
    #[inline]
    fn check(&self) -> Result<(), limiter::Refused> {
        RateLimiter::check(self).into_result().map(|_| ())
    }
}

impl LimitLayer for () {
    const LEARNS: bool = false;

    #[inline]
    fn limit(&self) -> Option<Duration> {
        None
    }

    fn succeeded(&self, _: Duration, _: Instant) {}
    fn timed_out(&self, _: Duration, _: Instant) {}

    fn is_at_its_ceiling(&self) -> bool {
        false
    }
}

impl LimitLayer for Duration {
    const LEARNS: bool = false;

    #[inline]
    fn limit(&self) -> Option<Duration> {
        Some(*self)
    }

    fn succeeded(&self, _: Duration, _: Instant) {}
    fn timed_out(&self, _: Duration, _: Instant) {}

    fn is_at_its_ceiling(&self) -> bool {
        false
    }
}

impl RetryLayer for () {
    #[inline]
    fn begin(&self) {}

    fn failed(&self, _: &mut Option<Course>, at: Failed) -> Next {
        let permanent = matches!(at.class, Class::Permanent | Class::Refused(None));
        Next::Stop(if permanent { Stopped::Permanent } else { Stopped::Attempts })
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }
}

impl<E> ClassifyLayer<E> for () {
    fn classify(&self, _: &E) -> Class {
        Class::Transient
    }
}

impl<P: retry::Plan, K, B: Allowance> RetryLayer for Retrying<P, K, B> {
    #[inline]
    fn begin(&self) {
        self.budget.deposit(None);
    }

    fn failed(&self, course: &mut Option<Course>, at: Failed) -> Next {
        let course = course.get_or_insert_with(|| {
            Course::of_call(&self.plan, self.failed.add_shared(), at.began).until(at.until)
        });
        course.failed(at.class, at.now, &self.budget)
    }

    fn deadline(&self) -> Option<Duration> {
        self.plan.policy().deadline()
    }
}

impl<P, K: Classify<E>, B, E> ClassifyLayer<E> for Retrying<P, K, B> {
    fn classify(&self, error: &E) -> Class {
        self.classify.classify(error)
    }
}

/// The same of what is borrowed or shared.
macro_rules! through {
    ($($pointer:ty),*) => {$(
        impl<L: BreakerLayer + ?Sized> BreakerLayer for $pointer {
            type Pass = L::Pass;

            #[inline(always)]
            fn enter(&self, place: &mut Option<L::Pass>) -> Result<(), Rejected> {
                (**self).enter(place)
            }

            #[inline(always)]
            fn leave(&self, place: &mut Option<L::Pass>, verdict: Option<Verdict>) {
                (**self).leave(place, verdict);
            }

            fn state(&self) -> Option<State> {
                (**self).state()
            }
        }

        impl<L: ShedderLayer + ?Sized> ShedderLayer for $pointer {
            type Pass = L::Pass;

            #[inline]
            fn enter(&self, priority: Priority) -> Result<L::Pass, pressure::Refused> {
                (**self).enter(priority)
            }

            #[inline]
            fn leave(&self, pass: L::Pass, outcome: Outcome) {
                (**self).leave(pass, outcome);
            }

            fn look(&self) -> Option<pressure::Look> {
                (**self).look()
            }

            fn limit(&self, priority: Priority) -> u32 {
                (**self).limit(priority)
            }
        }

        impl<L: LimiterLayer + ?Sized> LimiterLayer for $pointer {
            #[inline]
            fn check(&self) -> Result<(), limiter::Refused> {
                (**self).check()
            }
        }

        impl<L: LimitLayer + ?Sized> LimitLayer for $pointer {
            const LEARNS: bool = L::LEARNS;

            #[inline]
            fn limit(&self) -> Option<Duration> {
                (**self).limit()
            }

            fn succeeded(&self, took: Duration, now: Instant) {
                (**self).succeeded(took, now);
            }

            fn timed_out(&self, limit: Duration, now: Instant) {
                (**self).timed_out(limit, now);
            }

            fn is_at_its_ceiling(&self) -> bool {
                (**self).is_at_its_ceiling()
            }
        }
    )*};
}

through!(&L);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
through!(alloc::sync::Arc<L>);

impl<C: Clock, O: Observer<crate::timeout::Event>> LimitLayer for AdaptiveTimeout<C, O> {
    const LEARNS: bool = true;

    #[inline]
    fn limit(&self) -> Option<Duration> {
        Some(AdaptiveTimeout::limit(self))
    }

    fn succeeded(&self, took: Duration, now: Instant) {
        self.record_at(took, now);
    }

    fn timed_out(&self, limit: Duration, now: Instant) {
        self.timed_out_after_at(limit, now);
    }

    fn is_at_its_ceiling(&self) -> bool {
        self.is_at_ceiling()
    }
}
