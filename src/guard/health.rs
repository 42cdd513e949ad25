//! How a guard is: healthy, degraded or down, with the reasons, as data.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::breaker::State;
use crate::guard::Guard;
use crate::guard::layers::{BreakerLayer, LimitLayer, ShedderLayer};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Calls go through.
    Healthy,
    /// Some calls do not.
    Degraded,
    /// No call does.
    Down,
}

/// Why something is not healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The breaker is not closed.
    Breaker(State),
    /// The shedder is closed.
    Closed,
    /// The shedder has no slot for these calls.
    Full {
        /// Slots taken.
        depth: u32,
        /// How many these calls may fill.
        limit: u32,
    },
    /// The adaptive limit is as long as it may become.
    Slow {
        /// The limit.
        limit: Duration,
    },
}

/// How a guard is, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    reasons: [Option<Reason>; 3],
}

impl Reason {
    /// How bad it is.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Breaker(State::Open | State::ForcedOpen) | Self::Closed => Status::Down,
            Self::Breaker(State::Closed | State::Disabled) => Status::Healthy,
            Self::Breaker(State::HalfOpen | State::Recovering) | Self::Full { .. } | Self::Slow { .. } => {
                Status::Degraded
            }
        }
    }
}

impl Health {
    /// The worst of its reasons.
    #[must_use]
    pub fn status(&self) -> Status {
        self.reasons().map(Reason::status).max().unwrap_or(Status::Healthy)
    }

    /// Why it is not healthy.
    pub fn reasons(&self) -> impl Iterator<Item = Reason> {
        self.reasons.into_iter().flatten()
    }
}

impl<D: ShedderLayer, L, B: BreakerLayer, T: LimitLayer, R, S, J, O, N, C>
    Guard<D, L, B, T, R, S, J, O, N, C>
{
    /// How it is now. Asks nobody: it is what its layers know.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy, State};
    /// use fusebox::guard::{Guard, Reason, Status};
    ///
    /// static BREAKER: CircuitBreaker = CircuitBreaker::new(Policy::consecutive_failures(5).constant());
    /// let guard = Guard::builder("orders").breaker(&BREAKER).build()?;
    /// assert_eq!(guard.health().status(), Status::Healthy);
    /// BREAKER.force_open();
    /// assert_eq!(guard.health().status(), Status::Down);
    /// assert!(guard.health().reasons().eq([Reason::Breaker(State::ForcedOpen)]));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        let breaker = self.layers.breaker.state().map(Reason::Breaker);
        let limit = self.layers.shedder.limit(self.settings.priority);
        let shedder = self.layers.shedder.look().and_then(|look| {
            if look.closed {
                return Some(Reason::Closed);
            }
            (look.depth >= limit).then_some(Reason::Full { depth: look.depth, limit })
        });
        let slow = self.layers.limit.limit().filter(|_| self.layers.limit.is_at_its_ceiling());
        let reasons = [breaker, shedder, slow.map(|limit| Reason::Slow { limit })];
        Health { reasons: reasons.map(|reason| reason.filter(|reason| reason.status() > Status::Healthy)) }
    }
}

/// Something that knows how it is: guards, for a [`HealthSet`].
pub trait Healthy {
    /// How it is.
    fn health(&self) -> Health;
}

impl<D: ShedderLayer, L, B: BreakerLayer, T: LimitLayer, R, S, J, O, N, C> Healthy
    for Guard<D, L, B, T, R, S, J, O, N, C>
{
    fn health(&self) -> Health {
        Guard::health(self)
    }
}

/// How a whole service is: its guards, each by its name, needed ones and others.
///
/// # Examples
/// ```
/// use fusebox::breaker::{CircuitBreaker, Policy};
/// use fusebox::guard::{Guard, HealthSet, Status};
///
/// static BREAKER: CircuitBreaker = CircuitBreaker::new(Policy::consecutive_failures(5).constant());
/// let (orders, ads) = (Guard::builder("orders").build()?, Guard::builder("ads").breaker(&BREAKER).build()?);
/// BREAKER.force_open();
///
/// let health = HealthSet::new().needs("orders", &orders).likes("ads", &ads).health();
/// assert_eq!(health.status(), Status::Degraded, "without ads we can live");
/// assert_eq!(health.to_string(), "degraded: orders healthy; ads down (breaker forced_open)");
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Default)]
pub struct HealthSet<'a> {
    parts: Vec<(&'a str, bool, &'a dyn Healthy)>,
}

/// How a whole service is: what a [`HealthSet`] found.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overall<'a> {
    parts: Vec<(&'a str, bool, Health)>,
}

#[cfg(feature = "alloc")]
impl<'a> HealthSet<'a> {
    /// Of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { parts: Vec::new() }
    }

    /// And of this, without which nothing works.
    #[must_use]
    pub fn needs(mut self, name: &'a str, part: &'a dyn Healthy) -> Self {
        self.parts.push((name, true, part));
        self
    }

    /// And of this, without which it is degraded.
    #[must_use]
    pub fn likes(mut self, name: &'a str, part: &'a dyn Healthy) -> Self {
        self.parts.push((name, false, part));
        self
    }

    /// How all of it is now.
    #[must_use]
    pub fn health(&self) -> Overall<'a> {
        Overall {
            parts: self.parts.iter().map(|(name, needed, part)| (*name, *needed, part.health())).collect(),
        }
    }
}

#[cfg(feature = "alloc")]
impl<'a> Overall<'a> {
    /// The worst of its parts; of those it can do without, degraded at most.
    #[must_use]
    pub fn status(&self) -> Status {
        let of = |(_, needed, health): &(&str, bool, Health)| match health.status() {
            Status::Down if !needed => Status::Degraded,
            status => status,
        };
        self.parts.iter().map(of).max().unwrap_or(Status::Healthy)
    }

    /// Each part, and how it is.
    pub fn parts(&self) -> impl Iterator<Item = (&'a str, &Health)> {
        self.parts.iter().map(|(name, _, health)| (*name, health))
    }
}

#[cfg(feature = "alloc")]
impl fmt::Display for Overall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)?;
        for (number, (name, health)) in self.parts().enumerate() {
            write!(f, "{} {name} {health}", if number == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for HealthSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|(name, _, _)| name)).finish()
    }
}

impl Status {
    /// The name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breaker(state) => write!(f, "breaker {state}"),
            Self::Closed => f.write_str("shedder closed"),
            Self::Full { depth, limit } => write!(f, "shedder full: {depth} of {limit} slots taken"),
            Self::Slow { limit } => write!(f, "slow: attempts may take {limit:?}"),
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)?;
        for (number, reason) in self.reasons().enumerate() {
            write!(f, "{}{reason}", if number == 0 { " (" } else { ", " })?;
        }
        f.write_str(if self.reasons().next().is_some() { ")" } else { "" })
    }
}
