//! The hot paths allocate nothing, once the breaker's memory is there.

use allocation_counter::measure;
use fusebox_icount::paths::{self, used};

/// Makes a breaker, uses it once, and counts the allocations of a hundred calls more.
macro_rules! allocates_nothing {
    ($($name:ident: $make:ident, $path:ident;)+) => { $(
        #[test]
        fn $name() {
            let breaker = used(paths::$make(), paths::$path);
            let counted = measure(|| paths::$path(&breaker));
            assert_eq!(counted.count_total, 0, "{counted:?}");
        }
    )+ };
}

allocates_nothing! {
    a_success: closed, call;
    a_success_by_permit: closed, acquire_success;
    a_success_in_a_window_of_calls: of_calls, call_in_window;
    a_success_in_a_window_of_time: of_time, call_in_window;
    a_failure: patient, fail;
    a_rejection: open, reject;
    a_rejection_that_counts_itself: open_counting, reject_counting;
    a_probe: half_open, probe;
}

/// A figure of zero is worth something only where an allocation would be seen.
#[test]
fn an_allocation_is_seen() {
    let counted = measure(|| drop(std::hint::black_box(Box::new(7_u64))));
    assert_eq!(counted.count_total, 1);
}
