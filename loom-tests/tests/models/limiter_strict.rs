//! 1. However many ask at once, no more cells are admitted than there are, and none fewer.
//! 2. A clock reading delayed before the swap admits nobody beyond the bound, and a denial changes nothing.
//! 3. What a refund gives back while others take is given back once.
//! 4. Counters add up.

use std::sync::Arc;
use std::time::Duration;

use fusebox::limiter::{Counters, Quota, RateLimiter, Strict};
use fusebox::time::ManualClock;

use crate::harness::{at_once, model, model_within, ms};

type Limiter = RateLimiter<Strict, ManualClock>;

/// A cell every 10 ms.
fn limiter(burst: u32) -> Arc<Limiter> {
    let quota = Quota::per_second(100).burst(burst).build().unwrap();
    Arc::new(RateLimiter::new(quota).with_clock(ManualClock::new()))
}

fn admitted(limiter: &Limiter, n: u32) -> u32 {
    if limiter.check_n(n).is_allowed() { n } else { 0 }
}

#[test]
fn as_many_cells_are_admitted_as_there_are() {
    model(|| {
        let limiter = limiter(4);
        let ask = |limiter: &Arc<Limiter>| admitted(limiter, 1) + admitted(limiter, 1);
        let (one, two, three) = at_once(&limiter, ask, ask, ask);
        assert_eq!(one + two + three, 4);
    });
}

#[test]
fn a_batch_is_all_or_nothing_beside_others() {
    model(|| {
        let limiter = limiter(4);
        let (one, two, three) = at_once(
            &limiter,
            |limiter| admitted(limiter, 3),
            |limiter| admitted(limiter, 2),
            |limiter| admitted(limiter, 2),
        );
        let all = one + two + three;
        assert!(all == 3 || all == 4, "{one} {two} {three}");
        assert_eq!(limiter.peek().remaining(), 4 - all);
    });
}

#[test]
fn a_clock_reading_delayed_before_the_swap_admits_nobody_beyond_the_bound() {
    model(|| {
        let limiter = limiter(1);
        let ask = |limiter: &Arc<Limiter>| admitted(limiter, 1) + admitted(limiter, 1);
        let (one, two, ()) = at_once(&limiter, ask, ask, |limiter| limiter.clock().set(ms(10)));
        // One at the origin or later, one more from 10 ms on.
        let all = one + two;
        assert!((1..=2).contains(&all), "{all}");
        // Whoever read the origin late must not have paid back what was taken at 10 ms.
        let left = admitted(&limiter, 1);
        assert!(all + left <= 2, "{all} and then {left}");
        limiter.clock().set(ms(30));
        assert_eq!(admitted(&limiter, 1) + admitted(&limiter, 1), 1);
    });
}

#[test]
fn a_stale_reading_pays_nothing_back() {
    model(|| {
        let limiter = limiter(2);
        let (_, two, three) = at_once(
            &limiter,
            |limiter| limiter.check_at(ms(0)).is_allowed(),
            |limiter| limiter.check_n_at(2, ms(100)).is_allowed(),
            |limiter| limiter.check_n_at(2, ms(100)).is_allowed(),
        );
        assert!(u32::from(two) + u32::from(three) <= 1, "no four cells at 100 ms");
        assert!(!limiter.check_n_at(2, ms(100)).is_allowed());
    });
}

#[test]
fn what_is_refunded_beside_others_is_given_back_once() {
    model_within(2, || {
        let limiter = limiter(2);
        let reserved = limiter.reserve(1, Duration::ZERO).unwrap();
        let (back, one, two) = at_once(
            &limiter,
            |limiter| limiter.refund(reserved),
            |limiter| admitted(limiter, 1),
            |limiter| admitted(limiter, 1),
        );
        assert_eq!(back, 1, "the clock stands still, so nothing was used up");
        assert!((1..=2).contains(&(one + two)));
        assert_eq!(limiter.peek().remaining(), 2 - one - two);
    });
}

#[test]
fn a_refund_behind_a_refund_gives_back_nothing_that_is_refilled_already() {
    model_within(2, || {
        let limiter = limiter(3);
        assert_eq!(admitted(&limiter, 1), 1);
        let reserve = || limiter.reserve(1, Duration::ZERO).unwrap();
        let (one, two) = (reserve(), reserve());
        // Without the first, the second one's cell comes back at 20 ms.
        let (_, _, took) = at_once(
            &limiter,
            |limiter| limiter.refund(one),
            |limiter| limiter.refund(two),
            |limiter| {
                limiter.clock().set(ms(20));
                admitted(limiter, 3)
            },
        );
        let left: u32 = (0..4).map(|_| admitted(&limiter, 1)).sum();
        assert!(took + left <= 3, "{took} and then {left}");
    });
}

#[test]
fn counters_add_up() {
    model_within(2, || {
        let quota = Quota::per_second(100).burst(2).build().unwrap();
        let limiter: Arc<RateLimiter<Strict, ManualClock, (), Counters<2>>> =
            Arc::new(RateLimiter::with_parts(quota, ManualClock::new(), (), Counters::new()));
        at_once(
            &limiter,
            |limiter| limiter.check().is_allowed(),
            |limiter| limiter.check_n(3).is_allowed(),
            |limiter| limiter.check_n(2).is_allowed(),
        );
        let counts = limiter.counts();
        assert_eq!((counts.admitted + counts.denied, counts.never_fits), (2, 1), "{counts:?}");
        assert_eq!(2 - counts.cells, u64::from(limiter.peek().remaining()), "{counts:?}");
    });
}
