//! The keyed form: one key, many keys that all have room, and more keys than there are places.

use std::collections::HashMap;

use fusebox::limiter::{Decision, Keyed, KeyedRateLimiter, WhenFull};
use proptest::collection::vec;
use proptest::prelude::*;

use super::config;
use super::driver::{Step, Time, agrees, level_agrees, nanos, run};
use super::model::{Fineness, Model, Record, Spec};
use super::strategies;
use super::subject::{Key, at, keyed};

/// Steps, each for one of so many keys.
fn keyed_steps(keys: u64) -> BoxedStrategy<Vec<(u64, Step)>> {
    let step =
        (strategies::forward_ticks(), strategies::cells()).prop_map(|(tick, cells)| Step { tick, cells });
    vec((0..keys, step), 1..60).boxed()
}

/// Every key's own model.
struct Models<'a> {
    spec: &'a Spec,
    models: HashMap<u64, (Model, Record)>,
}

impl<'a> Models<'a> {
    fn new(spec: &'a Spec) -> Self {
        Self { spec, models: HashMap::new() }
    }

    fn of(&mut self, key: u64) -> &mut (Model, Record) {
        let model = Model::new(self.spec, Fineness::of_a_key(self.spec));
        self.models.entry(key).or_insert((model, Record::default()))
    }
}

/// A table with as many places as there are: one bucket of seven, two that each key may use, or a few.
fn small(spec: &Spec, capacity: usize, when_full: WhenFull) -> Option<KeyedRateLimiter<u64>> {
    Keyed::of(spec.quota(), capacity).seed(7).when_full(when_full).build().ok()
}

proptest! {
    #![proptest_config(config())]

    /// One key does what the model does: exactly where its clock is fine enough, else late by a tick at most.
    #[test]
    fn one_key_does_what_the_model_does(
        spec in strategies::any_quota(), start in 0..2 * strategies::YEAR, steps in strategies::forward_steps(),
        key in any::<u64>()
    ) {
        if let Some(limiter) = keyed(&spec, 8) {
            let mut model = Model::new(&spec, Fineness::of_a_key(&spec));
            let record = run(&spec, &mut Key(limiter, key), &mut model, start, &steps);
            record.and_then(|record| record.keeps_the_bound(&spec)).map_err(TestCaseError::fail)?;
        }
    }

    /// A clock that steps back: the bound holds for the time that went by, what it showed twice counted twice.
    #[test]
    fn a_key_on_a_strange_clock_keeps_the_bound(
        spec in strategies::any_quota(), start in any::<u64>(), steps in strategies::wild_steps()
    ) {
        let Some(limiter) = keyed(&spec, 8) else { return Ok(()) };
        let (mut record, mut time) = (Record::default(), Time::starting_at(start));
        for step in &steps {
            time.pass(step.tick, &spec, nanos(limiter.peek_at(&1, at(time.now)).full_in()));
            let n = step.cells.of(spec.burst);
            let decision = limiter.check_n_at(&1, n, at(time.now));
            time.note(&decision);
            record.add(time.now, if decision.is_allowed() { n } else { 0 });
        }
        record.keeps_the_bound_as_lived(&spec).map_err(TestCaseError::fail)?;
    }

    /// Keys that all have room know nothing of each other.
    #[test]
    fn many_keys_do_what_a_model_each_does(
        spec in strategies::any_quota(), start in 0..strategies::YEAR, steps in keyed_steps(20)
    ) {
        let Some(limiter) = keyed(&spec, 200) else { return Ok(()) };
        let (mut models, mut time) = (Models::new(&spec), Time::starting_at(start));
        for (key, step) in &steps {
            time.pass(step.tick, &spec, nanos(limiter.peek_at(key, at(time.now)).full_in()));
            let n = step.cells.of(spec.burst);
            let decision = limiter.check_n_at(key, n, at(time.now));
            time.note(&decision);
            let (model, _) = models.of(*key);
            agrees(&spec, model, &decision, n, time.now)
                .and_then(|()| level_agrees(model, limiter.peek_at(key, at(time.now)), time.now))
                .map_err(|wrong| TestCaseError::fail(format!("key {key}, {step:?} at {} ns: {wrong}\n{model:?}", time.now)))?;
        }
        prop_assert_eq!(limiter.keyed_counts().evictions, 0);
    }

    /// In a table that is too small a key starts afresh only where an eviction was counted, and a new key finds a place.
    #[test]
    fn a_key_starts_afresh_no_more_often_than_keys_are_evicted(
        spec in strategies::any_quota(), start in 0..strategies::YEAR, steps in keyed_steps(40), capacity in 1..=12_usize
    ) {
        let Some(limiter) = small(&spec, capacity, WhenFull::EvictSoonest) else { return Ok(()) };
        let (mut models, mut time, mut afresh) = (Models::new(&spec), Time::starting_at(start), 0);
        for (key, step) in &steps {
            time.pass(step.tick, &spec, nanos(limiter.peek_at(key, at(time.now)).full_in()));
            let (n, now) = (step.cells.of(spec.burst), time.now);
            let decision = limiter.check_n_at(key, n, at(now));
            time.note(&decision);
            let (model, _) = models.of(*key);
            let choice = model.choice(n, now);
            match decision {
                Decision::Allowed(_) => {
                    if !choice.may_admit {
                        (afresh, model.tat) = (afresh + 1, None);
                    }
                    model.took(n, now);
                }
                // A key that was evicted unseen has owed less since than the model thinks, and more once it has noticed.
                Decision::Denied(_) => {
                    let evictions = limiter.keyed_counts().evictions;
                    prop_assert!(!choice.must_admit || evictions > 0, "{key} at {now}: {model:?}");
                }
                Decision::NeverFits(_) => prop_assert!(n > spec.burst),
            }
        }
        let counts = limiter.keyed_counts();
        prop_assert!(afresh <= counts.evictions, "{} times with {} evictions", afresh, counts.evictions);
        prop_assert_eq!(counts.saturated, 0);
    }

    /// Where new keys are denied instead, no key is ever evicted; and waiting as long as such a denial says suffices.
    #[test]
    fn where_new_keys_are_denied_nobody_starts_afresh(
        spec in strategies::any_quota(), start in 0..strategies::YEAR, steps in keyed_steps(40), capacity in 1..=12_usize
    ) {
        let Some(limiter) = small(&spec, capacity, WhenFull::Deny) else { return Ok(()) };
        let (mut models, mut time) = (Models::new(&spec), Time::starting_at(start));
        for (number, (key, step)) in steps.iter().enumerate() {
            time.pass(step.tick, &spec, nanos(limiter.peek_at(key, at(time.now)).full_in()));
            let (n, now) = (step.cells.of(spec.burst), time.now);
            let saturated = limiter.keyed_counts().saturated;
            let decision = limiter.check_n_at(key, n, at(now));
            time.note(&decision);
            let (model, record) = models.of(*key);
            if limiter.keyed_counts().saturated > saturated {
                let wait = decision.retry_after().expect("it is denied");
                if number + 1 == steps.len() && spec.is_far_from_the_end_at(u128::from(now) + wait.as_nanos()) {
                    let due = at(now).saturating_add(wait);
                    prop_assert!(limiter.check_n_at(key, n, due).is_allowed(), "after {wait:?}");
                }
                continue;
            }
            let wrong = |wrong| TestCaseError::fail(format!("key {key}, {n} cells at {now} ns: {wrong}"));
            agrees(&spec, model, &decision, n, now).map_err(wrong)?;
            record.add(now, if decision.is_allowed() { n } else { 0 });
        }
        prop_assert_eq!(limiter.keyed_counts().evictions, 0);
        for (_, record) in models.models.values() {
            record.keeps_the_bound(&spec).map_err(TestCaseError::fail)?;
        }
    }

    /// Keys of different quotas in one table do what a model each does, in units and epochs of their own.
    #[test]
    fn keys_of_different_tiers_do_what_a_model_each_does(
        specs in vec(strategies::any_quota(), 2..=8), start in 0..strategies::YEAR, steps in keyed_steps(20)
    ) {
        let tiers = specs.len() as u64;
        let quotas: Vec<_> = specs.iter().map(Spec::quota).collect();
        let told = Keyed::of(quotas[0], 200).seed(7).tiers(&quotas, move |key: &u64| (key % tiers) as u8);
        let Ok(limiter) = told.build() else { return Ok(()) };
        let mut models: Vec<_> = specs.iter().map(Models::new).collect();
        let mut time = Time::starting_at(start);
        for (key, step) in &steps {
            let tier = (key % tiers) as usize;
            let spec = &specs[tier];
            time.pass(step.tick, spec, nanos(limiter.peek_at(key, at(time.now)).full_in()));
            let n = step.cells.of(spec.burst);
            let decision = limiter.check_n_at(key, n, at(time.now));
            time.note(&decision);
            let (model, _) = models[tier].of(*key);
            agrees(spec, model, &decision, n, time.now)
                .and_then(|()| level_agrees(model, limiter.peek_at(key, at(time.now)), time.now))
                .map_err(|wrong| TestCaseError::fail(format!("key {key}, {step:?} at {} ns: {wrong}\n{model:?}", time.now)))?;
        }
        prop_assert_eq!(limiter.keyed_counts().evictions, 0);
    }

    /// In a table that is too small for keys of different quotas, where new ones are denied, each keeps its own bound.
    #[test]
    fn keys_of_different_tiers_that_are_not_evicted_keep_their_bounds(
        specs in vec(strategies::any_quota(), 2..=8), start in 0..strategies::YEAR, steps in keyed_steps(40),
        capacity in 1..=12_usize
    ) {
        let tiers = specs.len() as u64;
        let quotas: Vec<_> = specs.iter().map(Spec::quota).collect();
        let told = Keyed::of(quotas[0], capacity).seed(7).when_full(WhenFull::Deny);
        let Ok(limiter) = told.tiers(&quotas, move |key: &u64| (key % tiers) as u8).build() else { return Ok(()) };
        let (mut records, mut time) = (HashMap::<u64, Record>::new(), Time::starting_at(start));
        for (key, step) in &steps {
            let spec = &specs[(key % tiers) as usize];
            time.pass(step.tick, spec, nanos(limiter.peek_at(key, at(time.now)).full_in()));
            let n = step.cells.of(spec.burst);
            let decision = limiter.check_n_at(key, n, at(time.now));
            time.note(&decision);
            records.entry(*key).or_default().add(time.now, if decision.is_allowed() { n } else { 0 });
        }
        prop_assert_eq!(limiter.keyed_counts().evictions, 0);
        for (key, record) in &records {
            record.keeps_the_bound(&specs[(key % tiers) as usize]).map_err(TestCaseError::fail)?;
        }
    }
}
