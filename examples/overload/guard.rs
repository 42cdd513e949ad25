//! What stands before the service: nothing, a fixed cap, or a capacity that finds itself, each a real shedder of fusebox.

use fusebox::InvalidPolicy;
use fusebox::pressure::{
    Adaptation, Adaptive, Algorithm, Capacity, Fixed, LoadShedder, Outcome, Permit, Priority,
};
use fusebox::time::{Instant, NoClock};
use serde::Serialize;

/// What somebody guessed: what Envoy allows each cluster unless told otherwise (`max_requests` of its circuit breakers).
pub const GUESSED: u32 = 1024;
/// What is right for this service, which nobody knows beforehand: twice its servers.
pub const RIGHT: u32 = 128;
/// What every adaptive one begins with. Nothing else of it is told.
pub const TO_BEGIN_WITH: u32 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    Nothing,
    FixedGuessed,
    FixedRight,
    Gradient,
    Vegas,
    Aimd,
}

/// One column of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Policy {
    pub control: Control,
    /// Otherwise all that comes is called critical.
    pub priorities: bool,
}

type Told<F> = LoadShedder<F, NoClock>;

/// It stands before one simulated service.
#[expect(clippy::large_enum_variant, reason = "there is one of it in a simulation")]
pub enum Guard {
    Open,
    Fixed(Told<Fixed>),
    Adaptive(Told<Adaptive>),
}

/// Leave to enter, until it is given back.
pub enum Pass<'a> {
    Open,
    Fixed(Permit<&'a Told<Fixed>>),
    Adaptive(Permit<&'a Told<Adaptive>>),
}

impl Control {
    pub const ALL: [Self; 6] =
        [Self::Nothing, Self::FixedGuessed, Self::FixedRight, Self::Gradient, Self::Vegas, Self::Aimd];

    pub const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Nothing | Self::FixedGuessed | Self::FixedRight => None,
            Self::Gradient => Some(Algorithm::Gradient),
            Self::Vegas => Some(Algorithm::Vegas),
            Self::Aimd => Some(Algorithm::Aimd),
        }
    }

    /// What the crate does unless told otherwise.
    pub fn is_default(self) -> bool {
        self.algorithm() == Some(Algorithm::default())
    }

    pub fn name(self) -> String {
        match self {
            Self::Nothing => "no control".to_owned(),
            Self::FixedGuessed => format!("fixed {GUESSED}, a guess"),
            Self::FixedRight => format!("fixed {RIGHT}, by hindsight"),
            Self::Gradient | Self::Vegas | Self::Aimd => {
                let algorithm = self.algorithm().unwrap_or_default();
                if self.is_default() { format!("{algorithm} (default)") } else { algorithm.to_string() }
            }
        }
    }

    pub fn guard(self) -> Result<Guard, InvalidPolicy> {
        let fixed = |slots| {
            let capacity = Capacity::of(slots).build()?;
            Ok(Guard::Fixed(LoadShedder::with_parts(capacity, NoClock, (), ())))
        };
        match (self, self.algorithm()) {
            (Self::FixedGuessed, _) => fixed(GUESSED),
            (Self::FixedRight, _) => fixed(RIGHT),
            (_, Some(algorithm)) => {
                let capacity = Capacity::of(TO_BEGIN_WITH).build()?;
                let adaptation = Adaptation::of(capacity).algorithm(algorithm).build()?;
                Ok(Guard::Adaptive(LoadShedder::adaptive_with_parts(adaptation, NoClock, (), ())))
            }
            (_, None) => Ok(Guard::Open),
        }
    }
}

impl Policy {
    /// Every control, with priorities and without; where nothing is shed there is nothing to prefer.
    pub fn all() -> Vec<Self> {
        let both = |control| [true, false].map(|priorities| Self { control, priorities });
        let sensible = |policy: &Self| policy.control != Control::Nothing || !policy.priorities;
        Control::ALL.into_iter().flat_map(both).filter(sensible).collect()
    }

    /// How the control is best used: what the picture and the verdicts are about.
    pub fn is_as_meant(self) -> bool {
        self.priorities || self.control == Control::Nothing
    }
}

impl Guard {
    pub fn admit(&self, priority: Priority, now: u64) -> Option<Pass<'_>> {
        let now = Instant::from_nanos(now);
        match self {
            Self::Open => Some(Pass::Open),
            Self::Fixed(shedder) => shedder.admit_at(priority, now).ok().map(Pass::Fixed),
            Self::Adaptive(shedder) => shedder.admit_at(priority, now).ok().map(Pass::Adaptive),
        }
    }

    /// How many it lets in at the same time, if it has a limit.
    pub fn limit(&self) -> Option<u32> {
        match self {
            Self::Open => None,
            Self::Fixed(shedder) => Some(shedder.look().capacity),
            Self::Adaptive(shedder) => Some(shedder.look().capacity),
        }
    }

    /// The most it may ever let in at the same time.
    pub fn ceiling(&self) -> Option<u32> {
        match self {
            Self::Open => None,
            Self::Fixed(shedder) => Some(shedder.look().capacity),
            Self::Adaptive(shedder) => Some(shedder.adaptation().bounds().1),
        }
    }
}

impl Pass<'_> {
    pub fn give_back(self, outcome: Outcome, now: u64) {
        let now = Instant::from_nanos(now);
        match self {
            Pass::Open => {}
            Pass::Fixed(permit) => permit.record_at(outcome, now),
            Pass::Adaptive(permit) => permit.record_at(outcome, now),
        }
    }
}
