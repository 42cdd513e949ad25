//! Random policies, and random things to do to their breakers.

use core::time::Duration;

use fusebox::breaker::{FailureKind, Snapshot, State, Verdict, WindowSnapshot};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

use super::driver::{Act, Step, Tick};
use super::subject::How;
use crate::model::Hand;
use crate::model::spec::{Billionths, Growth, MILLI, ONE, Ramp, Slow, Spec, Trip, Window};

const SECOND: u64 = 1_000_000_000;
const TEN_YEARS: u64 = 3650 * 24 * 3600 * SECOND;

/// A duration that a policy takes: short enough to be met, odd in its nanoseconds, or as long as can be.
///
/// What is made of many others is boxed: without optimisation, moving it about takes more stack than a thread
/// has.
pub fn duration() -> BoxedStrategy<i128> {
    let nanos = prop_oneof![
        6 => (1..60_u64).prop_map(|millis| millis * MILLI as u64),
        3 => 1..60_000_000_u64,
        2 => (1..120_u64).prop_map(|seconds| seconds * SECOND),
        1 => Just(1),
        1 => Just(TEN_YEARS),
        1 => 1..=TEN_YEARS,
    ];
    nanos.prop_map(i128::from).boxed()
}

fn percent() -> impl Strategy<Value = Billionths> {
    prop_oneof![3 => 1..=100_u64, 1 => Just(100), 1 => Just(50), 1 => Just(1)]
        .prop_map(|percent| percent * ONE)
}

fn row() -> impl Strategy<Value = Trip> {
    prop_oneof![8 => 1..=5_u32, 1 => 1..=65_535_u32].prop_map(Trip::Row)
}

fn calls() -> impl Strategy<Value = Trip> {
    (1..=12_u32, percent()).prop_flat_map(|(calls, percent)| {
        let rate = move |minimum| Trip::Rate { percent, window: Window::Calls(calls), minimum };
        (1..=calls).prop_map(rate)
    })
}

/// A window under forty nanoseconds is left out: it is kept in slices of one, and the last 64 ns of the clock
/// are one of those.
fn time() -> impl Strategy<Value = Trip> {
    (duration().prop_map(|length| length.max(40)), percent(), 1..=6_u32)
        .prop_map(|(length, percent, minimum)| Trip::Rate { percent, window: Window::Time(length), minimum })
}

fn slow(trip: Trip) -> impl Strategy<Value = Option<Slow>> {
    let kind = (duration(), percent(), any::<bool>()).prop_map(move |(limit, percent, by_rate)| match trip {
        Trip::Rate { .. } if by_rate => Slow::Percent { limit, percent },
        _ => Slow::AsFailure { limit },
    });
    weighted(0.4, kind)
}

fn growth(open: i128) -> impl Strategy<Value = Option<Growth>> {
    let factor = prop_oneof![Just(ONE), Just(2 * ONE), Just(ONE * 3 / 2), ONE..10 * ONE, Just(1000 * ONE)];
    let kind = (factor, 1..=50_u32, 0..2_000_000_i128).prop_map(move |(factor, times, odd)| Growth {
        factor,
        cap: (open * i128::from(times) + odd * i128::from(times % 2)).min(i128::from(TEN_YEARS)).max(open),
    });
    weighted(0.4, kind)
}

fn ramp() -> impl Strategy<Value = Option<Ramp>> {
    weighted(0.35, (vec(percent(), 1..=4), duration()).prop_map(|(percents, step)| Ramp { percents, step }))
}

fn spec(trip: impl Strategy<Value = Trip> + 'static) -> BoxedStrategy<Spec> {
    (trip, duration())
        .prop_flat_map(|(trip, open)| {
            let parts = (
                slow(trip),
                growth(open),
                weighted(0.15, 0..=ONE),
                prop_oneof![4 => 1..=3_u32, 1 => 1..=63_u32],
                prop_oneof![4 => 1..=3_u32, 1 => 1..=63_u32],
                weighted(0.8, duration()),
                ramp(),
            );
            parts.prop_map(
                move |(slow, growth, jitter, half_open_calls, success_threshold, half_open_timeout, ramp)| {
                    Spec {
                        trip,
                        slow,
                        open,
                        growth,
                        jitter,
                        half_open_calls,
                        success_threshold,
                        half_open_timeout,
                        ramp,
                    }
                },
            )
        })
        .boxed()
}

/// A breaker that can be compared exactly: in a row, or a window of calls.
pub fn exact() -> impl Strategy<Value = Spec> {
    spec(prop_oneof![row(), calls()])
}

/// A breaker with a window of time.
pub fn timed() -> impl Strategy<Value = Spec> {
    spec(time())
}

/// A plain breaker.
pub fn plain() -> impl Strategy<Value = Spec> {
    spec(row()).prop_map(|spec| Spec { growth: None, jitter: None, ramp: None, ..spec })
}

fn how() -> impl Strategy<Value = How> {
    let kind = prop_oneof![
        Just(FailureKind::Error),
        Just(FailureKind::Slow),
        Just(FailureKind::Timeout),
        Just(FailureKind::Panic)
    ];
    prop_oneof![
        6 => Just(How::Success),
        6 => Just(How::Failure),
        2 => kind.clone().prop_map(How::Fail),
        1 => Just(How::Ignore),
        1 => Just(How::Panicked),
        1 => Just(How::TimedOut),
        1 => kind.prop_map(|kind| How::Record(Verdict::Failure(kind))),
        1 => prop_oneof![Just(How::Record(Verdict::Success)), Just(How::Record(Verdict::Ignored))],
        2 => Just(How::Drop),
        1 => Just(How::DropInPanic),
    ]
}

/// Steps of time forward: small ones, and to the very nanosecond beside what is due.
fn forward() -> impl Strategy<Value = Tick> {
    let offset = prop_oneof![
        Just(0_i64),
        Just(-1),
        Just(1),
        Just(-1_000_000),
        Just(1_000_000),
        Just(-999_999),
        Just(999_999),
        -2_000_000..2_000_000_i64,
    ];
    // Whole powers of two are whole laps of whatever counts time in a few bits.
    let laps = (10..63_u32).prop_map(|bits| 1 << bits);
    let far = prop_oneof![Just(u64::MAX), Just(u64::MAX - 1), Just(TEN_YEARS), any::<u64>(), laps];
    prop_oneof![
        6 => Just(Tick::Stay),
        6 => (0..20_u64).prop_map(|millis| Tick::By(millis * MILLI as u64)),
        4 => (0..30_000_000_u64).prop_map(Tick::By),
        2 => (0..100_u64).prop_map(|seconds| Tick::By(seconds * SECOND)),
        8 => (any::<u8>(), offset).prop_map(|(which, offset)| Tick::Beside { which, offset }),
        1 => far.prop_map(|nanos| Tick::By(nanos / 8)),
    ]
}

/// Steps of time in any direction, to the ends of the clock too.
fn anywhere() -> impl Strategy<Value = Tick> {
    prop_oneof![
        12 => forward(),
        1 => (2..20_u64).prop_map(|millis| Tick::Back(millis * MILLI as u64)),
        1 => (2_000_000..100 * SECOND).prop_map(Tick::Back),
        1 => Just(Tick::Back(u64::MAX)),
        1 => prop_oneof![Just(u64::MAX), Just(u64::MAX - 1), any::<u64>()].prop_map(Tick::To),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let took = prop_oneof![3 => Just(0), 3 => 0..60_000_000_u64, 1 => (0..60_u64).prop_map(|millis| millis * MILLI as u64)];
    prop_oneof![
        10 => Just(Act::Acquire),
        10 => (any::<u8>(), how()).prop_map(|(which, how)| Act::Finish { which, how }),
        14 => (took, how()).prop_map(|(took, how)| Act::Call { took, how }),
        1 => prop_oneof![Just(Hand::ForceOpen), Just(Hand::Disable), Just(Hand::Reset)].prop_map(Act::Hand),
        1 => prop_oneof![Just(true), Just(false), Just(false)].prop_map(Act::Shadow),
        1 => any::<u32>().prop_map(|ahead| Act::Look { ahead: u64::from(ahead) }),
        1 => any::<u64>().prop_map(|ahead| Act::Look { ahead }),
    ]
}

fn restore() -> impl Strategy<Value = Act> {
    let wall = prop_oneof![
        2 => Just(0_i64),
        3 => (0..100_i64).prop_map(|millis| millis * MILLI as i64),
        2 => 0..100_000_000_i64,
        1 => any::<i32>().prop_map(|millis| i64::from(millis) * MILLI as i64),
        1 => Just(i64::MIN),
    ];
    let clock = prop_oneof![Just(0), (0..100_u64).prop_map(|millis| millis * MILLI as u64), 0..10 * SECOND];
    (wall, clock).prop_map(|(wall, clock)| Act::Restore { wall, clock })
}

fn steps(
    tick: impl Strategy<Value = Tick>,
    act: impl Strategy<Value = Act>,
) -> impl Strategy<Value = Vec<Step>> {
    vec((tick, any::<bool>(), act).prop_map(|(tick, reads, act)| Step { tick, reads, act }), 1..50)
}

/// What happens while time goes on as it should.
pub fn forward_steps() -> impl Strategy<Value = Vec<Step>> {
    steps(forward(), act())
}

/// What happens while the clock goes as it likes.
pub fn wild_steps() -> impl Strategy<Value = Vec<Step>> {
    steps(anywhere(), act())
}

/// What happens to a process that is started again now and then.
pub fn restored_steps() -> impl Strategy<Value = Vec<Step>> {
    steps(forward(), prop_oneof![6 => act(), 1 => restore()])
}

/// Any duration there is.
pub fn any_duration() -> BoxedStrategy<Duration> {
    prop_oneof![
        3 => duration().prop_map(super::subject::duration),
        1 => any::<u64>().prop_map(Duration::from_nanos),
        1 => any::<u64>().prop_map(Duration::from_secs),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
    ]
    .boxed()
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        2 => Just(State::Closed),
        2 => Just(State::Open),
        2 => Just(State::HalfOpen),
        2 => Just(State::Recovering),
        1 => Just(State::ForcedOpen),
        1 => Just(State::Disabled)
    ]
}

fn number(most: u32) -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..=most, 1 => any::<u32>()]
}

fn window() -> impl Strategy<Value = WindowSnapshot> {
    let count = || prop_oneof![4 => 0..20_u64, 1 => any::<u64>()];
    let calls = (count(), vec((count(), any::<bool>(), any::<bool>()), 0..20))
        .prop_map(|(calls, marks)| WindowSnapshot::Calls { calls, marks });
    let time = vec((any_duration(), count(), count(), count()), 0..20)
        .prop_map(|slices| WindowSnapshot::Time { slices });
    prop_oneof![calls, time]
}

/// A snapshot of ours, with anything in its fields.
pub fn snapshot() -> impl Strategy<Value = Snapshot> {
    let durations = (
        any_duration(),
        proptest::option::of(any_duration()),
        any_duration(),
        proptest::option::of(any_duration()),
        proptest::option::of(any_duration()),
    );
    let numbers = (number(9), number(9), number(63), number(15), number(99));
    (state(), durations, numbers, weighted(0.5, window())).prop_map(|(state, durations, numbers, window)| {
        let (wall, remaining, age, open_for, outage) = durations;
        let (consecutive_failures, opened_in_a_row, successes, ramp_step, ramp_position) = numbers;
        Snapshot {
            primitive: Snapshot::PRIMITIVE,
            version: Snapshot::VERSION,
            wall,
            state,
            remaining,
            age,
            open_for,
            outage,
            consecutive_failures,
            opened_in_a_row,
            successes,
            ramp_step,
            ramp_position,
            window,
        }
    })
}
