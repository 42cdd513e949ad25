//! An observer that counts what it is told, calls the breaker again, and sometimes panics.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use fusebox::breaker::{Change, CircuitBreaker, Counters, Event, FailureKind, Plan};
use fusebox::observe::Observer;
use fusebox::time::StdClock;

use crate::ledger::Ledger;

/// A breaker on the real clock that counts and is watched.
pub type Watched<P> = CircuitBreaker<P, StdClock, Arc<Watcher<P>>, Counters>;

/// The payload of every panic that is meant.
pub struct Planned;

/// What an observer does beside counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    Quiet,
    /// Calls the breaker again, and panics now and then.
    Meddling,
}

/// The observer.
pub struct Watcher<P: Plan + 'static> {
    manners: Manners,
    breaker: OnceLock<Weak<Watched<P>>>,
    changes: Mutex<Vec<Change>>,
    /// The generations in which a failure reached its threshold.
    decisive: Mutex<Vec<u16>>,
    failures: [AtomicU64; 4],
    rejected: AtomicU64,
    would_reject: AtomicU64,
    panicked: AtomicU64,
    /// What its own calls came to.
    own: Mutex<Ledger>,
}

/// What a watcher was told in all.
#[derive(Debug)]
pub struct Told {
    pub changes: Vec<Change>,
    pub decisive: Vec<u16>,
    pub errors: u64,
    pub slow: u64,
    pub timeouts: u64,
    pub panics: u64,
    pub rejected: u64,
    pub would_reject: u64,
    /// How often it panicked itself.
    pub panicked: u64,
    pub own: Ledger,
}

std::thread_local! {
    /// Whether this thread is in a hook: the calls of a hook are told to it, too, and must end.
    static IN_A_HOOK: Cell<bool> = const { Cell::new(false) };
}

impl<P: Plan + 'static> Watcher<P> {
    pub fn new(manners: Manners) -> Self {
        Self {
            manners,
            breaker: OnceLock::new(),
            changes: Mutex::default(),
            decisive: Mutex::default(),
            failures: Default::default(),
            rejected: AtomicU64::new(0),
            would_reject: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            own: Mutex::default(),
        }
    }

    pub fn watch(&self, breaker: &Arc<Watched<P>>) {
        assert!(self.breaker.set(Arc::downgrade(breaker)).is_ok(), "it watches one breaker");
    }

    /// Once all callers have ended.
    pub fn told(&self) -> Told {
        let [errors, slow, timeouts, panics] = self.failures.each_ref().map(|count| count.load(Relaxed));
        Told {
            changes: lock(&self.changes).clone(),
            decisive: lock(&self.decisive).clone(),
            errors,
            slow,
            timeouts,
            panics,
            rejected: self.rejected.load(Relaxed),
            would_reject: self.would_reject.load(Relaxed),
            panicked: self.panicked.load(Relaxed),
            own: *lock(&self.own),
        }
    }

    fn meddle(&self, event: &Event) {
        if IN_A_HOOK.get() {
            return;
        }
        IN_A_HOOK.set(true);
        let count = self.failures.iter().map(|count| count.load(Relaxed)).sum::<u64>();
        // Not after every failure, for its successes would end every row.
        let calls = matches!(event, Event::Changed(_)) || count % 8 == 0;
        if let (true, Some(breaker)) = (calls, self.breaker()) {
            self.call_again(&breaker, count);
        }
        IN_A_HOOK.set(false);
        // By the counts, for a hook has no randomness of its own.
        if count % 61 == 7 {
            self.panicked.fetch_add(1, Relaxed);
            std::panic::panic_any(Planned);
        }
    }

    fn breaker(&self) -> Option<Arc<Watched<P>>> {
        self.breaker.get().and_then(Weak::upgrade)
    }

    fn call_again(&self, breaker: &Arc<Watched<P>>, count: u64) {
        let _ = (breaker.look(), breaker.counts());
        let mut own = Ledger::default();
        match breaker.acquire_owned() {
            Ok(permit) => {
                own.admitted += 1;
                own.executed += 1;
                if count % 2 == 0 {
                    own.successes += 1;
                    permit.success();
                } else {
                    own.cancelled += 1;
                    drop(permit);
                }
            }
            Err(_) => own.rejected += 1,
        }
        *lock(&self.own) += own;
    }
}

impl<P: Plan + 'static> Observer<Event> for Watcher<P> {
    fn notice(&self, event: &Event) {
        match event {
            Event::Changed(change) => lock(&self.changes).push(*change),
            Event::Rejected(_) => drop(self.rejected.fetch_add(1, Relaxed)),
            Event::WouldReject(_) => drop(self.would_reject.fetch_add(1, Relaxed)),
            Event::Failure(failure) => {
                let kind = match failure.kind {
                    FailureKind::Error => 0,
                    FailureKind::Slow => 1,
                    FailureKind::Timeout => 2,
                    FailureKind::Panic => 3,
                };
                self.failures[kind].fetch_add(1, Relaxed);
                if failure.failures >= failure.threshold {
                    lock(&self.decisive).push(failure.generation);
                }
            }
            _ => {}
        }
        if self.manners == Manners::Meddling {
            self.meddle(event);
        }
    }
}

/// A hook that panics while it holds a lock would poison it; none does, but a failed assertion elsewhere may.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the panics that are meant off the terminal; all others are told as usual.
pub fn silence_planned_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.payload().is::<Planned>() {
                usual(panic);
            }
        }));
    });
}
