//! The budget as one would write it first, and the models of `retry_budget.rs` that see it fail.

use std::sync::Arc;

use loom::sync::atomic::{
    AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use crate::harness::{at_once, model};

/// Whole tokens, and the instant up to which time is credited.
#[derive(Default)]
struct Naive {
    balance: AtomicU64,
    latest: AtomicU64,
}

impl Naive {
    fn holding(tokens: u64) -> Arc<Self> {
        Arc::new(Self { balance: AtomicU64::new(tokens), ..Self::default() })
    }

    /// Load, check, subtract.
    fn check_then_take(&self) -> u64 {
        if self.balance.load(Acquire) == 0 {
            return 0;
        }
        self.balance.fetch_sub(1, AcqRel);
        1
    }

    /// Load, store: what happened in between is overwritten.
    fn deposit_by_store(&self) {
        self.balance.store(self.balance.load(Acquire) + 1, Release);
    }

    /// A token each tick, since whoever came last.
    fn refill(&self, now: u64) {
        let latest = self.latest.load(Acquire);
        if now > latest {
            self.latest.store(now, Release);
            self.balance.fetch_add(now - latest, AcqRel);
        }
    }
}

/// The library's word, in ticks, read at an instant that was taken `before` it or is known behind it.
struct Word {
    word: AtomicU64,
    latest: AtomicU64,
    raised: bool,
    before: bool,
}

impl Word {
    const CAPACITY: u64 = 4;

    fn new(raised: bool, before: bool) -> Arc<Self> {
        Arc::new(Self { word: AtomicU64::new(0), latest: AtomicU64::new(0), raised, before })
    }

    fn take(&self, now: u64) -> u64 {
        if self.raised {
            self.latest.fetch_max(now, Relaxed);
        }
        let early = self.latest.load(Relaxed).max(now);
        let mut seen = self.word.load(Acquire);
        loop {
            let now = if self.before { early } else { self.latest.load(Relaxed).max(now) };
            let balance = now.wrapping_sub(seen).min(Self::CAPACITY);
            if balance == 0 {
                return 0;
            }
            let next = now.wrapping_sub(balance - 1);
            match self.word.compare_exchange(seen, next, AcqRel, Acquire) {
                Ok(_) => return 1,
                Err(found) => seen = found,
            }
        }
    }
}

/// Two ticks bring two tokens.
fn two_ticks(raised: bool, before: bool) {
    model(move || {
        let word = Word::new(raised, before);
        let (one, two, three) =
            at_once(&word, |word| word.take(1), |word| word.take(2) + word.take(2), |word| word.take(1));
        assert!(one + two + three <= 2, "time is credited twice");
    });
}

#[test]
#[should_panic(expected = "the budget is overdrawn")]
fn load_check_subtract_overdraws() {
    model(|| {
        let naive = Naive::holding(1);
        let take = |naive: &Arc<Naive>| naive.check_then_take();
        let (one, two, three) = at_once(&naive, take, take, take);
        assert!(one + two + three <= 1, "the budget is overdrawn");
    });
}

#[test]
#[should_panic(expected = "a deposit is lost")]
fn load_store_loses_deposits() {
    model(|| {
        let naive = Naive::holding(0);
        let deposit = |naive: &Arc<Naive>| naive.deposit_by_store();
        at_once(&naive, deposit, deposit, deposit);
        assert_eq!(naive.balance.load(Acquire), 3, "a deposit is lost");
    });
}

#[test]
#[should_panic(expected = "time is credited twice")]
fn an_instant_kept_beside_the_balance_credits_time_twice() {
    model(|| {
        let naive = Naive::holding(0);
        at_once(&naive, |naive| naive.refill(1), |naive| naive.refill(2), |naive| naive.refill(2));
        assert!(naive.balance.load(Acquire) <= 2, "time is credited twice");
    });
}

#[test]
#[should_panic(expected = "time is credited twice")]
fn the_latest_instant_read_before_the_word_gives_tokens_early() {
    two_ticks(true, true);
}

#[test]
#[should_panic(expected = "time is credited twice")]
fn an_instant_that_is_not_raised_before_the_swap_gives_tokens_early() {
    two_ticks(false, false);
}

#[test]
fn the_same_raised_before_and_read_behind_gives_nothing_early() {
    two_ticks(true, false);
}
