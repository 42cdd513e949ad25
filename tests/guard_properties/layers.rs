//! Layers that may be there or not, so that one type of guard has any of them; what is there is the real thing.

use core::cell::Cell;
use core::time::Duration;

use fusebox::breaker::{self, CircuitBreaker, ErrorsFail, FullPolicy};
use fusebox::fallback::{self, Freshness, LastGood};
use fusebox::guard::{Counters, Guard, LimitLayer, Retrying};
use fusebox::limiter::{self, Quota, RateLimiter, Strict};
use fusebox::pressure::{self, Capacity, Fixed, LoadShedder, Priority};
use fusebox::retry::{Allowance, Allowed, Budget, Class, Jitter, Policy, Seeded};
use fusebox::time::{Instant, ManualClock};
use fusebox::timeout::{Adapting, AdaptiveTimeout};

use super::script::{self, Layers, millis};

/// What the calls fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Transient,
    Permanent,
    After(Duration),
}

pub type Breaker<'a> = CircuitBreaker<FullPolicy, &'a ManualClock, (), breaker::Counters>;
pub type Shedder<'a> = LoadShedder<Fixed, &'a ManualClock, (), pressure::Counters>;
pub type Limiter<'a> = RateLimiter<Strict, &'a ManualClock, (), limiter::Counters>;
pub type Cache<'a> = LastGood<u8, u32, &'a ManualClock, (), fallback::Counters>;

/// What it means to the retry.
pub type Meaning = fn(&Failure) -> Class;

/// A guard with any layers.
pub type Guarded<'a> = Guard<
    &'a Option<Shedder<'a>>,
    &'a Option<Limiter<'a>>,
    &'a Option<Breaker<'a>>,
    AnyLimit<'a>,
    Retrying<Seeded, Meaning, &'a Purse<'a>>,
    &'a ManualClock,
    ErrorsFail,
    (),
    Counters,
    &'a ManualClock,
>;

/// All of them.
pub struct Parts<'a> {
    pub shedder: Option<Shedder<'a>>,
    pub limiter: Option<Limiter<'a>>,
    pub breaker: Option<Breaker<'a>>,
    pub purse: Purse<'a>,
    pub cache: Cache<'a>,
}

/// A budget that may be missing, and what was asked of it.
pub struct Purse<'a> {
    pub budget: Option<Budget<&'a ManualClock>>,
    /// Tenths of a token for each first call.
    pub ratio: u64,
    pub initial: u64,
    pub deposits: Cell<u32>,
    pub grants: Cell<u32>,
}

pub enum AnyLimit<'a> {
    None,
    Fixed(Duration),
    Adaptive(Box<AdaptiveTimeout<&'a ManualClock>>),
}

impl<'a> Parts<'a> {
    pub fn of(layers: &Layers, clock: &'a ManualClock) -> Self {
        let shedder = layers.shedder.map(|slots| {
            let capacity = Capacity::of(u32::from(slots % 5).max(1)).build().unwrap();
            LoadShedder::with_parts(capacity, clock, (), pressure::Counters::new())
        });
        let limiter = layers.limiter.map(|cells| {
            let quota = Quota::per_second(100).burst(u32::from(cells % 10).max(1)).build().unwrap();
            RateLimiter::with_parts(quota, clock, (), limiter::Counters::new())
        });
        let breaker = layers.breaker.as_ref().map(|told| {
            let policy = breaker::Policy::consecutive_failures(u32::from(told.failures % 8).max(1))
                .open_duration(millis(told.open.max(1)))
                .half_open_calls(u32::from(told.probes % 4).max(1))
                .success_threshold(u32::from(told.successes % 4).max(1));
            CircuitBreaker::with_parts(policy.full().build().unwrap(), clock, (), breaker::Counters::new())
        });
        let (ratio, initial) =
            layers.retry.budget.map_or((0, 0), |(ratio, initial)| (ratio % 10 + 1, initial % 5));
        let budget = layers.retry.budget.map(|_| {
            let allowed = Allowed::ratio(f64::from(ratio) / 10.0).initial(initial.into());
            Budget::with_parts(allowed.capacity(10_000).build().unwrap(), clock, ())
        });
        let fresh = millis(layers.cache.unwrap_or(0));
        let freshness = Freshness::of(8).fresh(fresh).stale(fresh + millis(100)).build().unwrap();
        Self {
            shedder,
            limiter,
            breaker,
            purse: Purse {
                budget,
                ratio: ratio.into(),
                initial: initial.into(),
                deposits: Cell::new(0),
                grants: Cell::new(0),
            },
            cache: LastGood::with_parts(freshness, clock, (), fallback::Counters::new()),
        }
    }

    pub fn guard<'b: 'a>(&'b self, layers: &Layers, clock: &'a ManualClock) -> Guarded<'a> {
        let jitter = if layers.retry.jitter { Jitter::Full } else { Jitter::None };
        let retry =
            Policy::attempts(layers.attempts()).initial_delay(millis(layers.retry.delay)).jitter(jitter);
        let meaning: Meaning = |failure| match failure {
            Failure::Transient => Class::Transient,
            Failure::Permanent => Class::Permanent,
            Failure::After(wait) => Class::After(*wait),
        };
        let limit = match layers.limit {
            script::Limit::None => AnyLimit::None,
            script::Limit::Fixed(limit) => AnyLimit::Fixed(layers.limit(limit)),
            script::Limit::Adaptive(initial) => {
                let adapting = Adapting::from(layers.limit(initial)).minimum_samples(1).quantile(0.5);
                AnyLimit::Adaptive(Box::new(AdaptiveTimeout::with_parts(
                    adapting.build().unwrap(),
                    clock,
                    (),
                )))
            }
        };
        let guard = Guard::builder("guarded")
            .shedder(&self.shedder)
            .limiter(&self.limiter)
            .breaker(&self.breaker)
            .limit(limit)
            .retry(retry.build().unwrap().seeded(layers.retry.seed.into()))
            .budget(&self.purse)
            .classify(meaning)
            .priority(Priority::Critical);
        let guard = match layers.deadline {
            Some(deadline) => guard.deadline(millis(deadline.max(1))),
            None => guard,
        };
        let guard = if layers.patient { guard.wait_for_refusals() } else { guard };
        guard.sleep(clock).clock(clock).counted().build().unwrap()
    }
}

impl Allowance for Purse<'_> {
    fn deposit(&self, now: Option<Instant>) {
        if let Some(budget) = &self.budget {
            self.deposits.set(self.deposits.get() + 1);
            Allowance::deposit(budget, now);
        }
    }

    fn withdraw(&self, now: Option<Instant>) -> bool {
        let Some(budget) = &self.budget else { return true };
        let granted = Allowance::withdraw(budget, now);
        self.grants.set(self.grants.get() + u32::from(granted));
        granted
    }
}

impl LimitLayer for AnyLimit<'_> {
    const LEARNS: bool = true;

    fn limit(&self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Fixed(limit) => Some(*limit),
            Self::Adaptive(limit) => Some(limit.limit()),
        }
    }

    fn succeeded(&self, took: Duration, now: Instant) {
        if let Self::Adaptive(limit) = self {
            limit.record_at(took, now);
        }
    }

    fn timed_out(&self, limit: Duration, now: Instant) {
        if let Self::Adaptive(adaptive) = self {
            adaptive.timed_out_after_at(limit, now);
        }
    }

    fn is_at_its_ceiling(&self) -> bool {
        matches!(self, Self::Adaptive(limit) if limit.is_at_ceiling())
    }
}
