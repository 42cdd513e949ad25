//! 1. A hook may call the breaker again, while others do: nothing hangs, nothing is told twice.
//! 2. A hook runs after the change it tells of has taken effect.
//! 3. A hook that panics takes nothing with it.

use std::panic::resume_unwind;
use std::sync::{Arc, Weak};

use fusebox::breaker::{CircuitBreaker, Counters, Event, Policy, State, Why};
use fusebox::observe::Observer;
use fusebox::time::ManualClock;

use crate::harness::{Witness, after, at_once, both_at_once, model_within, ms};

type Hooked<O> = CircuitBreaker<Policy, ManualClock, O, Counters<2>>;

/// Looks at the breaker whose change it is told of, and calls it.
#[derive(Default)]
struct Curious {
    breaker: std::sync::OnceLock<Weak<Hooked<Arc<Curious>>>>,
    witness: Witness,
}

impl Observer<Event> for Curious {
    fn notice(&self, event: &Event) {
        self.witness.notice(event);
        let breaker = self.breaker.get().and_then(Weak::upgrade);
        if let (Event::Changed(change), Some(breaker)) = (event, breaker) {
            let now = breaker.look_at(ms(0));
            assert!(now.generation >= change.generation, "told before it took effect");
            if change.to == State::Open {
                let known = now.generation > change.generation || now.retry_after.is_some();
                assert!(known, "told before its instants were known");
                breaker.reset_at(ms(0));
                drop(breaker.acquire_at(ms(0)));
            }
        }
    }
}

#[test]
fn a_hook_that_calls_the_breaker_again_hangs_nobody() {
    model_within(2, || {
        let observer = Arc::new(Curious::default());
        let breaker = Arc::new(CircuitBreaker::with_parts(
            after(1).build().unwrap(),
            ManualClock::new(),
            Arc::clone(&observer),
            Counters::new(),
        ));
        let _ = observer.breaker.set(Arc::downgrade(&breaker));
        let permit = breaker.acquire_owned().unwrap();
        both_at_once(&breaker, |_| permit.failure(), |breaker| breaker.call(|| Err::<(), _>("down")).is_ok());
        // Each opening was followed by its hook's reset; between them there may have been the other opening.
        assert_eq!(breaker.look_at(ms(0)).state, State::Closed);
        assert!(breaker.acquire_at(ms(0)).is_ok());
        let whys = observer.witness.whys();
        let resets = whys.iter().filter(|why| **why == Why::Reset).count();
        assert_eq!(resets * 2, whys.len(), "{whys:?}");
        assert_eq!(breaker.counts().hook_panics, 0);
    });
}

/// Panics at every change.
struct Bomb;

impl Observer<Event> for Bomb {
    fn notice(&self, event: &Event) {
        if let Event::Changed(_) = event {
            // Without the panic hook's message.
            resume_unwind(Box::new("boom"));
        }
    }
}

#[test]
fn a_hook_that_panics_takes_nothing_with_it() {
    model_within(2, || {
        let breaker: Arc<Hooked<Bomb>> = Arc::new(CircuitBreaker::with_parts(
            after(1).build().unwrap(),
            ManualClock::new(),
            Bomb,
            Counters::new(),
        ));
        let fail = |breaker: &Arc<Hooked<Bomb>>| breaker.call(|| Err::<(), _>("down")).is_ok();
        at_once(&breaker, fail, fail, |breaker| drop(breaker.acquire_at(ms(0))));
        let (now, counts) = (breaker.look_at(ms(0)), breaker.counts());
        assert_eq!((now.state, now.retry_after), (State::Open, Some(crate::harness::OPEN)));
        assert_eq!((counts.hook_panics, counts.errors, counts.in_flight()), (1, 1, 0), "{counts:?}");
    });
}
