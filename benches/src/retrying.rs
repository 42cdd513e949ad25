//! One contestant among the retry budgets: each operation is a first call that deposits and a retry that takes.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::contest::{Batch, Contestant, Identity, Unfit};

/// How many operations stand for "all of them".
const MANY: u32 = 1_000;

/// A budget that threads share, in which each first call deposits a whole token.
pub trait Budget: Send + Sync + 'static {
    /// A first call. Every implementation passes itself through [`black_box`], so that nothing known of it at compile time helps.
    fn deposit(&self);

    /// A retry; whether there was a token.
    fn withdraw(&self) -> bool;
}

/// Puts a budget that `make` makes on trial, and gives the contestant.
pub fn contestant<B: Budget>(who: Identity, make: impl Fn() -> B) -> Result<Contestant, Unfit> {
    grants_what_was_deposited(&make()).map_err(|what| who.unfit(what))?;
    let budget = Arc::new(make());
    let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let (timed, counted) = (Arc::clone(&budget), Arc::clone(&counts));
    let batch: Batch = Arc::new(move |count| {
        let granted = repeat(&*timed, count);
        counted.0.fetch_add(count, Relaxed);
        counted.1.fetch_add(granted, Relaxed);
    });
    let afterwards = move || {
        let (asked, granted) = (counts.0.load(Relaxed), counts.1.load(Relaxed));
        // One whose steps are apart may refuse somebody who comes in between.
        if (asked - granted) * 1_000 > asked {
            return Err(format!("of {asked} retries that were timed it granted {granted}"));
        }
        grants_what_was_deposited(&*budget)
    };
    Ok(Contestant::of(who, move || Arc::clone(&batch), afterwards))
}

/// Each deposit buys one retry, and nothing else does.
fn grants_what_was_deposited(budget: &impl Budget) -> Result<(), String> {
    for nth in 1..=MANY {
        budget.deposit();
        if !budget.withdraw() {
            return Err(format!("retry {nth} of {MANY} was refused, and its token had been deposited"));
        }
        if budget.withdraw() {
            return Err(format!("a retry beside {nth} of {MANY} was granted without a token"));
        }
    }
    Ok(())
}

/// What is timed, compiled once for each contestant with its operations in the loop; how many were granted.
#[inline(never)]
fn repeat(budget: &impl Budget, count: u64) -> u64 {
    let mut granted = 0;
    for _ in 0..count {
        budget.deposit();
        granted += u64::from(black_box(budget.withdraw()));
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Identity = Identity { name: "a budget", version: "0" };

    /// Grants all, or nothing.
    struct Always(bool);

    impl Budget for Always {
        fn deposit(&self) {}

        fn withdraw(&self) -> bool {
            self.0
        }
    }

    #[test]
    fn who_grants_nothing_or_everything_is_unfit() {
        let refused = contestant(WHO, || Always(false)).err().map(|unfit| unfit.what);
        assert_eq!(refused.as_deref(), Some("retry 1 of 1000 was refused, and its token had been deposited"));
        let granted = contestant(WHO, || Always(true)).err().map(|unfit| unfit.what);
        assert_eq!(granted.as_deref(), Some("a retry beside 1 of 1000 was granted without a token"));
    }
}
