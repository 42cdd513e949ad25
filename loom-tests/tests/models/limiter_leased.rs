//! 1. Leases never make more cells than there are, whoever refills, steals and returns, in whatever order.
//! 2. Nor do they lose one: what nobody asked for is found by the next who asks.
//! 3. A batch that is gathered from several places is all or nothing.

use std::sync::Arc;

use fusebox::limiter::{Leased, Leases, Quota, RateLimiter};
use fusebox::time::ManualClock;

use crate::harness::{at_once, both_at_once, model_within, ms};

type Limiter = RateLimiter<Leased, ManualClock>;

/// A cell every 10 ms; two shards, the main thread's and the next one's.
fn limiter(burst: u32, lease: u32) -> Arc<Limiter> {
    let quota = Quota::per_second(100).burst(burst).build().unwrap();
    let leased = RateLimiter::leased(quota, Leases::of(lease).shards(2)).unwrap();
    Arc::new(leased.with_clock(ManualClock::new()))
}

fn admitted(limiter: &Arc<Limiter>, n: u32) -> u32 {
    if limiter.check_n(n).is_allowed() { n } else { 0 }
}

/// Takes single cells until there are no more.
fn rest(limiter: &Arc<Limiter>) -> u32 {
    (0..32).take_while(|_| limiter.check().is_allowed()).count() as u32
}

#[test]
fn shards_that_run_dry_at_once_find_every_cell_and_no_other() {
    model_within(2, || {
        let limiter = limiter(4, 1);
        let ask = |limiter: &Arc<Limiter>| admitted(limiter, 1) + admitted(limiter, 1);
        let (one, two, three) = at_once(&limiter, ask, ask, |limiter| admitted(limiter, 1));
        let all = one + two + three;
        assert_eq!(all + rest(&limiter), 4, "after {one} {two} {three}");
    });
}

#[test]
fn what_one_refills_is_not_lent_twice() {
    model_within(1, || {
        let limiter = limiter(6, 2);
        assert_eq!(rest(&limiter), 6);
        limiter.clock().set(ms(20));
        // Two cells at the centre, both shards dry.
        let (one, two, three) = at_once(
            &limiter,
            |limiter| admitted(limiter, 1),
            |limiter| admitted(limiter, 1),
            |limiter| admitted(limiter, 1),
        );
        let all = one + two + three;
        let left = rest(&limiter);
        assert_eq!(all + left, 2, "{one} {two} {three} and then {left}");
    });
}

#[test]
fn a_batch_gathered_from_several_places_is_all_or_nothing() {
    model_within(2, || {
        // One cell a shard, two at the centre.
        let limiter = limiter(4, 1);
        assert_eq!(admitted(&limiter, 1), 1);
        let (batch, single) =
            both_at_once(&limiter, |limiter| admitted(limiter, 2), |limiter| admitted(limiter, 2));
        let all = batch + single;
        assert!(all == 2, "three cells are left for two of two each: {batch} {single}");
        assert_eq!(rest(&limiter), 1);
    });
}

#[test]
fn a_clock_that_moves_on_beside_a_refill_frees_nobody_early() {
    model_within(2, || {
        let limiter = limiter(3, 1);
        let ask = |limiter: &Arc<Limiter>| admitted(limiter, 1) + admitted(limiter, 1);
        let (one, two, ()) = at_once(&limiter, ask, ask, |limiter| limiter.clock().set(ms(10)));
        let all = one + two;
        // Three at the origin, one more from 10 ms on.
        assert!((3..=4).contains(&(all + rest(&limiter))), "{one} {two}");
    });
}

#[test]
fn cells_on_their_way_while_time_passes_are_still_counted() {
    model_within(1, || {
        // One shard of two cells, three at the centre; all taken, and then the time to refill the centre.
        let quota = Quota::per_second(100).burst(5).build().unwrap();
        let leased = RateLimiter::leased(quota, Leases::of(2).shards(1)).unwrap();
        let limiter: Arc<Limiter> = Arc::new(leased.with_clock(ManualClock::new()));
        assert_eq!(rest(&limiter), 5);
        limiter.clock().set(ms(30));
        let (one, two) = both_at_once(
            &limiter,
            |limiter| admitted(limiter, 1),
            |limiter| {
                limiter.clock().set(ms(1_000));
                let first = admitted(limiter, 1);
                limiter.clock().set(ms(2_000));
                first + rest(limiter)
            },
        );
        // Whatever was held up comes home by now: one a second ago at least, and no more than the burst at one instant.
        let all = one + two + rest(&limiter);
        assert!(all <= 1 + 1 + 5, "{one} {two}, {all} in all");
    });
}
