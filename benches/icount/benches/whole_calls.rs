//! Whole calls under callgrind, as `hot_paths.rs` does the primitives: a program of its own, so that what calls a breaker here moves no
//! instruction there.

#![expect(missing_docs, reason = "the runner's macros make public items")]

use fusebox::{
    retry::{Hedge, Policy},
    timeout::AdaptiveTimeout,
};
use fusebox_icount::{
    calls::{self, Counted, Guarded, Tokens},
    paths::used,
};
use gungraun::prelude::*;

#[library_benchmark]
#[bench::of_100(used(calls::guarded(), calls::guard_success))]
fn guard_success(guard: Box<Guarded>) -> Box<Guarded> {
    calls::guard_success(&guard);
    guard
}

#[library_benchmark]
#[bench::of_100(used(calls::counted(), calls::guard_counted))]
fn guard_counted(guard: Box<Counted>) -> Box<Counted> {
    calls::guard_counted(&guard);
    guard
}

#[library_benchmark]
#[bench::of_100(used(calls::thrice(), calls::retry_success))]
fn retry_success(policy: Box<Policy>) -> Box<Policy> {
    calls::retry_success(&policy);
    policy
}

#[library_benchmark]
#[bench::of_100(used(calls::tokens(), calls::budget_withdraw))]
fn budget_withdraw(tokens: Box<Tokens>) -> Box<Tokens> {
    calls::budget_withdraw(&tokens);
    tokens
}

#[library_benchmark]
#[bench::of_100(used(calls::adaptive(), calls::adaptive_record))]
fn adaptive_record(limit: Box<AdaptiveTimeout>) -> Box<AdaptiveTimeout> {
    calls::adaptive_record(&limit);
    limit
}

#[library_benchmark]
#[bench::of_100(used(calls::hedge(), calls::hedge_fast))]
fn hedge_fast(hedge: Box<Hedge>) -> Box<Hedge> {
    calls::hedge_fast(&hedge);
    hedge
}

library_benchmark_group!(
    name = guard,
    benchmarks = [guard_success, guard_counted, retry_success, budget_withdraw, adaptive_record, hedge_fast]
);

main!(library_benchmark_groups = [guard]);
