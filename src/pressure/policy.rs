//! What a shedder was told: how many slots, and which share of them each priority may fill. Checked once, `Copy`, `const`.

use core::fmt;
use core::time::Duration;

use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};
use crate::pressure::priority::Priority;
use crate::pressure::word::{MOST_SLOTS, MOST_WAITING};
use crate::ratio::Ratio;
use crate::time::saturating_nanos;

/// So many slots, of which each priority may fill its share.
///
/// A priority's limit is its share of the capacity, rounded up: one slot at least. What is taken by all priorities together
/// counts for each. With fewer than twenty slots the usual 95 % of `High` are all of them: where `Critical` is to have a slot of
/// its own there, say lower [`thresholds`](CapacityBuilder::thresholds).
///
/// # Examples
/// ```
/// use fusebox::pressure::{Capacity, Priority};
///
/// const SLOTS: Capacity = Capacity::of(100).constant();
/// assert_eq!((SLOTS.limit(Priority::Normal), SLOTS.limit(Priority::Critical)), (85, 100));
///
/// let told = Capacity::of(10).thresholds([0.1, 0.1, 0.5, 0.9, 1.0]).build()?;
/// assert_eq!(told.limit(Priority::Low), 1);
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    slots: u32,
    pub(super) shares: Shares,
    pub(super) room: Room,
}

/// The waiting room, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) seats: u32,
    /// What a call takes once it is admitted, if that was told.
    pub(super) service: Option<u64>,
    /// Once some have waited for the interval without a pause, nobody waits longer than the target.
    target: u64,
    pub(super) interval: u64,
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl Room {
    pub(super) const fn target(&self) -> Duration {
        Duration::from_nanos(self.target)
    }
}

/// Builds a [`Capacity`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct CapacityBuilder {
    slots: u32,
    thresholds: [f64; 5],
    seats: u32,
    service: Option<Duration>,
    codel: Option<(Duration, Duration)>,
}

/// The priorities' shares, in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares([u32; 5]);

/// One priority's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(u32);

impl Capacity {
    /// So many slots.
    pub const fn of(slots: u32) -> CapacityBuilder {
        CapacityBuilder {
            slots,
            thresholds: [0.50, 0.70, 0.85, 0.95, 1.00],
            seats: 64,
            service: None,
            codel: None,
        }
    }

    /// The slots.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        self.slots
    }

    /// The most slots that may be taken once one of this priority has been admitted.
    #[must_use]
    pub const fn limit(&self, priority: Priority) -> u32 {
        self.shares.of(priority).limit(self.slots)
    }

    /// How many may wait for a slot.
    #[must_use]
    pub const fn waiting_room(&self) -> u32 {
        self.room.seats
    }
}

impl Shares {
    #[inline]
    pub(super) const fn of(&self, priority: Priority) -> Share {
        let Self([background, low, normal, high, critical]) = *self;
        Share(match priority {
            Priority::Background => background,
            Priority::Low => low,
            Priority::Normal => normal,
            Priority::High => high,
            Priority::Critical => critical,
        })
    }
}

impl Share {
    /// This share of so many slots, rounded up.
    #[expect(clippy::cast_possible_truncation, reason = "a share of 24 bits")]
    pub(super) const fn limit(self, slots: u32) -> u32 {
        (slots as u64 * self.0 as u64).div_ceil(Ratio::ONE.billionths()) as u32
    }

    /// Whether fewer than the limit are taken: a comparison of products, for a division is as long as a swap.
    #[inline]
    pub(super) const fn is_above(self, depth: u32, slots: u32) -> bool {
        (depth as u64) * Ratio::ONE.billionths() < slots as u64 * self.0 as u64
    }
}

impl CapacityBuilder {
    /// The share of the slots that each priority may fill, from [`Background`](Priority::Background) to
    /// [`Critical`](Priority::Critical), each in (0, 1] and no less than the one before. Unless told: 0.50, 0.70, 0.85, 0.95
    /// and 1. Held as decimals of nine places.
    pub const fn thresholds(mut self, shares: [f64; 5]) -> Self {
        self.thresholds = shares;
        self
    }

    /// How many may wait for a slot at the same time, for those who use `admit_within`. Unless told, 64. The memory for
    /// them is taken when one first waits; while somebody waits, each release looks at every seat.
    pub const fn waiting_room(mut self, waiters: u32) -> Self {
        self.seats = waiters;
        self
    }

    /// What a call takes once it is admitted: whoever waits with a deadline leaves when no more than that is left. Unless told,
    /// nothing for a fixed capacity, and what it measures for an adaptive one.
    pub const fn service_time(mut self, service: Duration) -> Self {
        self.service = Some(service);
        self
    }

    /// Nobody waits longer than `interval`, and once some have waited for as long without a pause, nobody who comes waits longer
    /// than `target`: a queue that stands serves nobody, it only makes everybody late. (After Nichols and Jacobson's `CoDel`, in the form of Maurer, "Fail at Scale", ACM
    /// Queue 2015, which takes 5 and 100 ms.) Unless told, everybody waits until the deadline.
    pub const fn codel(mut self, target: Duration, interval: Duration) -> Self {
        self.codel = Some((target, interval));
        self
    }

    /// The capacity, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Capacity, InvalidPolicy> {
        refuse_unless!(
            self.slots >= 1 && self.slots <= MOST_SLOTS,
            "capacity",
            Value::Count(self.slots as u64),
            "must be from 1 to 16777215"
        );
        refuse_unless!(
            self.seats <= MOST_WAITING,
            "waiting_room",
            Value::Count(self.seats as u64),
            "must be 32767 at most"
        );
        let (target, interval) = match self.codel {
            Some((target, interval)) => (saturating_nanos(target), saturating_nanos(interval)),
            None => (u64::MAX, u64::MAX),
        };
        refuse_unless!(
            target >= 1,
            "codel",
            Value::Duration(Duration::ZERO),
            "must have a target above zero"
        );
        refuse_unless!(
            interval >= target,
            "codel",
            Value::Duration(Duration::from_nanos(target)),
            "must not have a target above its interval"
        );
        let service = match self.service {
            Some(service) => Some(saturating_nanos(service)),
            None => None,
        };
        let room = Room { seats: self.seats, service, target, interval };
        match shares(self.thresholds) {
            Ok(shares) => Ok(Capacity { slots: self.slots, shares, room }),
            Err(invalid) => Err(invalid),
        }
    }

    /// The capacity, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Capacity {
        match self.build() {
            Ok(capacity) => capacity,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}

const fn shares(told: [f64; 5]) -> Result<Shares, InvalidPolicy> {
    let [background, low, normal, high, critical] = told;
    let mut least = 1;
    let mut shares = [0; 5];
    let mut rest: (&[f64], &mut [u32]) = (&[background, low, normal, high, critical], &mut shares);
    while let ([share, after @ ..], [kept, others @ ..]) = rest {
        *kept = match Ratio::nearest(*share) {
            Some(ratio) if ratio.billionths() >= least && ratio.billionths() <= Ratio::ONE.billionths() => {
                least = ratio.billionths();
                #[expect(clippy::cast_possible_truncation, reason = "a billion at most")]
                let kept = least as u32;
                kept
            }
            _ => {
                return Err(crate::invalid::invalid!(
                    "thresholds",
                    Value::Number(*share),
                    "must be above 0, no less than the one before, and 1 at most"
                ));
            }
        };
        rest = (after, others);
    }
    refuse_unless!(
        least == Ratio::ONE.billionths(),
        "thresholds",
        Value::Number(critical),
        "must be 1 for Critical"
    );
    Ok(Shares(shares))
}

impl fmt::Debug for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = Priority::ALL.map(|priority| self.limit(priority));
        f.debug_struct("Capacity")
            .field("slots", &self.slots)
            .field("limits", &limits)
            .finish_non_exhaustive()
    }
}
