//! Four kinds of clients: what each process of the fleet does with a call, by the library that this is all about.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fusebox::breaker::{CircuitBreaker, Policy as Breaking};
use fusebox::guard::Guard;
use fusebox::retry::{Allowed, Budget, Delays, Plan, Policy, Retryable};
use fusebox::sleep::Sleep as _;
use fusebox::timeout::timeout;
use serde::Serialize;

use crate::agenda::Agenda;
use crate::service::{Down, Service};
use crate::world::{ATTEMPTS, BACKOFF, LIMIT, NAIVE_PAUSE};

/// One retry for every ten calls, ten at once; and one a second besides.
const ALLOWED: Allowed = Allowed::ratio(0.1).min_per_second(1).constant();

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Tries again after a short while that never changes.
    Naive,
    /// Tries again after a while that grows, with jitter.
    Backoff,
    /// The same, from a budget that the process shares.
    Budget,
    /// The same inside one guard of the process, with a breaker. It needs no ramp: nobody has waited for it to close.
    Guard,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Naive, Self::Backoff, Self::Budget, Self::Guard];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive retry",
            Self::Backoff => "backoff",
            Self::Budget => "backoff, budget",
            Self::Guard => "guard",
        }
    }
}

/// A call under way; whether it succeeds.
pub type Call<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;
/// Makes the calls of one process.
pub type Process<'a> = Box<dyn Fn() -> Call<'a> + 'a>;

/// A process of clients of this kind, with what they share.
pub fn process<'a>(
    kind: Kind,
    agenda: &'a Agenda,
    service: &'a Service<'a>,
    seed: u64,
) -> anyhow::Result<Process<'a>> {
    let plan = Rc::new(Drawn::new(BACKOFF, seed));
    Ok(match kind {
        Kind::Naive => Box::new(move || Box::pin(naive(agenda, service))),
        Kind::Backoff => Box::new(move || {
            let plan = Rc::clone(&plan);
            Box::pin(async move { (|| attempt(agenda, service)).retry(&*plan).sleep(agenda).await.is_ok() })
        }),
        Kind::Budget => {
            let budget = Rc::new(Budget::new(ALLOWED).with_clock(agenda.clock()));
            Box::new(move || {
                let (plan, budget) = (Rc::clone(&plan), Rc::clone(&budget));
                Box::pin(async move {
                    let retried = (|| attempt(agenda, service)).retry(&*plan).budget(&*budget);
                    retried.sleep(agenda).await.is_ok()
                })
            })
        }
        Kind::Guard => {
            let breaking = Breaking::consecutive_failures(5)
                .open_duration(Duration::from_secs(2))
                .open_jitter_seeded(0.25, seed)
                .build()?;
            let guard = Guard::builder("service")
                .deadline(Duration::from_secs(2))
                .retry(Drawn::new(BACKOFF, seed))
                .budget(Budget::new(ALLOWED).with_clock(agenda.clock()))
                .breaker(CircuitBreaker::new(breaking).with_clock(agenda.clock()))
                .limit(LIMIT)
                // Who waits for an open breaker until its deadline makes the first probe, with no time left for an answer.
                .sleep(agenda)
                .clock(agenda.clock())
                .build()?;
            let guard = Rc::new(guard);
            Box::new(move || {
                let guard = Rc::clone(&guard);
                Box::pin(async move { guard.call(|| service.ask()).await.is_ok() })
            })
        }
    })
}

/// One attempt with its limit, as all kinds but the guard make it; that has the same inside.
async fn attempt(agenda: &Agenda, service: &Service<'_>) -> Result<(), Down> {
    timeout(LIMIT, &agenda, service.ask()).await.unwrap_or(Err(Down))
}

/// What stands in many a program.
async fn naive(agenda: &Agenda, service: &Service<'_>) -> bool {
    for _ in 1..ATTEMPTS {
        if attempt(agenda, service).await.is_ok() {
            return true;
        }
        agenda.sleep(NAIVE_PAUSE).await;
    }
    attempt(agenda, service).await.is_ok()
}

/// A policy whose calls draw different jitter, and the same in every run: the library's own takes its seeds from the system.
struct Drawn {
    policy: Policy,
    seed: u64,
    calls: AtomicU64,
}

impl Drawn {
    const fn new(policy: Policy, seed: u64) -> Self {
        Self { policy, seed, calls: AtomicU64::new(0) }
    }
}

impl Plan for Drawn {
    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn delays(&self) -> Delays {
        // Far enough apart for the seeds of all processes and calls to differ.
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        self.policy.seeded((self.seed << 32).wrapping_add(call)).delays()
    }
}
