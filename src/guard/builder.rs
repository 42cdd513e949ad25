//! How a guard is put together: each layer has its one place, so that no wrong order can be said.

#![expect(clippy::type_complexity, reason = "a builder's parameters are its layers")]

use core::fmt;
use core::time::Duration;

use crate::breaker::{ErrorsFail, Verdict};
use crate::guard::Guard;
use crate::guard::counts::Counters;
use crate::guard::layers::{BreakerLayer, LimitLayer, LimiterLayer, RetryLayer, Retrying, ShedderLayer};
use crate::invalid::{InvalidPolicy, Value, invalid};
use crate::lanes::Count;
use crate::pressure::Priority;
use crate::retry::{Allowance, Class, Plan, Unclassified, When};
use crate::sleep::{NoSleeper, Sleep};
use crate::time::{DEFAULT_CLOCK, DefaultClock, TimeSource};

/// Builds a [`Guard`]: any of its layers, each at most once, in any order. They apply in the one right order, whatever the order
/// here.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::breaker::{CircuitBreaker, Policy as Breaking};
/// use fusebox::guard::Guard;
/// use fusebox::retry::{Allowed, Budget, Policy};
/// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
///
/// static BUDGET: Budget = Budget::new(Allowed::ratio(0.1).min_per_second(1).constant());
///
/// let guard = Guard::builder("orders")
///     .deadline(Duration::from_secs(2)) // over all of it
///     .retry(Policy::attempts(3).constant())
///     .budget(&BUDGET)
///     .when(|error: &std::io::Error| error.kind() != std::io::ErrorKind::NotFound)
///     .breaker(CircuitBreaker::new(Breaking::consecutive_failures(5).constant()))
///     .limit(Duration::from_millis(500)) // for each attempt
///     .sleep(sleep) // tokio::time::sleep
///     .build()?;
/// # futures::executor::block_on(async {
/// let answer = guard.call(|| async { Ok::<_, std::io::Error>("here") }).await;
/// assert_eq!(answer.unwrap(), "here");
/// # });
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct Builder<D, L, B, T, R, S, J, O, N, C> {
    settings: Settings,
    layers: Layers<D, L, B, T, R, S, J, O, N, C>,
}

/// What is no layer of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) name: &'static str,
    pub(super) deadline: Option<Duration>,
    pub(super) slow: Option<Duration>,
    pub(super) priority: Priority,
    /// Whether a breaker that refuses is waited for.
    pub(super) patient: bool,
    /// Whether an attempt that timed out is the last.
    pub(super) timeouts_final: bool,
}

/// The layers, from the outside to the inside, and what serves all of them.
#[derive(Clone, Copy)]
pub(super) struct Layers<D, L, B, T, R, S, J, O, N, C> {
    pub(super) shedder: D,
    pub(super) limiter: L,
    pub(super) retry: R,
    pub(super) breaker: B,
    pub(super) judge: J,
    pub(super) limit: T,
    pub(super) sleeper: S,
    pub(super) clock: C,
    pub(super) observer: O,
    pub(super) counters: N,
}

/// A builder of nothing yet.
pub(super) type Empty = Builder<(), (), (), (), (), NoSleeper, ErrorsFail, (), (), DefaultClock>;

impl Empty {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            settings: Settings {
                name,
                deadline: None,
                slow: None,
                priority: Priority::Normal,
                patient: false,
                timeouts_final: false,
            },
            layers: Layers {
                shedder: (),
                limiter: (),
                retry: (),
                breaker: (),
                judge: ErrorsFail,
                limit: (),
                sleeper: NoSleeper,
                clock: DEFAULT_CLOCK,
                observer: (),
                counters: (),
            },
        }
    }
}

/// Replaces one field, and so its type.
macro_rules! with {
    ($builder:expr, $place:ident: |$before:pat_param| $value:expr, $($kept:ident)*) => {{
        let Builder { settings, layers } = $builder;
        let $before = layers.$place;
        Builder { settings, layers: Layers { $place: $value, $($kept: layers.$kept),* } }
    }};
    ($builder:expr, $place:ident: $value:expr, $($kept:ident)*) => {{
        let Builder { settings, layers } = $builder;
        Builder { settings, layers: Layers { $place: $value, $($kept: layers.$kept),* } }
    }};
}

impl<L, B, T, R, S, J, O, N, C> Builder<(), L, B, T, R, S, J, O, N, C> {
    /// A slot of this shedder for the whole call: the outermost layer. A `LoadShedder`, `&` or `Arc` of one.
    pub fn shedder<D: ShedderLayer>(self, shedder: D) -> Builder<D, L, B, T, R, S, J, O, N, C> {
        with!(self, shedder: shedder, limiter retry breaker judge limit sleeper clock observer counters)
    }
}

impl<D, B, T, R, S, J, O, N, C> Builder<D, (), B, T, R, S, J, O, N, C> {
    /// A cell of this limiter for the whole call, once it has its slot: retries take no further one. A `RateLimiter`, `&` or
    /// `Arc` of one.
    pub fn limiter<L: LimiterLayer>(self, limiter: L) -> Builder<D, L, B, T, R, S, J, O, N, C> {
        with!(self, limiter: limiter, shedder retry breaker judge limit sleeper clock observer counters)
    }
}

impl<D, L, T, R, S, J, O, N, C> Builder<D, L, (), T, R, S, J, O, N, C> {
    /// This breaker around each attempt, inside the retry. A `CircuitBreaker`, `&` or `Arc` of one.
    pub fn breaker<B: BreakerLayer>(self, breaker: B) -> Builder<D, L, B, T, R, S, J, O, N, C> {
        with!(self, breaker: breaker, shedder limiter retry judge limit sleeper clock observer counters)
    }
}

impl<D, L, B, R, S, J, O, N, C> Builder<D, L, B, (), R, S, J, O, N, C> {
    /// How long each attempt may take: a `Duration`, or an [`AdaptiveTimeout`](crate::timeout::AdaptiveTimeout), `&` or `Arc` of
    /// one. It ends the call inside the breaker, which takes it for a failure.
    pub fn limit<T: LimitLayer>(self, limit: T) -> Builder<D, L, B, T, R, S, J, O, N, C> {
        with!(self, limit: limit, shedder limiter retry breaker judge sleeper clock observer counters)
    }
}

impl<D, L, B, T, S, J, O, N, C> Builder<D, L, B, T, (), S, J, O, N, C> {
    /// Tries again by this policy. Every error is transient, unless [`when`](Builder::when) or [`classify`](Builder::classify)
    /// say otherwise; an attempt that timed out is, unless [`timeouts_final`](Builder::timeouts_final); a breaker that refuses ends it, unless told
    /// [to wait](Builder::wait_for_refusals).
    pub fn retry<P: Plan>(self, plan: P) -> Builder<D, L, B, T, Retrying<P>, S, J, O, N, C> {
        let retry = Retrying { plan, classify: Unclassified, budget: (), failed: Count::zero() };
        with!(self, retry: retry, shedder limiter breaker judge limit sleeper clock observer counters)
    }
}

impl<D, L, B, T, P, K, S, J, O, N, C> Builder<D, L, B, T, Retrying<P, K>, S, J, O, N, C> {
    /// Takes a token for each retry from this budget: `&Budget`, or an `Arc` of one.
    pub fn budget<A: Allowance>(self, budget: A) -> Builder<D, L, B, T, Retrying<P, K, A>, S, J, O, N, C> {
        with!(self, retry: |Retrying { plan, classify, budget: (), failed }| Retrying { plan, classify, budget, failed }, shedder limiter breaker judge limit sleeper clock observer counters)
    }
}

impl<D, L, B, T, P, A, S, J, O, N, C> Builder<D, L, B, T, Retrying<P, Unclassified, A>, S, J, O, N, C> {
    /// The call's own errors of which this is true are tried again, others are not: those are answers, and no fallback stands in for
    /// them.
    pub fn when<E, Q: Fn(&E) -> bool>(
        self,
        transient: Q,
    ) -> Builder<D, L, B, T, Retrying<P, When<Q>, A>, S, J, O, N, C> {
        let classify = When::new(transient);
        with!(self, retry: |Retrying { plan, classify: Unclassified, budget, failed }| Retrying { plan, classify, budget, failed }, shedder limiter breaker judge limit sleeper clock observer counters)
    }

    /// Says of each of the call's own errors what it means to the retry: a [`Class`](crate::retry::Class).
    pub fn classify<E, K: Fn(&E) -> Class>(
        self,
        classify: K,
    ) -> Builder<D, L, B, T, Retrying<P, K, A>, S, J, O, N, C> {
        with!(self, retry: |Retrying { plan, classify: Unclassified, budget, failed }| Retrying { plan, classify, budget, failed }, shedder limiter breaker judge limit sleeper clock observer counters)
    }
}

impl<D, L, B, T, R, S, O, N, C> Builder<D, L, B, T, R, S, ErrorsFail, O, N, C> {
    /// Says of each result what it means to the breaker. Unless told, every `Ok` is a success, and every `Err` a failure.
    pub fn judge<V, E, J>(self, judge: J) -> Builder<D, L, B, T, R, S, J, O, N, C>
    where
        J: Fn(&Result<V, E>) -> Verdict,
    {
        with!(self, judge: judge, shedder limiter retry breaker limit sleeper clock observer counters)
    }
}

impl<D, L, B, T, R, S, J, O, N, C> Builder<D, L, B, T, R, S, J, O, N, C> {
    /// How long all of it may take, waits and retries included, from the first moment that it would wait: a call that is ready
    /// at once reads no clock. It cuts off the attempt that is under way.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = Some(deadline);
        self
    }

    /// Tells the observer of calls that ended, but took longer than this. Costs two clock readings a call.
    pub const fn slow_over(mut self, threshold: Duration) -> Self {
        self.settings.slow = Some(threshold);
        self
    }

    /// How much these calls matter to the shedder. Unless told, they are `Normal`.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.settings.priority = priority;
        self
    }

    /// Waits for a breaker that refuses for as long as it asks, where the deadline allows, and without a token of the budget. Unless told, its
    /// refusal is final and comes at once: that is what a breaker is for.
    ///
    /// For background work that has the time. All who wait for one breaker come back at the same moment, of whom it lets one
    /// through; meanwhile each keeps its slot of the shedder. With a fallback nobody waits.
    pub const fn wait_for_refusals(mut self) -> Self {
        self.settings.patient = true;
        self
    }

    /// Does not try again what timed out: for calls that must not be made twice. Unless told, an attempt that had not ended at its limit
    /// is transient, whatever `when` and `classify` say of the call's own errors.
    pub const fn timeouts_final(mut self) -> Self {
        self.settings.timeouts_final = true;
        self
    }

    /// What to wait with, and what to measure limits with: `tokio::time::sleep`, say.
    pub fn sleep<Z: Sleep>(self, sleeper: Z) -> Builder<D, L, B, T, R, Z, J, O, N, C> {
        with!(self, sleeper: sleeper, shedder limiter retry breaker judge limit clock observer counters)
    }

    /// Measures deadlines and latencies by this clock.
    pub fn clock<Y: TimeSource>(self, clock: Y) -> Builder<D, L, B, T, R, S, J, O, N, Y> {
        with!(self, clock: clock, shedder limiter retry breaker judge limit sleeper observer counters)
    }

    /// Who is told of [`Event`](crate::guard::Event)s.
    pub fn observer<M>(self, observer: M) -> Builder<D, L, B, T, R, S, J, M, N, C> {
        with!(self, observer: observer, shedder limiter retry breaker judge limit sleeper clock counters)
    }

    /// With [`Counters`].
    pub fn counted(self) -> Builder<D, L, B, T, R, S, J, O, Counters, C> {
        let counters = Counters::new();
        with!(self, counters: counters, shedder limiter retry breaker judge limit sleeper clock observer)
    }
}

impl<D, L, B, T: LimitLayer, R: RetryLayer, S, J, O, N, C: TimeSource> Builder<D, L, B, T, R, S, J, O, N, C> {
    /// The guard, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub fn build(self) -> Result<Guard<D, L, B, T, R, S, J, O, N, C>, InvalidPolicy> {
        let Self { settings, layers } = self;
        let zero = Value::Duration(Duration::ZERO);
        if settings.deadline == Some(Duration::ZERO) {
            return Err(invalid!("deadline", zero, "must be above zero"));
        }
        if settings.slow == Some(Duration::ZERO) {
            return Err(invalid!("slow_over", zero, "must be above zero"));
        }
        if layers.limit.limit() == Some(Duration::ZERO) {
            return Err(invalid!("limit", zero, "must be above zero"));
        }
        if settings.deadline.is_some() && layers.clock.time().is_none() {
            return Err(invalid!("deadline", Value::Missing, "must have a clock: say `.clock(…)`"));
        }
        let longer = |inner: Option<Duration>, outer: Option<Duration>| match (inner, outer) {
            (Some(inner), Some(outer)) if inner > outer => Some(Value::Duration(inner)),
            _ => None,
        };
        if let Some(limit) = longer(if T::LEARNS { None } else { layers.limit.limit() }, settings.deadline) {
            return Err(invalid!("limit", limit, "must not be longer than the deadline over all attempts"));
        }
        if let Some(retries) = longer(layers.retry.deadline(), settings.deadline) {
            return Err(invalid!("retry", retries, "must not have a deadline after the guard's own"));
        }
        if let Some(slow) = longer(settings.slow, settings.deadline) {
            return Err(invalid!(
                "slow_over",
                slow,
                "must not be longer than the deadline: nothing would ever be slow"
            ));
        }
        Ok(Guard { settings, layers })
    }
}

impl<D, L, B, T, R, S, J, O, N, C> fmt::Debug for Builder<D, L, B, T, R, S, J, O, N, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
