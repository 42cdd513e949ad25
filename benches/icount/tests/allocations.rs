//! The hot paths allocate nothing, once the primitive's memory is there.

use allocation_counter::measure;
use fusebox_icount::{limits, paths, paths::used, slots, tries};

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
    a_retry_that_is_not_needed: tries::thrice, succeed;
    a_token: tries::budget, deposit_withdraw;
}

/// A figure of zero is worth something only where an allocation would be seen.
#[test]
fn an_allocation_is_seen() {
    let counted = measure(|| drop(std::hint::black_box(Box::new(7_u64))));
    assert_eq!(counted.count_total, 1);
}
