//! What every model needs: loom with bounds, three threads, a breaker that is watched, and what must be true of every
//! story a breaker tells.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fusebox::breaker::{Change, CircuitBreaker, Event, Failure, Permit, Plan, Policy, PolicyBuilder};
use fusebox::breaker::{Plain, State, Why};
use fusebox::observe::Observer;
use fusebox::time::{Instant, ManualClock};
use loom::thread;

/// Runs every execution of a model that has at most three preemptions, or as many as `LOOM_MAX_PREEMPTIONS` says.
pub fn model(model: impl Fn() + Send + Sync + 'static) {
    model_within(3, model);
}

/// As [`model`], where three preemptions are too many for a minute.
pub fn model_within(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    // A window by time has some hundred slots, each a schedule point when it is read.
    builder.max_branches = builder.max_branches.max(50_000);
    let (began, executions) = (std::time::Instant::now(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&executions);
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        model();
    });
    let (executions, seconds) = (executions.load(Relaxed), began.elapsed().as_secs_f64());
    println!("{}: {executions} executions in {seconds:.1} s", thread_name());
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or("a model").to_owned()
}

/// Runs the three at once, the last on the model's main thread, and joins them.
///
/// Loom tries out both orders of a read and a write only if the writer did not read the same word in between (its
/// issues 166 and 392): left alone, it never lets a later thread's swap come before an earlier thread's load. So each
/// begins with an addition to one word, which loom tries in every order. That is relaxed: nothing comes with it.
pub fn at_once<S: 'static, A: 'static, B: 'static, C>(
    shared: &Arc<S>,
    first: impl FnOnce(&Arc<S>) -> A + 'static,
    second: impl FnOnce(&Arc<S>) -> B + 'static,
    third: impl FnOnce(&Arc<S>) -> C,
) -> (A, B, C) {
    let gate = Arc::default();
    let (first, second) = (start(shared, &gate, first), start(shared, &gate, second));
    pass(&gate);
    let third = third(shared);
    (first.join().unwrap(), second.join().unwrap(), third)
}

/// As [`at_once`], where the protocol has two sides.
pub fn both_at_once<S: 'static, A: 'static, B>(
    shared: &Arc<S>,
    first: impl FnOnce(&Arc<S>) -> A + 'static,
    second: impl FnOnce(&Arc<S>) -> B,
) -> (A, B) {
    let gate = Arc::default();
    let first = start(shared, &gate, first);
    pass(&gate);
    let second = second(shared);
    (first.join().unwrap(), second)
}

/// As [`both_at_once`], on two threads that share their lanes: the main one, which owns its own, only waits.
pub fn both_sharing<S: 'static, A: 'static, B: 'static>(
    shared: &Arc<S>,
    first: impl FnOnce(&Arc<S>) -> A + 'static,
    second: impl FnOnce(&Arc<S>) -> B + 'static,
) -> (A, B) {
    let gate = Arc::default();
    let (first, second) = (start(shared, &gate, first), start(shared, &gate, second));
    (first.join().unwrap(), second.join().unwrap())
}

fn start<S: 'static, A: 'static>(
    shared: &Arc<S>,
    gate: &Arc<loom::sync::atomic::AtomicU64>,
    role: impl FnOnce(&Arc<S>) -> A + 'static,
) -> thread::JoinHandle<A> {
    let (shared, gate) = (Arc::clone(shared), Arc::clone(gate));
    thread::spawn(move || {
        pass(&gate);
        role(&shared)
    })
}

fn pass(gate: &loom::sync::atomic::AtomicU64) {
    gate.fetch_add(1, loom::sync::atomic::Ordering::Relaxed);
}

/// How long a breaker of these models stays open, and half-open at most.
pub const OPEN: Duration = Duration::from_millis(10);
pub const HALF_OPEN: Duration = Duration::from_millis(20);

pub const fn ms(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

pub const fn after(failures: u32) -> PolicyBuilder<Plain> {
    Policy::consecutive_failures(failures).open_duration(OPEN).half_open_timeout(HALF_OPEN)
}

/// Remembers what it is told. Its mutex is std's, which is no schedule point.
#[derive(Debug, Default)]
pub struct Witness(Mutex<Vec<Event>>);

impl Observer<Event> for Witness {
    fn notice(&self, event: &Event) {
        self.0.lock().unwrap().push(*event);
    }
}

pub type Watched<P = Policy, N = ()> = CircuitBreaker<P, ManualClock, Arc<Witness>, N>;

/// A fresh breaker whose clock stands at its origin.
pub fn watched<P: Plan>(policy: P) -> Arc<Watched<P>> {
    Arc::new(CircuitBreaker::new(policy).with_clock(ManualClock::new()).with_observer(Arc::default()))
}

/// A breaker that opened at the origin, after one failure.
pub fn opened(policy: PolicyBuilder<Plain>) -> Arc<Watched> {
    let breaker = watched(policy.build().unwrap());
    fail(&breaker);
    breaker
}

/// A breaker that went half-open at 10 ms, and the permits of its first probes.
pub fn half_open<const PROBES: usize>(policy: PolicyBuilder<Plain>) -> (Arc<Watched>, [Owned; PROBES]) {
    let breaker = opened(policy);
    breaker.clock().set(ms(10));
    let probes = core::array::from_fn(|_| breaker.acquire_owned().unwrap());
    (breaker, probes)
}

pub type Owned<P = Policy> = Permit<Arc<Watched<P>>>;

/// A call that fails, if it is let through.
pub fn fail<P: Plan>(breaker: &Watched<P>) {
    let _ = breaker.call(|| Err::<(), _>("down"));
}

/// A call that succeeds, if it is let through.
pub fn succeed<P: Plan>(breaker: &Watched<P>) {
    let _ = breaker.call(|| Ok::<_, ()>("up"));
}

impl Witness {
    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// The changes of state, by generation.
    pub fn changes(&self) -> Vec<Change> {
        let change = |event| if let Event::Changed(change) = event { Some(change) } else { None };
        let mut changes: Vec<_> = self.events().into_iter().filter_map(change).collect();
        changes.sort_by_key(|change| change.generation);
        changes
    }

    /// Why each change came about.
    pub fn whys(&self) -> Vec<Why> {
        self.changes().iter().map(|change| change.why).collect()
    }

    pub fn failures(&self) -> Vec<Failure> {
        let failure = |event| if let Event::Failure(failure) = event { Some(failure) } else { None };
        self.events().into_iter().filter_map(failure).collect()
    }
}

/// What must be true of every story that was told once all threads have come home:
///
/// 1. each change of state was told once, and each begins where the one before it ended;
/// 2. nobody became half-open before the open duration had passed;
/// 3. the instants of the last state are known.
pub fn check_story<P: Plan>(breaker: &Watched<P>) {
    let changes = breaker.observer().changes();
    let mut before: Option<Change> = None;
    for (generation, change) in (1..).zip(&changes) {
        assert_eq!(change.generation, generation, "each change is told once: {changes:?}");
        let from = before.map_or(State::Closed, |before| before.to);
        assert_eq!(change.from, from, "each begins where the last one ended: {changes:?}");
        if let (Some(before), Why::OpenElapsed) = (before, change.why) {
            assert!(change.at >= before.at.saturating_add(OPEN), "somebody was freed early: {changes:?}");
        }
        before = Some(*change);
    }
    let now = breaker.look_at(Instant::ORIGIN);
    assert_eq!(u64::from(now.generation), changes.len() as u64, "no change is untold: {changes:?}");
    match now.state {
        State::Open => assert!(now.retry_after.is_some(), "its end is known: {now:?}"),
        State::HalfOpen | State::Recovering | State::ForcedOpen => {
            assert!(now.open_for.is_some(), "its instants are known: {now:?}");
        }
        State::Closed | State::Disabled => {}
    }
}
