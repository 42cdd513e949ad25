//! 1. A reader gets all of one value or nothing, whoever writes.
//! 2. Who reads a value sees what its writer had done before.
//! 3. Of two who put one key at once, one at least succeeds; and then the key is there, with the value of one that did.
//! 4. A later writer's words come after the earlier one's: no word of a value that was replaced comes back.

use std::sync::Arc;
use std::time::Duration;

use fusebox::fallback::{Freshness, LastGoodTable};
use fusebox::time::{Instant, NoClock};
use loom::cell::UnsafeCell;

use crate::harness::{at_once, both_at_once, model, model_within};

type Table<const SLOTS: usize> = LastGoodTable<SLOTS, 2, NoClock>;

const KEY: u64 = 7;
const OTHER: u64 = 8;
const NOW: Instant = Instant::from_nanos(5);

fn table<const SLOTS: usize>() -> Arc<Table<SLOTS>> {
    let told = Freshness::of(1).stale(Duration::from_secs(1)).build().unwrap();
    Arc::new(LastGoodTable::with_parts(told, NoClock))
}

/// Whatever is read of a key is a value that was put for it: both its words are alike.
fn is_whole<const SLOTS: usize>(table: &Table<SLOTS>, key: u64, of: &[u64]) {
    if let Some(held) = table.get_at(key, NOW) {
        let [one, other] = held.value;
        assert_eq!(one, other, "half of a value");
        assert!(of.contains(&one), "a value of another key");
    }
}

#[test]
fn a_reader_gets_all_of_one_writing_or_nothing() {
    model_within(2, || {
        let table = table::<1>();
        assert!(table.put_at(KEY, [1, 1], NOW));
        at_once(
            &table,
            |table| table.put_at(KEY, [2, 2], NOW),
            |table| table.put_at(OTHER, [3, 3], NOW),
            |table| is_whole(table, KEY, &[1, 2]),
        );
        is_whole(&table, KEY, &[2]);
        is_whole(&table, OTHER, &[3]);
    });
}

#[test]
fn a_reader_beside_one_who_writes_twice_gets_all_of_one_writing() {
    model(|| {
        let table = table::<1>();
        assert!(table.put_at(KEY, [1, 1], NOW));
        both_at_once(
            &table,
            |table| table.put_at(KEY, [2, 2], NOW) && table.put_at(KEY, [3, 3], NOW),
            |table| is_whole(table, KEY, &[1, 2, 3]),
        );
        assert_eq!(table.get_at(KEY, NOW).unwrap().value, [3, 3]);
    });
}

#[test]
fn who_reads_a_value_sees_what_its_writer_had_done() {
    model(|| {
        let shared = Arc::new((table::<1>(), UnsafeCell::new(0)));
        both_at_once(
            &shared,
            |shared| {
                shared.1.with_mut(|beside| unsafe { *beside = 7 });
                shared.0.put_at(KEY, [1, 1], NOW)
            },
            |shared| {
                if shared.0.get_at(KEY, NOW).is_some() {
                    assert_eq!(shared.1.with(|beside| unsafe { *beside }), 7);
                }
            },
        );
    });
}

#[test]
fn of_two_who_put_one_key_at_once_one_succeeds() {
    model(|| {
        let table = table::<2>();
        let (one, other) = both_at_once(
            &table,
            |table| table.put_at(KEY, [1, 1], NOW),
            |table| table.put_at(KEY, [2, 2], NOW),
        );
        assert!(one || other, "nobody stored anything");
        let value = table.get_at(KEY, NOW).unwrap().value;
        assert!((one && value == [1, 1]) || (other && value == [2, 2]), "{value:?}");
        assert!(table.put_at(KEY, [3, 3], NOW), "alone, it is stored");
        assert_eq!(table.get_at(KEY, NOW).unwrap().value, [3, 3], "what was put last is read");
    });
}

#[test]
fn no_word_of_a_value_that_was_replaced_comes_back() {
    model_within(2, || {
        let table = table::<1>();
        let (one, other, ()) = at_once(
            &table,
            |table| table.put_at(KEY, [1, 1], NOW),
            |table| table.put_at(KEY, [2, 2], NOW),
            |table| is_whole(table, KEY, &[1, 2]),
        );
        assert!(one || other);
        let [first, second] = table.get_at(KEY, NOW).unwrap().value;
        assert_eq!(first, second, "words of two values stand in one slot");
    });
}
