//! 1. However many ask at once, no more retries are granted than there are tokens, and no deposit is lost.
//! 2. Whatever instants they come with, late, early or stepped back, time is credited once: what was granted and what is left are what
//!    was deposited and what the latest instant brings. A reading delayed before the swap gives nothing early.
//! 3. A deposit beside a retry from a full budget counts, or came before it.
//! 4. In shadow somebody without a token is let through, takes none, and is counted.
//!
//! Each of the first two fails for the naive form, which is kept in `retry_budget_naive.rs` to be seen failing.

use std::sync::Arc;
use std::time::Duration;

use fusebox::retry::{Allowed, AllowedBuilder, Budget};
use fusebox::time::{Instant, ManualClock, NoClock};

use crate::harness::{at_once, model, ms};

type Timeless = Budget<NoClock>;

fn budget(allowed: AllowedBuilder) -> Arc<Timeless> {
    Arc::new(Budget::with_parts(allowed.build().unwrap(), NoClock, ()))
}

/// A token by time every ten milliseconds, and half a one for each call.
fn timely() -> AllowedBuilder {
    Allowed::ratio(0.5).min_per_second(100)
}

/// 1, if it was granted.
fn retry(budget: &Timeless, now: Instant) -> u32 {
    u32::from(budget.withdraw_at(now).is_ok())
}

/// Tokens in halves: of these models they are never anything else.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few halves")]
fn halves(tokens: f64) -> u32 {
    let halves = tokens * 2.0;
    assert!(halves.fract().abs() < 1e-9, "{tokens}");
    halves as u32
}

#[test]
fn no_more_is_granted_than_there_is_and_nothing_is_lost() {
    model(|| {
        let budget = budget(Allowed::ratio(0.5).initial(0.5));
        let call = |budget: &Arc<Timeless>| {
            budget.deposit_at(Instant::ORIGIN);
            retry(budget, Instant::ORIGIN)
        };
        let (one, two, three) = at_once(&budget, call, call, call);
        let look = budget.look_at(Instant::ORIGIN);
        assert_eq!(2 * (one + two + three) + halves(look.balance), 4, "{one} {two} {three} {look:?}");
        assert_eq!(u64::from(one + two + three) + look.refused, 3);
    });
}

#[test]
fn time_is_credited_once_whatever_instants_they_come_with() {
    model(|| {
        let budget = budget(timely());
        let (one, two, three) = at_once(
            &budget,
            |budget| retry(budget, ms(10)),
            |budget| retry(budget, ms(20)) + retry(budget, Instant::ORIGIN),
            |budget| retry(budget, ms(5)),
        );
        let (granted, left) = (one + two + three, budget.look_at(Instant::ORIGIN).balance);
        assert_eq!(2 * granted + halves(left), 4, "{one} {two} {three} {left}");
    });
}

#[test]
fn a_deposit_at_a_delayed_instant_brings_no_time() {
    model(|| {
        let budget = budget(timely());
        let ((), granted, ()) = at_once(
            &budget,
            |budget| budget.deposit_at(ms(10)),
            |budget| retry(budget, ms(20)),
            |budget| budget.deposit_at(Instant::ORIGIN),
        );
        let left = budget.look_at(Instant::ORIGIN).balance;
        assert_eq!(2 * granted + halves(left), 6, "{granted} {left}");
    });
}

#[test]
fn the_capacity_bounds_what_delayed_instants_bring_too() {
    model(|| {
        let budget = budget(timely().capacity(1).initial(1.0));
        let (one, two, three) = at_once(
            &budget,
            |budget| retry(budget, ms(5)),
            |budget| retry(budget, ms(10)),
            |budget| {
                budget.deposit_at(Instant::ORIGIN);
                retry(budget, Instant::ORIGIN)
            },
        );
        // One at the beginning, half a one by the deposit, one by time.
        let left = halves(budget.look_at(Instant::ORIGIN).balance);
        let all = 2 * (one + two + three) + left;
        assert!((2..=5).contains(&all) && left <= 2, "{one} {two} {three} {left}");
    });
}

#[test]
fn a_deposit_beside_a_retry_from_a_full_budget_counts_or_came_before_it() {
    model(|| {
        let allowed = Allowed::ratio(0.5).min_per_second(1).capacity(2).initial(2.0).build().unwrap();
        let clock = Arc::new(ManualClock::new());
        let budget = Arc::new(Budget::new(allowed).with_clock(Arc::clone(&clock)));
        type Clocked = Arc<Budget<Arc<ManualClock>>>;
        let ((), one, two) = at_once(
            &budget,
            |budget: &Clocked| budget.deposit(),
            |budget: &Clocked| u32::from(budget.withdraw().is_ok()),
            |budget: &Clocked| u32::from(budget.withdraw().is_ok()),
        );
        assert_eq!((one, two), (1, 1));
        assert!(halves(budget.look().balance) <= 1);
        clock.advance(Duration::from_secs(9));
        assert_eq!(halves(budget.look().balance), 4);
    });
}

#[test]
fn in_shadow_somebody_without_a_token_is_let_through_and_counted() {
    model(|| {
        let budget = budget(Allowed::ratio(0.5).initial(1.5));
        let ((), one, two) = at_once(
            &budget,
            |budget| budget.set_shadow(true),
            |budget| retry(budget, Instant::ORIGIN),
            |budget| retry(budget, Instant::ORIGIN),
        );
        assert!((1..=2).contains(&(one + two)));
        let look = budget.look_at(Instant::ORIGIN);
        assert_eq!((halves(look.balance), look.refused), (1, 1), "one token was taken, one was missing");
        assert_eq!(retry(&budget, Instant::ORIGIN), 1, "it is in shadow by now");
        budget.set_shadow(false);
        let refused = budget.withdraw_at(Instant::ORIGIN).unwrap_err();
        assert_eq!((halves(refused.balance), refused.refused), (1, 3));
    });
}
