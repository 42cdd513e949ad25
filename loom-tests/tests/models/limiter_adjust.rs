//! 1. A change of the quota beside admissions loses none of them, and keeps the debt in cells.
//! 2. Two changes at once: both take effect, one after the other, and the debt is kept through both.
//! 3. A refund of a reservation that a change overtook gives back nothing.

use std::sync::Arc;
use std::time::Duration;

use fusebox::limiter::{Adjustable, Quota, RateLimiter};
use fusebox::time::ManualClock;

use crate::harness::{at_once, model, model_within};

type Limiter = RateLimiter<Adjustable, ManualClock>;

fn quota(rate: u32, burst: u32) -> Quota {
    Quota::per_second(rate).burst(burst).build().unwrap()
}

fn limiter(burst: u32) -> Arc<Limiter> {
    Arc::new(RateLimiter::adjustable(quota(100, burst)).unwrap().with_clock(ManualClock::new()))
}

fn admitted(limiter: &Arc<Limiter>) -> u32 {
    u32::from(limiter.check().is_allowed())
}

#[test]
fn a_change_of_the_quota_beside_admissions_loses_none_of_them() {
    model(|| {
        let limiter = limiter(1);
        let (one, two, from) =
            at_once(&limiter, admitted, admitted, |limiter| limiter.set_quota(quota(1, 3)).unwrap());
        assert_eq!(from, quota(100, 1));
        assert!((1..=2).contains(&(one + two)));
        assert_eq!(limiter.peek().remaining(), 3 - one - two);
    });
}

#[test]
fn two_changes_at_once_both_take_effect_and_keep_the_debt() {
    model_within(2, || {
        let limiter = limiter(2);
        assert!(limiter.check().is_allowed());
        let (one, two, took) = at_once(
            &limiter,
            |limiter| limiter.set_quota(quota(10, 4)).unwrap(),
            |limiter| limiter.set_quota(quota(1_000, 5)).unwrap(),
            admitted,
        );
        let (last, first) = (limiter.quota(), quota(100, 2));
        if last == quota(10, 4) {
            assert_eq!((two, one), (first, quota(1_000, 5)));
        } else {
            assert_eq!((last, one, two), (quota(1_000, 5), first, quota(10, 4)));
        }
        assert_eq!(took, 1);
        assert_eq!(limiter.peek().remaining(), last.burst() - 2);
    });
}

#[test]
fn a_refund_that_a_change_overtook_gives_back_nothing() {
    model_within(2, || {
        let limiter = limiter(2);
        let reserved = limiter.reserve(1, Duration::ZERO).unwrap();
        let (back, _, took) = at_once(
            &limiter,
            |limiter| limiter.refund(reserved),
            |limiter| limiter.set_quota(quota(1, 3)).unwrap(),
            admitted,
        );
        assert_eq!(limiter.peek().remaining(), 3 - 1 + back - took, "{back} back, {took} taken");
    });
}
