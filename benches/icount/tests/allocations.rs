//! The hot paths allocate nothing, once the primitive's memory is there.

use allocation_counter::measure;
use fusebox_icount::{calls, limits, paths, paths::used, slots};

/// Makes a primitive, uses it once, and counts the allocations of a hundred calls more.
macro_rules! allocates_nothing {
    ($($name:ident: $of:ident :: $make:ident, $path:ident;)+) => { $(
        #[test]
        fn $name() {
            let primitive = used($of::$make(), $of::$path);
            let counted = measure(|| $of::$path(&primitive));
            assert_eq!(counted.count_total, 0, "{counted:?}");
        }
    )+ };
}

allocates_nothing! {
    a_success: paths::closed, call;
    a_success_by_permit: paths::closed, acquire_success;
    a_success_in_a_window_of_calls: paths::of_calls, call_in_window;
    a_success_in_a_window_of_time: paths::of_time, call_in_window;
    a_failure: paths::patient, fail;
    a_rejection: paths::open, reject;
    a_rejection_that_counts_itself: paths::open_counting, reject_counting;
    a_probe: paths::half_open, probe;
    a_cell: limits::full, check;
    a_denial: limits::drained, check;
    a_leased_cell: limits::leased, check_leased;
    a_cell_of_a_known_key: limits::keyed, check_key;
    a_cell_of_a_new_key: limits::flooded, check_new_key;
    a_slot: slots::free, admit_release;
    a_refusal: slots::full, shed;
    a_slot_of_a_capacity_that_finds_itself: slots::adaptive, admit_success;
    a_guarded_success: calls::guarded, guard_success;
    a_guarded_success_that_is_counted: calls::counted, guard_counted;
    a_success_through_all_layers: calls::full, guard_full;
    a_fresh_key: calls::backed_fresh, serve;
    a_live_key_that_nobody_else_wants: calls::backed_live, serve;
    a_first_call_that_succeeds: calls::thrice, retry_success;
    two_retries: calls::thrice, retry_twice;
    a_deposit_and_a_retry: calls::tokens, budget_withdraw;
    a_latency: calls::adaptive, adaptive_record;
    a_limit_of_a_ready_call: calls::sleeping, limited;
    a_first_copy: calls::hedge, hedge_fast;
}

/// A figure of zero is worth something only where an allocation would be seen.
#[test]
fn an_allocation_is_seen() {
    let counted = measure(|| drop(std::hint::black_box(Box::new(7_u64))));
    assert_eq!(counted.count_total, 1);
}
