//! Any input of the builder gives an error that names a field, its value and a rule that is really broken, or a policy
//! under which nothing panics and nothing overflows.

use core::time::Duration;

use arbitrary::Arbitrary;
use fusebox::breaker::{CircuitBreaker, Full, FullPolicy, Plain, Plan, Policy, PolicyBuilder, Window};
use fusebox::time::ManualClock;
use fusebox::{InvalidPolicy, Value};

use crate::faces::{self, Formatting, Step};

/// What the builder is told, in any order, and what is done to the breaker.
#[derive(Arbitrary, Debug)]
pub struct Settings {
    trip: Trip,
    set: Vec<Set>,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Debug)]
enum Trip {
    Row(Number),
    Calls { percent: Number, calls: Number, minimum: Number },
    Time { percent: Number, length: Length, minimum: Number },
}

#[derive(Arbitrary, Clone, Debug)]
enum Set {
    Open(Length),
    HalfOpenCalls(Number),
    SuccessThreshold(Number),
    Timeout(Length),
    WithoutTimeout,
    SlowAsFailure(Length),
    SlowPercent(Length, Number),
    Growth(Factor, Length),
    Jitter(Factor),
    JitterSeeded(Factor, u64),
    Ramp(Vec<Number>, Length),
    Full,
}

/// A whole number, often one that a policy takes.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Number {
    Few(u8),
    Some(u16),
    Any(u32),
}

/// A duration, often one that a policy takes.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Length {
    Millis(u16),
    Nanos(u64),
    Any(Duration),
}

/// A fraction, often one that a policy takes.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Factor {
    Hundredths(u16),
    Any(f64),
}

/// A builder, in whichever shape.
enum Builder {
    Plain(PolicyBuilder<Plain>),
    Full(PolicyBuilder<Full>),
}

/// What was set last, as the rules look at it.
struct Said {
    trip: Trip,
    open: Duration,
    half_open_calls: u32,
    success_threshold: u32,
    timeout: Option<Duration>,
    slow: Option<(Duration, Option<u32>)>,
    growth: Option<(f64, Duration)>,
    jitter: Option<f64>,
    ramp: Option<(Vec<u32>, Duration)>,
}

impl Settings {
    pub fn check(&self) {
        let (mut builder, mut said) = (self.trip.builder(), Said::of(&self.trip));
        for set in self.set.iter().take(16) {
            builder = set.tell(builder);
            said.note(set);
        }
        match builder {
            Builder::Plain(builder) => self.judge::<Policy>(builder.build(), &said),
            Builder::Full(builder) => self.judge::<FullPolicy>(builder.build(), &said),
        }
    }

    fn judge<P: Plan + 'static>(&self, built: Result<P, InvalidPolicy>, said: &Said) {
        let broken = said.broken();
        match built {
            Ok(policy) => {
                assert!(broken.iter().all(|it| it.is_close), "built, though it breaks {broken:?}");
                let clock = ManualClock::new();
                let breaker =
                    CircuitBreaker::new(policy).with_clock(&clock).with_observer(Formatting).counted();
                faces::exercise(&breaker, &clock, &self.steps[..self.steps.len().min(48)]);
            }
            Err(invalid) => {
                let named = |it: &Broken| it.field == invalid.field() && it.has(invalid.value());
                assert!(broken.iter().any(named), "{invalid:?} is not one of {broken:?}");
                let told = invalid.to_string();
                assert!(told.starts_with(invalid.field()) && told.ends_with(invalid.rule()), "{told}");
            }
        }
    }
}

/// A rule that a setting breaks.
#[derive(Debug)]
struct Broken {
    field: &'static str,
    value: Value,
    /// Only just: the nearest decimal of nine places may keep it.
    is_close: bool,
}

impl Broken {
    fn has(&self, value: Value) -> bool {
        match (self.value, value) {
            // A window holds its nanoseconds: what does not fit them is told as the longest that does.
            (Value::Duration(given), Value::Duration(told)) if self.field == "window" => {
                given == told || given > told && told == Duration::from_nanos(u64::MAX)
            }
            (Value::Number(given), Value::Number(told)) => given.to_bits() == told.to_bits(),
            (given, told) => given == told,
        }
    }
}

/// The rules, as the specification has them; where it is silent, as the documentation does.
impl Said {
    fn of(trip: &Trip) -> Self {
        Self {
            trip: trip.clone(),
            open: Duration::from_secs(30),
            half_open_calls: 1,
            success_threshold: 1,
            timeout: Some(Duration::from_secs(30)),
            slow: None,
            growth: None,
            jitter: None,
            ramp: None,
        }
    }

    fn note(&mut self, set: &Set) {
        match set {
            Set::Open(length) => self.open = length.get(),
            Set::HalfOpenCalls(calls) => self.half_open_calls = calls.get(),
            Set::SuccessThreshold(successes) => self.success_threshold = successes.get(),
            Set::Timeout(length) => self.timeout = Some(length.get()),
            Set::WithoutTimeout => self.timeout = None,
            Set::SlowAsFailure(limit) => self.slow = Some((limit.get(), None)),
            Set::SlowPercent(limit, percent) => self.slow = Some((limit.get(), Some(percent.get()))),
            Set::Growth(factor, cap) => self.growth = Some((factor.get(), cap.get())),
            Set::Jitter(fraction) | Set::JitterSeeded(fraction, _) => self.jitter = Some(fraction.get()),
            Set::Ramp(percents, step) => {
                self.ramp = Some((percents.iter().map(|percent| percent.get()).collect(), step.get()));
            }
            Set::Full => {}
        }
    }

    fn broken(&self) -> Vec<Broken> {
        let mut broken = Vec::new();
        let mut unless = |holds: bool, field, value| {
            if !holds {
                broken.push(Broken { field, value, is_close: false });
            }
        };
        let count = |number: u32| Value::Count(number.into());
        let percent = |percent: u32| (1..=100).contains(&percent);
        let is_rate = !matches!(self.trip, Trip::Row(_));
        match self.trip {
            Trip::Row(failures) => {
                let failures = failures.get();
                unless((1..=65_535).contains(&failures), "consecutive_failures", count(failures));
            }
            Trip::Calls { percent: rate, calls, minimum } => {
                let (rate, calls, minimum) = (rate.get(), calls.get(), minimum.get());
                unless(percent(rate), "percent", count(rate));
                unless((1..=1 << 20).contains(&calls), "window", count(calls));
                unless((1..=calls).contains(&minimum), "minimum_calls", count(minimum));
            }
            Trip::Time { percent: rate, length, minimum } => {
                let (rate, minimum) = (rate.get(), minimum.get());
                unless(percent(rate), "percent", count(rate));
                unless(fits(length.get()), "window", Value::Duration(length.get()));
                unless(minimum >= 1, "minimum_calls", count(minimum));
            }
        }
        unless(fits(self.open), "open_duration", Value::Duration(self.open));
        let up_to_63 = |number: u32| (1..=63).contains(&number);
        unless(up_to_63(self.half_open_calls), "half_open_calls", count(self.half_open_calls));
        unless(up_to_63(self.success_threshold), "success_threshold", count(self.success_threshold));
        if let Some(timeout) = self.timeout {
            unless(fits(timeout), "half_open_timeout", Value::Duration(timeout));
        }
        if let Some((limit, slow)) = self.slow {
            unless(fits(limit), "limit", Value::Duration(limit));
            if let Some(slow) = slow {
                unless(percent(slow) && is_rate, "percent", count(slow));
            }
        }
        if let Some((percents, step)) = &self.ramp {
            unless(!percents.is_empty(), "percents", Value::Empty);
            unless(percents.len() <= 16, "percents", Value::Count(percents.len() as u64));
            percents.iter().for_each(|it| unless(percent(*it), "percents", count(*it)));
            unless(fits(*step), "step", Value::Duration(*step));
        }
        if let Some((_, cap)) = self.growth {
            unless(fits(cap) && cap >= self.open, "cap", Value::Duration(cap));
        }
        let mut ratio = |field, least: f64, given: f64| {
            if !(least..=1e9).contains(&given) {
                let is_close = given >= 1.0 - 1e-9 && given < least || given > 1e9 && given < 1e9 + 1.0;
                broken.push(Broken { field, value: Value::Number(given), is_close });
            }
        };
        if let Some((factor, _)) = self.growth {
            ratio("factor", 1.0, factor);
        }
        if let Some(fraction) = self.jitter {
            ratio("jitter", 0.0, fraction);
        }
        broken
    }
}

/// Every duration of a policy: ten years must fit, a hundred do.
fn fits(duration: Duration) -> bool {
    !duration.is_zero() && duration <= Duration::from_secs(100 * 365 * 24 * 3_600)
}

impl Trip {
    fn builder(&self) -> Builder {
        match self {
            Self::Row(failures) => Builder::Plain(Policy::consecutive_failures(failures.get())),
            Self::Calls { percent, calls, minimum } => {
                let window = Window::calls(calls.get());
                Builder::Full(Policy::failure_rate(percent.get(), window, minimum.get()))
            }
            Self::Time { percent, length, minimum } => {
                let window = Window::time(length.get());
                Builder::Full(Policy::failure_rate(percent.get(), window, minimum.get()))
            }
        }
    }
}

impl Set {
    fn tell(&self, builder: Builder) -> Builder {
        match builder {
            Builder::Plain(builder) if self.is_plain() => Builder::Plain(self.plainly(builder)),
            Builder::Plain(builder) => Builder::Full(self.fully(builder)),
            Builder::Full(builder) => Builder::Full(self.fully(self.plainly(builder))),
        }
    }

    /// Whether it keeps a plain builder plain.
    fn is_plain(&self) -> bool {
        match self {
            Self::Open(_) | Self::HalfOpenCalls(_) | Self::SuccessThreshold(_) => true,
            Self::Timeout(_) | Self::WithoutTimeout | Self::SlowAsFailure(_) => true,
            Self::SlowPercent(..) | Self::Growth(..) | Self::Jitter(_) | Self::JitterSeeded(..) => false,
            Self::Ramp(..) | Self::Full => false,
        }
    }

    fn plainly<S>(&self, builder: PolicyBuilder<S>) -> PolicyBuilder<S> {
        match self {
            Self::Open(length) => builder.open_duration(length.get()),
            Self::HalfOpenCalls(calls) => builder.half_open_calls(calls.get()),
            Self::SuccessThreshold(successes) => builder.success_threshold(successes.get()),
            Self::Timeout(length) => builder.half_open_timeout(length.get()),
            Self::WithoutTimeout => builder.without_half_open_timeout(),
            Self::SlowAsFailure(limit) => builder.slow_call_as_failure(limit.get()),
            _ => builder,
        }
    }

    fn fully<S>(&self, builder: PolicyBuilder<S>) -> PolicyBuilder<Full> {
        match self {
            Self::SlowPercent(limit, percent) => builder.slow_call_percent(limit.get(), percent.get()),
            Self::Growth(factor, cap) => builder.open_growth(factor.get(), cap.get()),
            Self::Jitter(fraction) => builder.open_jitter(fraction.get()),
            Self::JitterSeeded(fraction, seed) => builder.open_jitter_seeded(fraction.get(), *seed),
            Self::Ramp(percents, step) => {
                let percents: Vec<_> = percents.iter().map(|percent| percent.get()).collect();
                builder.ramp(&percents, step.get())
            }
            _ => builder.full(),
        }
    }
}

impl Number {
    fn get(self) -> u32 {
        match self {
            Self::Few(number) => u32::from(number) % 102,
            Self::Some(number) => number.into(),
            Self::Any(number) => number,
        }
    }
}

impl Length {
    fn get(self) -> Duration {
        match self {
            Self::Millis(millis) => Duration::from_millis(millis.into()),
            Self::Nanos(nanos) => Duration::from_nanos(nanos),
            Self::Any(duration) => duration,
        }
    }
}

impl Factor {
    fn get(self) -> f64 {
        match self {
            Self::Hundredths(number) => f64::from(number) / 100.0,
            Self::Any(number) => number,
        }
    }
}
