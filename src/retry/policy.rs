//! What a retry was told: how often, how long between, how spread. Checked once, `Copy`, `const`.

use core::fmt;
use core::time::Duration;

use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};
use crate::random;
use crate::ratio::Ratio;
use crate::retry::delays::{Delays, Seed};
use crate::time::saturating_nanos;

/// How delays are spread, so that callers that failed together do not come back together.
///
/// (Brooker, "Exponential backoff and jitter", AWS Architecture Blog 2015, for the last three.)
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// Not at all: for tests, and for those who are alone.
    None,
    /// The delay, and up to this share of it more: the default, with a quarter. The cap bounds the delay before this is added.
    Proportional(f64),
    /// Anything up to the delay.
    Full,
    /// Half of the delay, and anything up to the other half.
    Equal,
    /// Anything from the initial delay to three times the last one, `max_delay` at most. The multiplier plays no part.
    Decorrelated,
}

impl Default for Jitter {
    fn default() -> Self {
        Self::Proportional(0.25)
    }
}

/// How delays are spread, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    None,
    Proportional(Ratio),
    Full,
    Equal,
    Decorrelated,
}

/// How often a call is tried, and how long to wait in between.
///
/// The delay before the k-th retry is `initial_delay * multiplier^(k - 1)`, `max_delay` at most, then spread by the jitter.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::retry::{Jitter, Policy};
///
/// const POLICY: Policy = Policy::attempts(3).initial_delay(Duration::from_millis(100)).constant();
///
/// let patient = Policy::attempts(6).jitter(Jitter::Full).deadline(Duration::from_secs(30)).build()?;
/// assert_eq!(Policy::attempts(0).build().unwrap_err().field(), "max_attempts");
///
/// let plain = Policy::attempts(4).jitter(Jitter::None).build()?;
/// let delays: Vec<_> = plain.seeded(0).delays().map(|delay| delay.as_millis()).collect();
/// assert_eq!(delays, [100, 200, 400]);
/// # let _ = (POLICY, patient);
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) attempts: u32,
    /// In nanoseconds, as all that follow.
    pub(super) initial: u64,
    pub(super) max: u64,
    pub(super) multiplier: Ratio,
    pub(super) spread: Spread,
    pub(super) deadline: Option<u64>,
}

/// A policy with the caller's seed for its jitter: equal seeds give equal delays.
///
/// Without `std` this is the only kind that retries: there is no entropy, and a constant in its place would let a whole fleet
/// of devices come back at the same moment. Take what differs between devices and from call to call: a serial number and a
/// count, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    policy: Policy,
    seed: u64,
}

/// What says how often and how long: a [`Seeded`] policy, and with `std` a [`Policy`], which draws a seed for each call from the system's
/// entropy, once it is needed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` says not how to retry",
    note = "a `Policy` alone needs the `std` feature, for its entropy; without it, seed one: `policy.seeded(number)`"
)]
pub trait Plan {
    /// The policy.
    fn policy(&self) -> &Policy;

    /// The delays of one call: one less than there are attempts.
    fn delays(&self) -> Delays;

    /// The delays of the `call`-th of several calls by one plan: with a seed, each has its own.
    fn delays_of(&self, call: u64) -> Delays {
        let _ = call;
        self.delays()
    }
}

impl Seeded {
    /// The delays between the attempts: one less than there are attempts.
    pub const fn delays(&self) -> Delays {
        Delays::new(self.policy, Seed::Given(self.seed))
    }
}

#[cfg(feature = "std")]
impl Policy {
    /// The delays between the attempts of one call, with a seed of the system's entropy: one less than there are attempts.
    pub const fn delays(&self) -> Delays {
        Delays::new(*self, Seed::ToDraw)
    }
}

impl<P: Plan> Plan for &P {
    fn policy(&self) -> &Policy {
        (**self).policy()
    }

    fn delays(&self) -> Delays {
        (**self).delays()
    }

    fn delays_of(&self, call: u64) -> Delays {
        (**self).delays_of(call)
    }
}

impl Plan for Seeded {
    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn delays(&self) -> Delays {
        Self::delays(self)
    }

    fn delays_of(&self, call: u64) -> Delays {
        Delays::new(self.policy, Seed::Given(random::number(self.seed, call)))
    }
}

#[cfg(feature = "std")]
impl Plan for Policy {
    #[inline]
    fn policy(&self) -> &Policy {
        self
    }

    fn delays(&self) -> Delays {
        Self::delays(self)
    }
}

/// Builds a [`Policy`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct PolicyBuilder {
    attempts: u32,
    initial: Duration,
    max: Duration,
    multiplier: f64,
    jitter: Jitter,
    deadline: Option<Duration>,
}

impl Policy {
    /// So many attempts at most, the first call included: 3 are at most two retries. The delays begin at 100 ms and double, up
    /// to 30 s, with proportional jitter.
    pub const fn attempts(attempts: u32) -> PolicyBuilder {
        PolicyBuilder {
            attempts,
            initial: Duration::from_millis(100),
            max: Duration::from_secs(30),
            multiplier: 2.0,
            jitter: Jitter::Proportional(0.25),
            deadline: None,
        }
    }

    /// This policy with a seed for its jitter.
    #[must_use]
    pub const fn seeded(self, seed: u64) -> Seeded {
        Seeded { policy: self, seed }
    }

    /// The most attempts, the first call included.
    #[must_use]
    pub const fn max_attempts(&self) -> u32 {
        self.attempts
    }

    /// How long all of it may take, from the first call on.
    #[must_use]
    pub const fn deadline(&self) -> Option<Duration> {
        match self.deadline {
            Some(nanos) => Some(Duration::from_nanos(nanos)),
            None => None,
        }
    }
}

impl PolicyBuilder {
    /// The delay before the first retry, before jitter.
    pub const fn initial_delay(mut self, delay: Duration) -> Self {
        self.initial = delay;
        self
    }

    /// The longest delay before jitter. What a server asks for with [`Class::After`](crate::retry::Class::After) may be longer.
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max = delay;
        self
    }

    /// By how much each delay is longer than the one before; 1 at least. Held as a decimal of nine places.
    pub const fn multiplier(mut self, multiplier: f64) -> Self {
        self.multiplier = multiplier;
        self
    }

    /// How delays are spread.
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// How long all of it may take, from the first call on: a wait that would end later is not begun. It ends no call that is under way.
    /// Needs a clock; where there is none only the waits count.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The policy, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Policy, InvalidPolicy> {
        refuse_unless!(self.attempts >= 1, "max_attempts", Value::Count(0), "must be 1 at least");
        let (initial, max) = (saturating_nanos(self.initial), saturating_nanos(self.max));
        refuse_unless!(
            initial <= max,
            "max_delay",
            Value::Duration(self.max),
            "must not be under the initial delay"
        );
        let multiplier = match Ratio::nearest(self.multiplier) {
            Some(ratio) if ratio.billionths() >= Ratio::ONE.billionths() => ratio,
            _ => {
                return Err(crate::invalid::invalid!(
                    "multiplier",
                    Value::Number(self.multiplier),
                    "must be from 1 to a billion"
                ));
            }
        };
        let spread = match self.jitter {
            Jitter::None => Spread::None,
            Jitter::Full => Spread::Full,
            Jitter::Equal => Spread::Equal,
            Jitter::Decorrelated => Spread::Decorrelated,
            Jitter::Proportional(share) => match Ratio::nearest(share) {
                Some(ratio) => Spread::Proportional(ratio),
                None => {
                    return Err(crate::invalid::invalid!(
                        "jitter_fraction",
                        Value::Number(share),
                        "must be from 0 to a billion"
                    ));
                }
            },
        };
        let deadline = match self.deadline {
            Some(deadline) => Some(saturating_nanos(deadline)),
            None => None,
        };
        Ok(Policy { attempts: self.attempts, initial, max, multiplier, spread, deadline })
    }

    /// The policy, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Policy {
        match self.build() {
            Ok(policy) => policy,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Proportional(share) => write!(f, "proportional {share}"),
            Self::Full => f.write_str("full"),
            Self::Equal => f.write_str("equal"),
            Self::Decorrelated => f.write_str("decorrelated"),
        }
    }
}
