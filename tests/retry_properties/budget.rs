//! A budget against a plain exact model: whole billionths of a token in 128 bits, and the latest instant beside them.

use fusebox::retry::{Allowed, Budget};
use fusebox::time::{Instant, NoClock};
use proptest::prelude::*;

const TOKEN: i128 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
enum Step {
    Deposit(u64),
    Retry(u64),
    Look(u64),
}

/// Instants of every size, and such that lie close to one another.
fn step(most: u64) -> impl Strategy<Value = Step> {
    let instant = prop_oneof![
        (0_u32..64, any::<u64>()).prop_map(|(bits, number)| number >> bits),
        0..5_000_000_000_u64,
        (0..50_u64).prop_map(|tenths| tenths * 100_000_000),
        Just(u64::MAX),
    ];
    (0..8, instant).prop_map(move |(what, instant)| {
        let instant = instant.min(most);
        match what {
            0..=2 => Step::Deposit(instant),
            3..=6 => Step::Retry(instant),
            _ => Step::Look(instant),
        }
    })
}

#[derive(Clone, Copy, Debug)]
struct Told {
    ratio: u64,
    capacity: u32,
    rate: u32,
    initial: u64,
}

/// Ratios and balances in billionths, each a number that a double holds exactly enough.
fn told(rate: impl Strategy<Value = u32>) -> impl Strategy<Value = Told> {
    let ratio = prop_oneof![
        (0_u64..=20).prop_map(|tenths| tenths * 100_000_000),
        0_u64..3_000_000_000,
        Just(1_000_000_000_000_000_000),
    ];
    let capacity =
        prop_oneof![4 => 1_u32..6, 1 => any::<u32>().prop_map(|it| it.max(1)), 1 => Just(u32::MAX)];
    (ratio, capacity, rate, 0_u64..6_000_000_000)
        .prop_map(|(ratio, capacity, rate, initial)| Told {
            ratio,
            capacity,
            rate,
            initial: initial.min(u64::from(capacity) * 1_000_000_000),
        })
        .prop_filter("some token must come", |told| told.ratio > 0 || told.rate > 0 || told.initial > 0)
}

fn budget(told: Told) -> Budget<NoClock> {
    let in_tokens = |billionths: u64| billionths as f64 / 1e9;
    let allowed = Allowed::ratio(in_tokens(told.ratio)).capacity(told.capacity).min_per_second(told.rate);
    Budget::with_parts(allowed.initial(in_tokens(told.initial)).build().unwrap(), NoClock, ())
}

/// What ought to be.
struct Model {
    told: Told,
    balance: i128,
    latest: u64,
}

impl Model {
    fn of(told: Told) -> Self {
        Self { told, balance: told.initial.into(), latest: 0 }
    }

    fn at(&self, now: u64) -> i128 {
        let grown = i128::from(now.saturating_sub(self.latest)) * i128::from(self.told.rate);
        (self.balance + grown).min(i128::from(self.told.capacity) * TOKEN)
    }

    fn advance(&mut self, now: u64) {
        self.balance = self.at(now);
        self.latest = self.latest.max(now);
    }

    fn deposit(&mut self, now: u64) {
        self.advance(now);
        self.balance =
            (self.balance + i128::from(self.told.ratio)).min(i128::from(self.told.capacity) * TOKEN);
    }

    fn retry(&mut self, now: u64) -> bool {
        self.advance(now);
        let granted = self.balance >= TOKEN;
        self.balance -= if granted { TOKEN } else { 0 };
        granted
    }
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Exact as long as 2^64 billionths do not come by time alone between two operations.
    #[test]
    fn a_budget_is_that_of_the_model(
        told in told(0_u32..1_000), steps in prop::collection::vec(step(1 << 53), 1..60),
    ) {
        let (budget, mut model) = (budget(told), Model::of(told));
        let mut refused = 0;
        for step in steps {
            match step {
                Step::Deposit(now) => {
                    budget.deposit_at(at(now));
                    model.deposit(now);
                }
                Step::Retry(now) => {
                    let retry = budget.withdraw_at(at(now));
                    let granted = model.retry(now);
                    prop_assert_eq!(retry.is_ok(), granted, "{:?}", step);
                    refused += u64::from(!granted);
                    if let Err(told) = retry {
                        prop_assert_eq!(told.refused, refused);
                        prop_assert_eq!(told.balance, model.balance as f64 / 1e9);
                    }
                }
                Step::Look(now) => {
                    let look = budget.look_at(at(now));
                    prop_assert_eq!(look.balance, model.at(now) as f64 / 1e9);
                    prop_assert_eq!(look.refused, refused);
                }
            }
        }
    }

    /// At the ends of everything it may forget what came by time, never more, and never grants what is not there.
    #[test]
    fn no_budget_grants_more_than_came_in(
        told in told(any::<u32>()), steps in prop::collection::vec(step(u64::MAX), 1..60),
    ) {
        let (budget, mut model) = (budget(told), Model::of(told));
        let (mut granted, mut deposited, mut latest) = (0_i128, 0_i128, 0_u64);
        for step in steps {
            match step {
                Step::Deposit(now) => {
                    budget.deposit_at(at(now));
                    model.deposit(now);
                    deposited += i128::from(told.ratio);
                    latest = latest.max(now);
                }
                Step::Retry(now) => {
                    latest = latest.max(now);
                    model.advance(now);
                    if budget.withdraw_at(at(now)).is_ok() {
                        prop_assert!(model.retry(now), "{:?}", step);
                        granted += TOKEN;
                    }
                }
                Step::Look(now) => {
                    let balance = budget.look_at(at(now)).balance;
                    prop_assert!(balance >= 0.0 && balance <= f64::from(told.capacity));
                    prop_assert!(balance <= model.at(now) as f64 / 1e9);
                }
            }
            let came = i128::from(told.initial) + deposited + i128::from(latest) * i128::from(told.rate);
            prop_assert!(granted <= came, "{} of {}", granted, came);
        }
    }

    /// One clock steps back, the other stands still in its place.
    #[test]
    fn a_clock_that_steps_back_is_never_looser_than_one_that_stands(
        told in told(0_u32..1_000), steps in prop::collection::vec(step(1 << 53), 1..60),
    ) {
        let (back, still) = (budget(told), budget(told));
        let (mut by_back, mut by_still, mut latest) = (0, 0, 0);
        for step in steps {
            match step {
                Step::Deposit(now) => {
                    latest = latest.max(now);
                    back.deposit_at(at(now));
                    still.deposit_at(at(latest));
                }
                Step::Retry(now) => {
                    latest = latest.max(now);
                    by_back += u32::from(back.withdraw_at(at(now)).is_ok());
                    by_still += u32::from(still.withdraw_at(at(latest)).is_ok());
                }
                Step::Look(_) => {}
            }
            prop_assert!(by_back <= by_still, "{} and {}", by_back, by_still);
        }
    }
}

/// What is forgotten, and when: a full budget that nobody asked for 2^64 nanoseconds divided by its rate begins anew with what
/// came since. Stricter, for as long as it takes to fill.
#[test]
fn a_budget_may_forget_once_2_to_the_64th_billionths_have_come() {
    let told = Told { ratio: 0, capacity: 10, rate: 15_000_000, initial: 0 };
    // Twenty minutes and a half at fifteen million tokens a second.
    let forgets = u64::MAX / 15_000_000 + 1;
    let full = budget(told);
    assert_eq!(full.look_at(at(forgets - 1)).balance, 10.0);
    assert!(full.look_at(at(forgets)).balance < 1.0);
    assert!(full.withdraw_at(at(forgets)).is_err());
    assert!(full.withdraw_at(at(forgets + 1_000)).is_ok());
}
