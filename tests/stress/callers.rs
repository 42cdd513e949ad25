//! What one caller does: calls that end in every way, and now and then a hand on the breaker.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use fusebox::breaker::{FailureKind, Holder, Permit, Plan, Rejected, Snapshot, State, Verdict};

use crate::ledger::{Ledger, Random};
use crate::watcher::{Planned, Watched};

/// What a caller may do beside calling.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habits {
    /// How many calls of a hundred fail while the dependency is ill.
    pub ill_percent: u64,
    /// Forgets a permit now and then (`mem::forget`).
    pub forgets: bool,
    /// Forces open, disables, resets, restores, and casts shadows.
    pub by_hand: bool,
}

/// What all callers share.
pub struct Scene<P: Plan + 'static> {
    pub breaker: Arc<Watched<P>>,
    pub habits: Habits,
    pub half_open_calls: u32,
    /// Failures come in bursts.
    ill: AtomicBool,
    /// Probes that are known to be out, by their generation.
    probes: Box<[AtomicU32]>,
}

impl<P: Plan + 'static> Scene<P> {
    pub fn new(breaker: Arc<Watched<P>>, habits: Habits, half_open_calls: u32) -> Self {
        let probes = (0..=u16::MAX).map(|_| AtomicU32::new(0)).collect();
        Self { breaker, habits, half_open_calls, ill: AtomicBool::new(true), probes }
    }

    fn enter(&self, permit: &Permit<impl Holder>) {
        if permit.is_probe() {
            let out = self.probes[usize::from(permit.generation())].fetch_add(1, Relaxed) + 1;
            assert!(out <= self.half_open_calls, "{out} probes at once");
        }
    }

    fn leave(&self, permit: &Permit<impl Holder>) {
        if permit.is_probe() {
            self.probes[usize::from(permit.generation())].fetch_sub(1, Relaxed);
        }
    }
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Success,
    Error,
    Timeout,
    Panic,
    Ignored,
    Cancelled,
    Forgotten,
}

/// A caller.
pub struct Caller<'a, P: Plan + 'static> {
    pub scene: &'a Scene<P>,
    pub random: Random,
    held: Vec<Permit<&'a Watched<P>>>,
    kept: Snapshot,
    /// How often it may still do so: generations must not come round.
    hands: u32,
    pub ledger: Ledger,
}

impl<'a, P: Plan + 'static> Caller<'a, P> {
    pub fn new(scene: &'a Scene<P>, seed: u64) -> Self {
        Self {
            scene,
            random: Random::seeded(seed),
            held: Vec::new(),
            kept: scene.breaker.snapshot(),
            hands: 1_000,
            ledger: Ledger::default(),
        }
    }

    /// Calls until it is told to stop, which it asks after every few calls.
    pub fn work(mut self, goes_on: impl Fn(u64) -> bool) -> Ledger {
        while goes_on(self.ledger.asked()) {
            (0..64).for_each(|_| self.step());
        }
        while let Some(permit) = self.held.pop() {
            self.finish(permit);
        }
        self.ledger
    }

    fn step(&mut self) {
        if self.random.once_in(2_000) {
            self.scene.ill.fetch_xor(true, Relaxed);
        }
        if self.scene.habits.by_hand && self.hands > 0 && self.random.once_in(1_000) {
            self.hands -= 1;
            self.lay_hands_on();
        }
        match self.random.below(16) {
            0..=4 => self.call(),
            5 | 6 => self.call_with(),
            7 => self.acquire_owned(),
            8 => self.call_async(),
            9 => self.stream(),
            _ => self.acquire(),
        }
    }

    pub fn end(&mut self) -> End {
        let ill = self.scene.ill.load(Relaxed);
        let fails = self.random.below(100) < if ill { self.scene.habits.ill_percent } else { 1 };
        match (fails, self.random.below(64)) {
            (true, 0..=3) => End::Panic,
            (true, 4..=12) => End::Timeout,
            (true, _) => End::Error,
            (false, 0) => End::Ignored,
            (false, 1 | 2) => End::Cancelled,
            (false, 3..=9) if self.scene.habits.forgets => End::Forgotten,
            (false, _) => End::Success,
        }
    }

    fn acquire(&mut self) {
        match self.scene.breaker.acquire() {
            Ok(permit) => {
                self.scene.enter(&permit);
                self.ledger.admitted += 1;
                self.ledger.executed += 1;
                self.held.push(permit);
            }
            Err(rejected) => self.rejected(rejected),
        }
        // Some are held while others are made, so that they end late.
        while self.held.len() > usize::from(self.random.once_in(4)) * 3 {
            let which = self.random.below(self.held.len() as u64) as usize;
            let permit = self.held.swap_remove(which);
            self.finish(permit);
        }
    }

    fn acquire_owned(&mut self) {
        match self.scene.breaker.acquire_owned() {
            Ok(permit) => {
                self.scene.enter(&permit);
                self.ledger.admitted += 1;
                self.ledger.executed += 1;
                let end = self.end();
                self.pause();
                self.scene.leave(&permit);
                self.settle(permit, end);
            }
            Err(rejected) => self.rejected(rejected),
        }
    }

    fn finish(&mut self, permit: Permit<&'a Watched<P>>) {
        let end = self.end();
        if end != End::Forgotten {
            self.scene.leave(&permit);
        }
        self.settle(permit, end);
    }

    fn settle<R>(&mut self, permit: Permit<R>, end: End)
    where
        R: Holder,
        Permit<R>: Record,
    {
        self.note(end);
        match end {
            End::Success => permit.say(Verdict::Success),
            End::Error => permit.say(Verdict::Failure(FailureKind::Error)),
            End::Timeout => permit.say(Verdict::Failure(FailureKind::Timeout)),
            End::Ignored => permit.say(Verdict::Ignored),
            End::Cancelled => drop(permit),
            End::Forgotten => core::mem::forget(permit),
            End::Panic => {
                let unwound = catch_unwind(AssertUnwindSafe(move || {
                    let _permit = permit;
                    panic_any(Planned)
                }));
                assert!(unwound.is_err());
            }
        }
    }

    fn lay_hands_on(&mut self) {
        let breaker = &self.scene.breaker;
        match self.random.below(8) {
            0 => {
                breaker.force_open();
                self.ledger.force_opens += 1;
            }
            1 => {
                breaker.disable();
                self.ledger.disables += 1;
            }
            2 | 3 => {
                breaker.reset();
                self.ledger.resets += 1;
            }
            4 => breaker.set_shadow(true),
            5 => breaker.set_shadow(false),
            6 => self.kept = breaker.snapshot(),
            _ => {
                breaker.restore(&self.kept).expect("a breaker's own snapshot");
                self.ledger.restores += 1;
            }
        }
    }

    /// Stays away for a moment now and then, so that others come in between.
    fn pause(&mut self) {
        if self.random.once_in(256) {
            std::thread::yield_now();
        }
    }

    pub fn made(&mut self, end: End) {
        self.ledger.admitted += 1;
        self.note(end);
    }

    fn note(&mut self, end: End) {
        let ledger = &mut self.ledger;
        *match end {
            End::Success => &mut ledger.successes,
            End::Error => &mut ledger.errors,
            End::Timeout => &mut ledger.timeouts,
            End::Panic => &mut ledger.panics,
            End::Ignored => &mut ledger.ignored,
            End::Cancelled => &mut ledger.cancelled,
            End::Forgotten => &mut ledger.forgotten,
        } += 1;
    }

    pub fn rejected(&mut self, rejected: Rejected) {
        self.ledger.rejected += 1;
        let state = rejected.state();
        assert!(!matches!(state, State::Closed | State::Disabled), "{rejected:?}");
        assert!(rejected.retry_after().is_none() || state == State::Open, "{rejected:?}");
        assert_ne!(rejected.retry_after(), Some(core::time::Duration::ZERO), "{rejected:?}");
        assert!(rejected.rejections().is_some(), "{rejected:?}");
        self.pause();
    }
}

/// Saying an outcome, whoever holds the breaker.
trait Record {
    fn say(self, verdict: Verdict);
}

impl<P: Plan + 'static> Record for Permit<&Watched<P>> {
    fn say(self, verdict: Verdict) {
        self.record(verdict);
    }
}

impl<P: Plan + 'static> Record for Permit<Arc<Watched<P>>> {
    fn say(self, verdict: Verdict) {
        self.record(verdict);
    }
}
