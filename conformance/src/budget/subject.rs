//! The budgets that are put to the test, through their public methods: every instant given, the clock read, or all of it done
//! by calls that are retried.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fusebox::observe::Observer;
use fusebox::retry::{
    Allowed, BlockingRetryable, Budget, BudgetEvent, BudgetLook, Class, Course, Next, NoToken, Policy,
};
use fusebox::time::{Instant, ManualClock, NoClock};

/// What is done to a budget, each at the instant that is given.
pub trait Subject {
    const NAME: &'static str;

    fn of(allowed: Allowed) -> Self;

    fn deposit(&self, now: Instant);

    /// Whether a retry was granted, and what the refusal told, where the caller sees it.
    fn retry(&self, now: Instant) -> (bool, Option<NoToken>);

    fn look(&self, now: Instant) -> BudgetLook;

    /// Refusals that the observer was told of.
    fn told(&self) -> u64;
}

/// Counts what it is told.
#[derive(Debug, Default)]
pub struct Told(AtomicU64);

impl Observer<BudgetEvent> for Told {
    fn notice(&self, event: &BudgetEvent) {
        if matches!(event, BudgetEvent::Refused(_)) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Every instant is given.
pub struct Given {
    budget: Budget<NoClock, Arc<Told>>,
    told: Arc<Told>,
}

impl Subject for Given {
    const NAME: &'static str = "instants given";

    fn of(allowed: Allowed) -> Self {
        let told = Arc::<Told>::default();
        Self { budget: Budget::with_parts(allowed, NoClock, Arc::clone(&told)), told }
    }

    fn deposit(&self, now: Instant) {
        self.budget.deposit_at(now);
    }

    fn retry(&self, now: Instant) -> (bool, Option<NoToken>) {
        let retry = self.budget.withdraw_at(now);
        (retry.is_ok(), retry.err())
    }

    fn look(&self, now: Instant) -> BudgetLook {
        self.budget.look_at(now)
    }

    fn told(&self) -> u64 {
        self.told.0.load(Ordering::Relaxed)
    }
}

/// The clock is read.
pub struct Read {
    clock: Arc<ManualClock>,
    budget: Budget<Arc<ManualClock>, Arc<Told>>,
    told: Arc<Told>,
}

impl Read {
    fn at(&self, now: Instant) -> &Budget<Arc<ManualClock>, Arc<Told>> {
        self.clock.set(now);
        &self.budget
    }
}

impl Subject for Read {
    const NAME: &'static str = "clock read";

    fn of(allowed: Allowed) -> Self {
        let (clock, told) = (Arc::<ManualClock>::default(), Arc::<Told>::default());
        Self { budget: Budget::with_parts(allowed, Arc::clone(&clock), Arc::clone(&told)), clock, told }
    }

    fn deposit(&self, now: Instant) {
        self.at(now).deposit();
    }

    fn retry(&self, now: Instant) -> (bool, Option<NoToken>) {
        let retry = self.at(now).withdraw();
        (retry.is_ok(), retry.err())
    }

    fn look(&self, now: Instant) -> BudgetLook {
        self.at(now).look()
    }

    fn told(&self) -> u64 {
        self.told.0.load(Ordering::Relaxed)
    }
}

/// Calls that are retried deposit and take: nobody asks the budget anything else.
pub struct Called {
    read: Read,
    once_more: Policy,
}

impl Subject for Called {
    const NAME: &'static str = "by calls";

    fn of(allowed: Allowed) -> Self {
        const ONCE_MORE: Policy = Policy::attempts(2).constant();
        Self { read: Read::of(allowed), once_more: ONCE_MORE }
    }

    fn deposit(&self, now: Instant) {
        let first = || Ok::<_, ()>(());
        let _ = BlockingRetryable::retry(first, self.once_more).budget(self.read.at(now)).call();
    }

    fn retry(&self, now: Instant) -> (bool, Option<NoToken>) {
        let mut course = Course::new(&self.once_more);
        let next = course.failed(Class::Transient, Some(now), self.read.at(now));
        (matches!(next, Next::Wait(_)), None)
    }

    fn look(&self, now: Instant) -> BudgetLook {
        self.read.look(now)
    }

    fn told(&self) -> u64 {
        self.read.told()
    }
}
