//! 1. Samples that fall together are all counted, the first ones too.
//! 2. An epoch ends once, whoever finds it over, and every weight is halved once.
//! 3. A bucket that filled up halves all once, whoever else filled it.
//! 4. A sample that falls into a bucket that is being emptied stays.
//! 5. Who looks beside those who record sees no more than they recorded, and never less than before.
//! 6. The limit that is shown in the end is that of all samples.

use std::sync::Arc;
use std::time::Duration;

use fusebox::proof::{Fading, Sketch};
use fusebox::time::{Instant, NoClock};
use fusebox::timeout::{Adapting, AdaptiveTimeout};

use crate::harness::{at_once, model, ms};

/// Two buckets, with what falls under and over.
type Small = Sketch<4>;

const UNDER: u64 = 1;
const FIRST: u64 = 1_024;
const SECOND: u64 = 1_152;

const HALF_LIFE: u64 = 10;

fn sketch() -> Small {
    Sketch::new(Fading { half_life: HALF_LIFE, minimum: 1 })
}

/// So many samples at the origin.
fn holding(samples: u64, nanos: u64) -> Arc<Small> {
    let sketch = sketch();
    for _ in 0..samples {
        sketch.record(nanos, Instant::ORIGIN);
    }
    Arc::new(sketch)
}

#[test]
fn samples_that_fall_together_are_all_counted() {
    model(|| {
        let record = |sketch: &Arc<Small>| sketch.record(FIRST, ms(3));
        let sketch = Arc::new(sketch());
        let (one, two, three) = at_once(&sketch, record, record, record);
        let mut told = [one, two, three];
        told.sort_unstable();
        assert_eq!(told, [1, 2, 3], "each is told of its own");
        assert_eq!((sketch.samples(), sketch.epochs()), (3, 1));
    });
}

#[test]
fn an_epoch_ends_once_and_every_weight_is_halved_once() {
    model(|| {
        let sketch = holding(6, FIRST);
        let over = |sketch: &Arc<Small>| sketch.record(SECOND, ms(HALF_LIFE));
        // The third comes with a clock that stands before the end.
        at_once(&sketch, over, over, |sketch| sketch.record(SECOND, ms(9)));
        assert_eq!(sketch.epochs(), 2);
        assert_eq!(sketch.record(FIRST, ms(9)), 4, "six are three, and this one");
        // Two are whole; the third is, too, unless it came first and was halved with the rest.
        let held = sketch.record(SECOND, ms(9));
        assert!((3..=4).contains(&held), "{held}");
    });
}

#[test]
fn a_bucket_that_filled_up_halves_all_once() {
    model(|| {
        // With the private cfg eight fill it.
        let sketch = holding(7, FIRST);
        let record = |sketch: &Arc<Small>| sketch.record(FIRST, Instant::ORIGIN);
        at_once(&sketch, record, record, |sketch| sketch.record(SECOND, Instant::ORIGIN));
        assert_eq!(sketch.epochs(), 2);
        let held = sketch.record(FIRST, Instant::ORIGIN);
        assert!(
            (5..=6).contains(&held),
            "eight and one halved, or eight halved and one, and this one: {held}"
        );
    });
}

#[test]
fn a_sample_that_falls_into_a_bucket_that_is_being_emptied_stays() {
    model(|| {
        let sketch = holding(1, FIRST);
        // A sample weighs 2^16: in epoch 17 the last bit of it is left, and the next one takes that.
        let mut now = 0;
        while sketch.epochs() < 17 {
            now += HALF_LIFE;
            sketch.record(UNDER, ms(now));
            sketch.record(UNDER, ms(now));
        }
        let then = now + HALF_LIFE;
        let record = |nanos| move |sketch: &Arc<Small>| sketch.record(nanos, ms(then));
        at_once(&sketch, record(UNDER), record(FIRST), |sketch| sketch.samples());
        assert_eq!(sketch.epochs(), 18);
        assert_eq!(sketch.record(FIRST, ms(then)), 2, "the one beside the emptying, and this one");
    });
}

#[test]
fn who_looks_sees_no_more_than_was_recorded_and_never_less_than_before() {
    model(|| {
        let sketch = holding(1, FIRST);
        let twice = |sketch: &Arc<Small>| {
            sketch.record(FIRST, Instant::ORIGIN);
            sketch.record(SECOND, Instant::ORIGIN);
        };
        let (_, (), (before, after)) = at_once(
            &sketch,
            |sketch| sketch.record(FIRST, Instant::ORIGIN),
            twice,
            |sketch| (sketch.samples(), sketch.samples()),
        );
        assert!(1 <= before && before <= after && after <= 4, "{before}, then {after}");
        assert_eq!(sketch.samples(), 4);
    });
}

#[test]
fn the_limit_that_is_shown_in_the_end_is_that_of_all_samples() {
    model(|| {
        let (long, nanos) = (Duration::from_secs(10), Duration::from_nanos);
        let told = Adapting::from(long).between(Duration::ZERO, long).quantile(1.0).margin(1.0);
        let told = told.minimum_samples(1).build().unwrap();
        let limit = Arc::new(AdaptiveTimeout::with_parts(told, NoClock, ()));
        limit.record_at(nanos(UNDER), Instant::ORIGIN);
        assert_eq!(limit.limit(), nanos(1_024));
        let record =
            |took| move |limit: &Arc<AdaptiveTimeout<NoClock>>| limit.record_at(nanos(took), Instant::ORIGIN);
        let ((), (), seen) = at_once(&limit, record(FIRST), record(SECOND), |limit| limit.limit());
        assert!([1_024, 1_152, 1_280].map(nanos).contains(&seen), "{seen:?}");
        assert_eq!(limit.limit(), nanos(1_280));
    });
}
