//! Retries, their delays and their budgets.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use fusebox::retry::{
    Allowed, AllowedBuilder, BlockingRetryable, Budget, Class, Course, Jitter, Next, Policy, Stopped,
    retry_after,
};
use fusebox::time::{Instant, NoClock};

use super::{at, secs};

fn budget(allowed: AllowedBuilder) -> Budget<NoClock> {
    Budget::with_parts(allowed.build().unwrap(), NoClock, ())
}

/// How many of these retries are granted.
fn granted(budget: &Budget<NoClock>, retries: u32, now: Instant) -> u32 {
    (0..retries).map(|_| u32::from(budget.withdraw_at(now).is_ok())).sum()
}

/// tower 0.5's `TpsBudget` truncates its ratio: 0.3 lets 333 of 1000 be retried, 0.4 lets 500, and 0.6, 0.7 and 0.9 let all.
#[test]
fn a_ratio_is_that_ratio() {
    for (ratio, share) in [(0.1, 100), (0.3, 300), (0.4, 400), (0.6, 600), (0.7, 700), (0.9, 900)] {
        let budget = budget(Allowed::ratio(ratio).capacity(10_000));
        (0..1_000).for_each(|_| budget.deposit_at(Instant::ORIGIN));
        assert_eq!(granted(&budget, 2_000, Instant::ORIGIN), share, "{ratio}");
    }
}

/// tower-resilience #370: `tokens_per_second` was accepted and ignored. aws-sdk-go-v2 #3550: a quota that never refills.
#[test]
fn tokens_come_by_time() {
    let budget = budget(Allowed::ratio(0.0).min_per_second(5).capacity(50));
    assert_eq!(granted(&budget, 100, at(0)), 0);
    assert_eq!(granted(&budget, 100, at(2)), 10);
    assert_eq!(granted(&budget, 100, at(3)), 5);
    assert_eq!(granted(&budget, 100, at(1_000)), 50);
}

/// What four threads that begin together make of it.
fn at_once(budget: &Budget<NoClock>, work: impl Fn(&Budget<NoClock>) -> u32 + Sync) -> u32 {
    let begin = Barrier::new(4);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    begin.wait();
                    work(budget)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

/// tower-resilience #370 and smithy-rs's `AtomicF32`: a load and a store lose what came between.
#[test]
fn no_deposit_of_any_thread_is_lost() {
    const CALLS: u32 = 200_000;
    let budget = budget(Allowed::ratio(0.1).capacity(1_000_000));
    at_once(&budget, |budget| {
        (0..CALLS).for_each(|_| budget.deposit_at(at(0)));
        0
    });
    assert_eq!(granted(&budget, 4 * CALLS, at(0)), 4 * CALLS / 10);
}

/// failsafe-go's `Budget.TryAcquirePermit` and tower's `TpsBudget` check and take apart: threads overdraw. smithy-rs #4632: the
/// capacity went negative.
#[test]
fn threads_cannot_overdraw() {
    const TOKENS: u32 = 400_000;
    let budget = budget(Allowed::ratio(0.1).capacity(TOKENS).initial(f64::from(TOKENS)));
    assert_eq!(at_once(&budget, |budget| granted(budget, TOKENS, at(0))), TOKENS);
    let look = budget.look_at(at(0));
    assert_eq!((look.balance.to_bits(), look.refused), (0.0_f64.to_bits(), 3 * u64::from(TOKENS)));
}

/// smithy-rs's `TokenBucket`: a clock that steps back has its interval credited again.
#[test]
fn a_clock_that_steps_back_is_credited_once() {
    let budget = budget(Allowed::ratio(0.0).min_per_second(1).capacity(100));
    assert_eq!(granted(&budget, 100, at(10)), 10);
    for _ in 0..5 {
        assert_eq!(granted(&budget, 100, at(0)), 0);
        assert_eq!(granted(&budget, 100, at(10)), 0);
    }
    assert_eq!(granted(&budget, 100, at(11)), 1);
}

/// Finagle's `RetryBudget` counts in 32 bits: 10 a second for 60 s at 0.0001 gives 170 retries and not 600; 100 a second gives none.
#[test]
fn a_generous_minimum_does_not_wrap() {
    for (rate, retries) in [(10, 600), (100, 6_000), (u32::MAX, 200_000)] {
        let budget = budget(Allowed::ratio(0.0001).min_per_second(rate).capacity(retries));
        assert_eq!(granted(&budget, retries + 1, at(60)), retries, "{rate}");
    }
}

/// aws-sdk-go-v2 #3413: a quota that is spent removes the backoff, and the retries go on without it.
#[test]
fn an_empty_budget_ends_the_call_and_not_its_waits() {
    let budget = Budget::new(Allowed::ratio(0.0).initial(2.0).constant());
    let mut waits = Vec::new();
    let down = || Err::<(), _>("down");
    let policy = Policy::attempts(9).jitter(Jitter::None).constant();
    let slept = std::cell::RefCell::new(&mut waits);
    let report = BlockingRetryable::retry(down, policy)
        .budget(&budget)
        .sleep(|wait| slept.borrow_mut().push(wait))
        .call_detailed();
    assert_eq!((report.attempts, report.stopped), (3, Stopped::Budget));
    assert_eq!(waits, [Duration::from_millis(100), Duration::from_millis(200)]);
}

/// backon 1.6 adds its jitter after the cap, up to twice `max_delay`; backoff and tokio-retry2 scale after it.
#[test]
fn no_jitter_breaks_the_cap_but_the_one_that_says_so() {
    let policy = Policy::attempts(30).initial_delay(secs(1)).max_delay(secs(5));
    for seed in 0..100 {
        for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
            let capped = policy.jitter(jitter).build().unwrap();
            assert!(capped.seeded(seed).delays().all(|delay| delay <= secs(5)), "{jitter:?}");
        }
        // Proportional jitter only ever adds, its share of the capped delay at most.
        let added = policy.jitter(Jitter::Proportional(0.2)).build().unwrap();
        assert!(added.seeded(seed).delays().skip(3).all(|delay| (secs(5)..=secs(6)).contains(&delay)));
    }
}

/// Finagle's jittered backoffs become a constant once they reach the cap: all come back at once.
#[test]
fn delays_at_the_cap_are_still_spread() {
    for jitter in [Jitter::Full, Jitter::Equal, Jitter::Decorrelated, Jitter::default()] {
        let policy = Policy::attempts(40).initial_delay(secs(1)).max_delay(secs(8)).jitter(jitter);
        let mut late: Vec<_> = policy.build().unwrap().seeded(7).delays().skip(10).collect();
        let all = late.len();
        late.sort_unstable();
        late.dedup();
        assert!(late.len() > all / 3, "{jitter:?}: {} of {all} differ", late.len());
    }
}

/// backon without `std` seeds its jitter with one constant, so that a whole fleet comes back at once.
#[test]
fn no_two_calls_draw_alike() {
    let policy = Policy::attempts(3).jitter(Jitter::Full).constant();
    let mut drawn: Vec<Vec<_>> = (0..200).map(|_| policy.delays().collect()).collect();
    drawn.extend(
        thread::spawn(move || (0..200).map(|_| policy.delays().collect()).collect::<Vec<_>>())
            .join()
            .unwrap(),
    );
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 400);
}

/// tokio-retry2's `jitter_range` draws one factor for all retries of a call.
#[test]
fn each_retry_of_a_call_has_a_factor_of_its_own() {
    let policy = Policy::attempts(9).jitter(Jitter::Proportional(1.0)).initial_delay(secs(1)).multiplier(1.0);
    for seed in 0..20 {
        let mut delays: Vec<_> = policy.build().unwrap().seeded(seed).delays().collect();
        delays.sort();
        delays.dedup();
        assert_eq!(delays.len(), 8);
    }
}

/// throttle-net TN2-008: one `Retry-After: 999999999` stalled a client for 31 years. execution-policy 0.0.6 says that it caps such a
/// hint, and does not.
#[test]
fn a_hostile_retry_after_stalls_nobody() {
    let cap = secs(300);
    for header in ["999999999", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_eq!(retry_after(header, cap), Some(cap), "{header}");
    }
    // Uncapped, it ends a call that has a deadline at once rather than after a useless wait.
    let plan = Policy::attempts(9).deadline(secs(60)).constant().seeded(1);
    let mut course = Course::begun_at(&plan, at(0));
    let hostile = Class::After(secs(999_999_999));
    assert_eq!(course.failed(hostile, Some(at(0)), &()), Next::Stop(Stopped::Deadline));
    assert_eq!(course.waited(), Duration::ZERO);
}
