//! Any policy of retries gives an error that names a rule that is really broken, or delays within their bounds, and courses that
//! wait for nothing beyond their deadline.

use core::time::Duration;

use arbitrary::Arbitrary;
use fusebox::retry::{Class, Course, Jitter, Next, Policy, PolicyBuilder, Seeded, Stopped};
use fusebox::time::Instant;

/// What the builder is told, and how the attempts fail.
#[derive(Arbitrary, Debug)]
pub struct Settings {
    attempts: Number,
    initial: Length,
    max: Length,
    multiplier: Factor,
    jitter: Kind,
    deadline: Option<Length>,
    seed: u64,
    began: u64,
    failures: Vec<Failure>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Number {
    Few(u8),
    Any(u32),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Length {
    Millis(u16),
    Nanos(u64),
    Any(Duration),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Factor {
    Hundredths(u16),
    Any(f64),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    None,
    Default,
    Proportional(Factor),
    Full,
    Equal,
    Decorrelated,
}

/// A failure, and when: so long after what the clock showed last, or anywhere.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Failure {
    After(Length, Meaning),
    At(u64, Meaning),
    Unknown(Meaning),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Meaning {
    Transient,
    Permanent,
    After(Length),
    Refused(Option<Length>),
}

/// Nanoseconds, as a clock shows them.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Settings {
    pub fn check(&self) {
        let broken = self.broken();
        match self.builder(self.jitter.get()).build() {
            Ok(policy) => {
                assert!(broken.iter().all(|(_, close)| *close), "built, though it breaks {broken:?}");
                let policy = policy.seeded(self.seed);
                self.check_delays(&policy);
                self.check_course(&policy);
            }
            Err(invalid) => {
                let named = broken.iter().any(|(field, _)| *field == invalid.field());
                assert!(named, "{invalid:?} is not one of {broken:?}");
            }
        }
    }

    fn builder(&self, jitter: Jitter) -> PolicyBuilder {
        let builder = Policy::attempts(self.attempts.get())
            .initial_delay(self.initial.get())
            .max_delay(self.max.get())
            .multiplier(self.multiplier.get())
            .jitter(jitter);
        match self.deadline {
            Some(deadline) => builder.deadline(deadline.get()),
            None => builder,
        }
    }

    /// The rules that are broken, and whether only just: the nearest decimal of nine places may keep them.
    fn broken(&self) -> Vec<(&'static str, bool)> {
        let mut broken = Vec::new();
        if self.attempts.get() == 0 {
            broken.push(("max_attempts", false));
        }
        if nanos(self.initial.get()) > nanos(self.max.get()) {
            broken.push(("max_delay", false));
        }
        let multiplier = self.multiplier.get();
        if !(1.0..=1e9).contains(&multiplier) {
            broken.push(("multiplier", multiplier > 1.0 - 1e-9 && multiplier < 1.0));
        }
        if let Kind::Proportional(share) = self.jitter {
            if !(0.0..=1e9).contains(&share.get()) {
                broken.push(("jitter_fraction", false));
            }
        }
        broken
    }

    fn check_delays(&self, policy: &Seeded) {
        let Ok(plain) = self.builder(Jitter::None).build() else { return };
        let (initial, max) = (nanos(self.initial.get()), nanos(self.max.get()));
        let (mut last_base, mut last) = (initial, initial);
        for (base, delay) in plain.seeded(0).delays().zip(policy.delays()).take(128) {
            let (base, delay) = (nanos(base), nanos(delay));
            assert!((last_base..=max).contains(&base), "{base} after {last_base}, {max} at most");
            let (low, high) = match self.jitter.get() {
                Jitter::Full => (0, base),
                Jitter::Equal => (base / 2, base),
                Jitter::Decorrelated => (initial, last.saturating_mul(3).clamp(initial, max)),
                // The share is a decimal of nine places, and so may be a billionth more.
                Jitter::Proportional(share) => {
                    let more = base as f64 * (share + 1e-9) * (1.0 + 1e-9) + 1.0;
                    (base, base.saturating_add(more as u64))
                }
                _ => (base, base),
            };
            assert!((low..=high).contains(&delay), "{delay} is not from {low} to {high}");
            (last_base, last) = (base, delay);
        }
        let delays = policy.delays();
        assert_eq!(delays.len() as u64, u64::from(self.attempts.get()) - 1);
    }

    fn check_course(&self, policy: &Seeded) {
        let mut course = Course::begun_at(policy, Instant::from_nanos(self.began));
        let deadline = self.deadline.map(|deadline| nanos(deadline.get()));
        let ends = deadline.map(|deadline| self.began.saturating_add(deadline));
        let (mut clock, mut latest, mut waited) = (self.began, self.began, 0_u64);
        for (number, failure) in (1_u32..).zip(self.failures.iter().take(64)) {
            let (now, meaning) = match failure {
                Failure::After(later, meaning) => (Some(clock.saturating_add(nanos(later.get()))), meaning),
                Failure::At(now, meaning) => (Some(*now), meaning),
                Failure::Unknown(meaning) => (None, meaning),
            };
            clock = now.unwrap_or(clock);
            // What a course was not told, it cannot know.
            latest = latest.max(now.unwrap_or(0));
            let (class, least) = meaning.get();
            let next = course.failed(class, now.map(Instant::from_nanos), &());
            assert_eq!(course.attempts(), number);
            match next {
                Next::Wait(wait) => {
                    let wait = nanos(wait);
                    waited = waited.saturating_add(wait);
                    assert!(
                        number < self.attempts.get() && wait >= least,
                        "{class:?} after {number}: {wait}"
                    );
                    assert!(deadline.is_none_or(|deadline| waited <= deadline), "{waited} of {deadline:?}");
                    if let (Some(_), Some(ends)) = (now, ends) {
                        assert!(latest.saturating_add(wait) <= ends, "{latest} and {wait} end after {ends}");
                    }
                    clock = clock.saturating_add(wait);
                }
                Next::Stop(stopped) => {
                    let expected = match class {
                        Class::Permanent | Class::Refused(None) => Stopped::Permanent,
                        _ if number >= self.attempts.get() => Stopped::Attempts,
                        _ => Stopped::Deadline,
                    };
                    assert_eq!(stopped, expected, "{class:?} after {number}");
                    assert!(stopped != Stopped::Deadline || deadline.is_some(), "there is no deadline");
                    break;
                }
            }
            assert_eq!(nanos(course.waited()), waited);
        }
    }
}

impl Number {
    fn get(self) -> u32 {
        match self {
            Self::Few(number) => number.into(),
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

impl Kind {
    fn get(self) -> Jitter {
        match self {
            Self::None => Jitter::None,
            Self::Default => Jitter::default(),
            Self::Proportional(share) => Jitter::Proportional(share.get()),
            Self::Full => Jitter::Full,
            Self::Equal => Jitter::Equal,
            Self::Decorrelated => Jitter::Decorrelated,
        }
    }
}

impl Meaning {
    /// The class, and the least wait.
    fn get(self) -> (Class, u64) {
        match self {
            Self::Transient => (Class::Transient, 0),
            Self::Permanent => (Class::Permanent, 0),
            Self::After(wait) => (Class::After(wait.get()), nanos(wait.get())),
            Self::Refused(wait) => {
                let wait = wait.map(Length::get);
                (Class::Refused(wait), wait.map_or(0, nanos))
            }
        }
    }
}
