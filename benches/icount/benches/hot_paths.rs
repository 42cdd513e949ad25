//! The hot paths under callgrind; the gate runs this and compares. Each figure is of a hundred times.

#![expect(missing_docs, reason = "the runner's macros make public items")]

use fusebox::{
    breaker::{CircuitBreaker, FullPolicy},
    limiter::{KeyedRateLimiter, Leased, RateLimiter},
    pressure::{Adaptive, LoadShedder},
};
use fusebox_icount::{
    limits,
    paths::{self, Counting, Still, used},
    slots,
};
use gungraun::prelude::*;

#[library_benchmark]
#[bench::of_100(used(paths::closed(), paths::call))]
fn closed_success_consecutive(breaker: Box<CircuitBreaker>) -> Box<CircuitBreaker> {
    paths::call(&breaker);
    breaker
}

#[library_benchmark]
#[bench::of_100(used(paths::closed(), paths::acquire_success))]
fn closed_acquire_success(breaker: Box<CircuitBreaker>) -> Box<CircuitBreaker> {
    paths::acquire_success(&breaker);
    breaker
}

#[library_benchmark]
#[bench::of_100(used(paths::of_calls(), paths::call_in_window))]
fn closed_success_window(breaker: Box<Still<FullPolicy>>) -> Box<Still<FullPolicy>> {
    paths::call_in_window(&breaker);
    breaker
}

#[library_benchmark]
#[bench::of_100(used(paths::of_time(), paths::call_in_window))]
fn closed_success_time_window(breaker: Box<Still<FullPolicy>>) -> Box<Still<FullPolicy>> {
    paths::call_in_window(&breaker);
    breaker
}

#[library_benchmark]
#[bench::of_100(used(paths::patient(), paths::fail))]
fn closed_failure_consecutive(breaker: Box<Still>) -> Box<Still> {
    paths::fail(&breaker);
    breaker
}

#[library_benchmark]
#[bench::of_100(used(paths::open(), paths::reject))]
fn open_reject(breaker: Box<Still>) -> Box<Still> {
    paths::reject(&breaker);
    breaker
}

#[library_benchmark]
#[bench::of_100(used(paths::open_counting(), paths::reject_counting))]
fn open_reject_counting(breaker: Box<Counting>) -> Box<Counting> {
    paths::reject_counting(&breaker);
    breaker
}

#[library_benchmark]
#[bench::of_100(used(paths::half_open(), paths::probe))]
fn half_open_acquire_release(breaker: Box<Still>) -> Box<Still> {
    paths::probe(&breaker);
    breaker
}

library_benchmark_group!(
    name = breaker,
    benchmarks = [
        closed_success_consecutive,
        closed_acquire_success,
        closed_success_window,
        closed_success_time_window,
        closed_failure_consecutive,
        open_reject,
        open_reject_counting,
        half_open_acquire_release
    ]
);

#[library_benchmark]
#[bench::of_100(used(limits::full(), limits::check))]
fn limiter_strict_admit(limiter: Box<RateLimiter>) -> Box<RateLimiter> {
    limits::check(&limiter);
    limiter
}

#[library_benchmark]
#[bench::of_100(used(limits::uneven(), limits::check))]
fn limiter_strict_admit_uneven(limiter: Box<RateLimiter>) -> Box<RateLimiter> {
    limits::check(&limiter);
    limiter
}

#[library_benchmark]
#[bench::of_100(used(limits::drained(), limits::check))]
fn limiter_strict_deny(limiter: Box<RateLimiter>) -> Box<RateLimiter> {
    limits::check(&limiter);
    limiter
}

#[library_benchmark]
#[bench::of_100(used(limits::leased(), limits::check_leased))]
fn limiter_leased_admit(limiter: Box<RateLimiter<Leased>>) -> Box<RateLimiter<Leased>> {
    limits::check_leased(&limiter);
    limiter
}

#[library_benchmark]
#[bench::of_100(used(limits::keyed(), limits::check_key))]
fn keyed_hit(limiter: Box<KeyedRateLimiter<u64>>) -> Box<KeyedRateLimiter<u64>> {
    limits::check_key(&limiter);
    limiter
}

#[library_benchmark]
#[bench::of_100(used(limits::flooded(), limits::check_new_key))]
fn keyed_new(limiter: Box<KeyedRateLimiter<u64>>) -> Box<KeyedRateLimiter<u64>> {
    limits::check_new_key(&limiter);
    limiter
}

library_benchmark_group!(
    name = limiter,
    benchmarks = [
        limiter_strict_admit,
        limiter_strict_admit_uneven,
        limiter_strict_deny,
        limiter_leased_admit,
        keyed_hit,
        keyed_new
    ]
);

#[library_benchmark]
#[bench::of_100(used(slots::free(), slots::admit_release))]
fn pressure_admit_release(shedder: Box<LoadShedder>) -> Box<LoadShedder> {
    slots::admit_release(&shedder);
    shedder
}

#[library_benchmark]
#[bench::of_100(used(slots::full(), slots::shed))]
fn pressure_shed(shedder: Box<LoadShedder>) -> Box<LoadShedder> {
    slots::shed(&shedder);
    shedder
}

#[library_benchmark]
#[bench::of_100(used(slots::adaptive(), slots::admit_success))]
fn pressure_adaptive_admit_release(shedder: Box<LoadShedder<Adaptive>>) -> Box<LoadShedder<Adaptive>> {
    slots::admit_success(&shedder);
    shedder
}

library_benchmark_group!(
    name = pressure,
    benchmarks = [pressure_admit_release, pressure_shed, pressure_adaptive_admit_release]
);

main!(library_benchmark_groups = [breaker, limiter, pressure]);
