//! The leased form, on one thread: the bound, the burst when new, and what no lease holds after idling.

use fusebox::limiter::{Decision, Leased, Leases, RateLimiter};
use proptest::prelude::*;

use super::config;
use super::driver::{Step, Time, nanos};
use super::model::{Record, Spec};
use super::strategies;
use super::subject::at;

/// A quota, and leases that hold less than its burst.
fn leased() -> BoxedStrategy<(Spec, u32, u32)> {
    (strategies::any_quota(), 1..=4_u32, any::<u16>())
        .prop_filter("a burst of two at least", |(spec, _, _)| spec.burst >= 2)
        .prop_map(|(spec, shards, share)| {
            let shards = shards.min(spec.burst - 1);
            let most = (spec.burst - 1) / shards;
            (spec, shards, 1 + u32::from(share) % most)
        })
        .boxed()
}

fn limiter(spec: &Spec, shards: u32, lease: u32) -> RateLimiter<Leased> {
    RateLimiter::leased(spec.quota(), Leases::of(lease).shards(shards)).expect("the leases fit")
}

/// Does every step; gives what was admitted.
fn record(
    limiter: &RateLimiter<Leased>,
    spec: &Spec,
    start: u64,
    steps: &[Step],
    kept: u32,
) -> Result<Record, String> {
    let (mut record, mut time) = (Record::default(), Time::starting_at(start));
    for step in steps {
        time.pass(step.tick, spec, nanos(limiter.peek_at(at(time.now)).full_in()));
        let n = step.cells.of(spec.burst);
        let decision = limiter.check_n_at(n, at(time.now));
        time.note(&decision);
        record.add(time.now, if decision.is_allowed() { n } else { 0 });
        match decision {
            Decision::NeverFits(_) if n <= kept => return Err(format!("{n} of {kept} never fit")),
            Decision::Denied(_) if n > kept => return Err(format!("{n} of {kept} are only denied")),
            _ => {}
        }
    }
    Ok(record)
}

proptest! {
    #![proptest_config(config())]

    /// In no interval are there more cells than the strict form would admit.
    #[test]
    fn a_leased_limiter_keeps_the_bound(
        (spec, shards, lease) in leased(), start in strategies::start(), steps in strategies::forward_steps()
    ) {
        let limiter = limiter(&spec, shards, lease);
        let record = record(&limiter, &spec, start, &steps, spec.burst - shards * lease);
        let record = record.map_err(TestCaseError::fail)?;
        record.keeps_the_bound(&spec).map_err(TestCaseError::fail)?;
    }

    /// So it does on a broken clock, where time is what the clock showed between the first request and the last.
    #[test]
    fn a_leased_limiter_keeps_the_bound_on_a_strange_clock(
        (spec, shards, lease) in leased(), start in any::<u64>(), steps in strategies::wild_steps()
    ) {
        let limiter = limiter(&spec, shards, lease);
        let record = record(&limiter, &spec, start, &steps, spec.burst - shards * lease);
        let record = record.map_err(TestCaseError::fail)?;
        record.keeps_the_bound_as_done(&spec).map_err(TestCaseError::fail)?;
    }

    /// New, it admits the burst at once, one by one, and no more.
    #[test]
    fn a_new_leased_limiter_admits_its_burst(
        spec in strategies::moderate_and_exact(), shards in 1..=4_u32, lease in 1..=8_u32, start in strategies::start()
    ) {
        let spec = Spec { burst: spec.burst + shards * lease, ..spec };
        let limiter = limiter(&spec, shards, lease);
        prop_assert_eq!(limiter.peek_at(at(start)).remaining(), spec.burst);
        let admitted = (0..spec.burst + 9).filter(|_| limiter.check_at(at(start)).is_allowed()).count();
        prop_assert_eq!(admitted, spec.burst as usize);
    }

    /// After idling it admits at once what no lease can hold; and in all at least that, wherever the leases are.
    #[test]
    fn after_idling_it_admits_what_no_lease_holds(
        (spec, shards, lease) in leased(), start in strategies::start(), steps in strategies::forward_steps()
    ) {
        let kept = spec.burst - shards * lease;
        let limiter = limiter(&spec, shards, lease);
        let (p, q) = spec.interval();
        let idle = (p * i128::from(spec.burst) / q) as u64 + 4;
        let mut last = start;
        for step in &steps {
            let _ = limiter.check_n_at(step.cells.of(spec.burst), at(last));
            last = last.saturating_add(u64::from(spec.burst % 7) * 10);
        }
        let now = last.saturating_add(idle);
        if spec.is_far_from_the_end_at(now.into()) {
            prop_assert!(limiter.check_n_at(kept, at(now)).is_allowed());
        }
    }

    /// What a level tells as remaining is there, one by one; and waiting as long as a denial says suffices.
    #[test]
    fn what_remains_of_the_leases_is_there(
        spec in strategies::moderate_and_exact(), shards in 1..=3_u32, lease in 1..=8_u32,
        steps in strategies::forward_steps()
    ) {
        let spec = Spec { burst: spec.burst + shards * lease, ..spec };
        let limiter = limiter(&spec, shards, lease);
        let mut time = Time::starting_at(0);
        for step in &steps {
            time.pass(step.tick, &spec, nanos(limiter.peek_at(at(time.now)).full_in()));
            let _ = limiter.check_n_at(step.cells.of(spec.burst), at(time.now));
        }
        for n in [1, spec.burst - shards * lease] {
            if let Decision::Denied(denied) = limiter.check_n_at(n, at(time.now)) {
                let due = at(time.now).saturating_add(denied.retry_after());
                prop_assert!(!limiter.check_n_at(n, at(due.as_nanos() - 1)).is_allowed());
                prop_assert!(limiter.check_n_at(n, due).is_allowed());
                time.now = due.as_nanos();
            }
        }
        let remaining = limiter.peek_at(at(time.now)).remaining();
        prop_assert!((0..remaining).all(|_| limiter.check_at(at(time.now)).is_allowed()));
    }
}
