//! What an observer is told: every refusal, every change of the capacity, the closing. Admissions are counted, not told.

use core::fmt;

use crate::pressure::outcome::Refused;

/// Something a shedder did, told after it took effect.
///
/// # Examples
/// ```
/// use fusebox::observe::observe_with;
/// use fusebox::pressure::{Capacity, Event, LoadShedder, Why};
///
/// let shedder = LoadShedder::new(Capacity::of(4).constant()).with_observer(observe_with(|event: &Event| {
///     assert_eq!(*event, Event::Resized { from: 4, to: 8, why: Why::ByHand });
///     println!("{event}"); // "capacity changed from 4 to 8: by hand"
/// }));
/// shedder.set_capacity(8)?;
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request was refused.
    Refused(Refused),
    /// In shadow: a request that would have been refused was let through.
    WouldRefuse(Refused),
    /// The capacity was changed.
    Resized {
        /// Slots before.
        from: u32,
        /// Slots now.
        to: u32,
        /// By whom.
        why: Why,
    },
    /// The shedder was closed, with so many slots taken.
    Closed {
        /// Slots taken.
        depth: u32,
    },
}

/// Why a capacity was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// By hand.
    ByHand,
    /// The latencies of a window said so.
    Latency,
    /// A call ended in overload.
    Overload,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::WouldRefuse(refused) => write!(f, "in shadow: {refused}"),
            Self::Resized { from, to, why } => write!(f, "capacity changed from {from} to {to}: {why}"),
            Self::Closed { depth } => write!(f, "closed, with {depth} slots taken"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByHand => "by hand",
            Self::Latency => "by the latencies of a window",
            Self::Overload => "a call ended in overload",
        })
    }
}
