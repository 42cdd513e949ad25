//! What a shedder hands out beside permits: refusals with their facts, and a look at itself.

use core::fmt;
use core::time::Duration;

use crate::pressure::priority::Priority;
use crate::refusal::{By, MayRefuse, Refusal};

/// Why a slot was not given.
///
/// # Examples
/// ```
/// use fusebox::pressure::{Capacity, LoadShedder, Priority, Refused};
///
/// let shedder = LoadShedder::new(Capacity::of(1).constant());
/// let _held = shedder.admit(Priority::Critical).unwrap();
/// let refused = shedder.admit(Priority::Low).unwrap_err();
/// assert!(matches!(refused, Refused::Shed(shed) if shed.depth == 1 && shed.limit == 1));
/// assert_eq!((refused.priority(), refused.is_closed()), (Priority::Low, false));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// As many slots are taken as this priority may fill.
    Shed(Shed),
    /// The shedder is closed, for good.
    Closed(Closed),
    /// It waited, and no slot came free for it in time.
    Late(Late),
}

/// As many slots are taken as this priority may fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shed {
    /// Slots taken, by all priorities.
    pub depth: u32,
    /// How many this priority may fill.
    pub limit: u32,
    /// Whose limit it is.
    pub priority: Priority,
}

/// The shedder admits nobody any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Slots still taken.
    pub depth: u32,
    /// Who asked.
    pub priority: Priority,
}

/// No slot came free in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Late {
    /// How long it waited.
    pub waited: Duration,
    /// Whether it left before its time, since the queue had stood for too long.
    pub stale: bool,
    /// Who waited.
    pub priority: Priority,
}

impl Refused {
    /// Who was refused.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        match self {
            Self::Shed(shed) => shed.priority,
            Self::Closed(closed) => closed.priority,
            Self::Late(late) => late.priority,
        }
    }

    /// Whether the shedder is closed, so that asking again never helps.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shed(shed) => shed.fmt(f),
            Self::Closed(closed) => closed.fmt(f),
            Self::Late(late) => late.fmt(f),
        }
    }
}

impl fmt::Display for Shed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "shed: {} slots are taken, and {} priority may fill {}",
            self.depth, self.priority, self.limit
        )
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "closed: {} slots are still taken", self.depth)
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = if self.stale { "the queue had stood for too long" } else { "no slot came free in time" };
        write!(f, "late: after {:?} at {} priority {why}", self.waited, self.priority)
    }
}

impl core::error::Error for Refused {}
impl core::error::Error for Shed {}
impl core::error::Error for Closed {}
impl core::error::Error for Late {}

impl MayRefuse for Refused {
    fn refusal(&self) -> Option<Refusal> {
        Some(Refusal { by: By::Shedder, retry_after: None })
    }
}

/// A shedder at a moment: what [`LoadShedder::look`](crate::pressure::LoadShedder::look) shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Look {
    /// Slots taken.
    pub depth: u32,
    /// Slots in all. Lowered, it may stand below the depth.
    pub capacity: u32,
    /// How many wait for a slot.
    pub waiting: u32,
    /// The most slots that were ever taken at once.
    pub highest: u32,
    /// Whether it is closed.
    pub closed: bool,
}
