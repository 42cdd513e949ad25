//! A course against what the page says of it, line by line: any classes, instants that stand, jump or step back, any budget.

use std::time::Duration;

use fusebox::retry::{Allowed, Budget, Class, Course, Jitter, Next, Policy, Stopped};
use fusebox::time::{Instant, NoClock};
use fusebox::timeout::Deadline;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn millis(most: u64) -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..most, 1 => Just(0), 1 => Just(most)]
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        8 => Just(Class::Transient),
        1 => Just(Class::Permanent),
        3 => millis(500).prop_map(|wait| Class::After(Duration::from_millis(wait))),
        3 => millis(500).prop_map(|wait| Class::Refused(Some(Duration::from_millis(wait)))),
        1 => Just(Class::Refused(None)),
        1 => Just(Class::After(Duration::MAX)),
    ]
}

fn jitter() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        Just(Jitter::Decorrelated),
        Just(Jitter::Proportional(0.25))
    ]
}

/// When an attempt fails, seen from the end of the wait before it.
#[derive(Clone, Debug)]
enum Clock {
    /// So many milliseconds later.
    Later(u64),
    /// So many before what the clock showed last: it stepped back.
    Back(u64),
    End,
}

fn clock() -> impl Strategy<Value = Clock> {
    prop_oneof![
        6 => millis(300).prop_map(Clock::Later),
        2 => millis(2_000).prop_map(Clock::Back),
        1 => Just(Clock::End),
    ]
}

/// What ought to be.
struct Model {
    attempts: u32,
    delays: Vec<u64>,
    began: u64,
    latest: u64,
    waited: u64,
    /// Of the policy, and of outside.
    longest: Option<u64>,
    until: Option<u64>,
    tokens: u64,
}

impl Model {
    fn failed(&mut self, class: Class, now: u64) -> Next {
        self.attempts += 1;
        self.latest = self.latest.max(now);
        let after = match class {
            Class::Permanent | Class::Refused(None) => return Next::Stop(Stopped::Permanent),
            Class::Transient => 0,
            Class::After(wait) | Class::Refused(Some(wait)) => {
                u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)
            }
        };
        let Some(delay) = self.delays.get(self.attempts as usize - 1) else {
            return Next::Stop(Stopped::Attempts);
        };
        let wait = u128::from((*delay).max(after));
        let ends = u128::from(self.latest) + wait;
        let by_clock = self.longest.map(|longest| u128::from(self.began) + u128::from(longest));
        let late =
            by_clock.is_some_and(|by| ends > by) || self.until.is_some_and(|until| ends > until.into());
        let waits = u128::from(self.waited) + wait;
        if late || self.longest.is_some_and(|longest| waits > longest.into()) {
            return Next::Stop(Stopped::Deadline);
        }
        if !matches!(class, Class::Refused(_)) {
            if self.tokens == 0 {
                return Next::Stop(Stopped::Budget);
            }
            self.tokens -= 1;
        }
        let wait = u64::try_from(wait).unwrap();
        self.waited = self.waited.saturating_add(wait);
        Next::Wait(Duration::from_nanos(wait))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_course_is_that_of_the_model(
        attempts in 1_u32..10, initial in millis(100), jitter in jitter(), seed in any::<u64>(),
        longest in prop::option::of(millis(2_000)), until in prop::option::of(millis(4_000)), began in millis(1_000),
        tokens in 0_u64..9,
        failures in prop::collection::vec((class(), clock()), 1..12),
    ) {
        let mut builder = Policy::attempts(attempts).initial_delay(Duration::from_millis(initial)).jitter(jitter);
        if let Some(longest) = longest {
            builder = builder.deadline(Duration::from_millis(longest));
        }
        let plan = builder.build().unwrap().seeded(seed);
        let budget = Budget::with_parts(Allowed::ratio(1.0).initial(tokens as f64).build().unwrap(), NoClock, ());
        let began_at = Instant::from_nanos(began * MS);
        let mut course = Course::begun_at(&plan, began_at);
        if let Some(until) = until {
            course = course.until(Deadline::at(Instant::from_nanos(until * MS)));
        }
        let mut model = Model {
            attempts: 0,
            delays: plan.delays().map(|delay| u64::try_from(delay.as_nanos()).unwrap()).collect(),
            began: began * MS,
            latest: began * MS,
            waited: 0,
            longest: longest.map(|longest| longest * MS),
            until: until.map(|until| until * MS),
            tokens,
        };
        let mut shown = began * MS;
        for (class, clock) in failures {
            shown = match clock {
                Clock::Later(later) => shown.saturating_add(later * MS),
                Clock::Back(back) => shown.saturating_sub(back * MS),
                Clock::End => u64::MAX,
            };
            let next = course.failed(class, Some(Instant::from_nanos(shown)), &budget);
            prop_assert_eq!(next, model.failed(class, shown), "{:?} at {}", class, shown);
            prop_assert_eq!(course.attempts(), model.attempts);
            prop_assert_eq!(course.waited(), Duration::from_nanos(model.waited));
            prop_assert_eq!(budget.look_at(Instant::ORIGIN).balance, model.tokens as f64);
            match next {
                Next::Wait(delay) => shown = shown.saturating_add(u64::try_from(delay.as_nanos()).unwrap()),
                Next::Stop(_) => break,
            }
        }
    }
}

/// A call that is over only after the deadline has nothing left, not even for a retry without a wait.
#[test]
fn no_retry_begins_after_the_deadline_even_without_a_wait() {
    let policy = Policy::attempts(9).initial_delay(Duration::ZERO).max_delay(Duration::ZERO);
    let plan = policy.deadline(Duration::from_secs(1)).build().unwrap().seeded(0);
    let at = |nanos| {
        let mut course = Course::begun_at(&plan, Instant::ORIGIN);
        course.failed(Class::Transient, Some(Instant::from_nanos(nanos)), &())
    };
    assert_eq!(at(1_000_000_000), Next::Wait(Duration::ZERO), "to end exactly at it is allowed");
    assert_eq!(at(1_000_000_001), Next::Stop(Stopped::Deadline));
}

/// A clock that steps back makes no room before the deadline that had gone already.
#[test]
fn a_clock_that_steps_back_gives_a_course_no_time_back() {
    let policy = Policy::attempts(9).initial_delay(Duration::from_secs(1)).jitter(Jitter::None);
    let plan = policy.deadline(Duration::from_secs(10)).build().unwrap().seeded(0);
    let second = |seconds: u64| Some(Instant::from_nanos(seconds * 1_000_000_000));
    for back in [0, 5, 8] {
        let mut course = Course::begun_at(&plan, Instant::ORIGIN);
        assert_eq!(course.failed(Class::Transient, second(9), &()), Next::Wait(Duration::from_secs(1)));
        assert_eq!(
            course.failed(Class::Transient, second(back), &()),
            Next::Stop(Stopped::Deadline),
            "{back}"
        );
    }
}
