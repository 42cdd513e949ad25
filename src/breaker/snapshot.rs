//! A breaker as plain data, to outlive its process.

use core::fmt;
use core::time::Duration;

use crate::breaker::CircuitBreaker;
use crate::breaker::counts::Counting;
use crate::breaker::event::{Change, Event, Why};
use crate::breaker::instants::{Known, Millis};
use crate::breaker::outcome::State;
use crate::breaker::plan::Plan;
use crate::breaker::rules::{self, Turn};
#[cfg(feature = "alloc")]
use crate::breaker::window::{Of, Remember as _};
#[cfg(feature = "alloc")]
use crate::breaker::word::Generation;
use crate::breaker::word::{Mode, View};
use crate::observe::Observer;
use crate::time::{Instant, TimeSource, saturating_nanos};

/// What a breaker remembers, as plain data.
///
/// Clocks do not survive a process, so it holds the wall time it was taken at, and durations. On restore the wall time
/// that has passed since is taken off what remains; a wall clock that went backwards takes off nothing. Permits never
/// survive: probes in flight are forgotten. Shadow is a setting of the running process, and is not kept.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::breaker::{CircuitBreaker, Policy};
/// use fusebox::time::{Instant, ManualClock};
///
/// let policy = Policy::consecutive_failures(1).open_duration(Duration::from_secs(10)).build()?;
/// let before = CircuitBreaker::new(policy).with_clock(ManualClock::new());
/// let _ = before.call(|| Err::<(), _>("down"));
/// let taken_at = Duration::from_secs(1_000);
/// let snapshot = before.snapshot_at(Instant::ORIGIN, taken_at);
///
/// // … another process, four seconds later …
/// let after = CircuitBreaker::new(policy).with_clock(ManualClock::new());
/// after.restore_at(&snapshot, Instant::ORIGIN, taken_at + Duration::from_secs(4)).unwrap();
/// assert_eq!(after.look().retry_after, Some(Duration::from_secs(6)));
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Which primitive this is of: [`Snapshot::PRIMITIVE`].
    pub primitive: &'static str,
    /// The version of this layout: [`Snapshot::VERSION`].
    pub version: u32,
    /// When it was taken, since the Unix epoch.
    pub wall: Duration,
    /// The state.
    pub state: State,
    /// While open: how long it stays so.
    pub remaining: Option<Duration>,
    /// How long it has been in this state; not told of `Open`, which is told by what remains.
    pub age: Duration,
    /// The time since the latest opening, while it has not closed again.
    pub open_for: Option<Duration>,
    /// The time since the first opening, while it has not closed again.
    pub outage: Option<Duration>,
    /// While closed: failures in a row.
    pub consecutive_failures: u32,
    /// How many times in a row it has opened, while it has not closed again.
    pub opened_in_a_row: u32,
    /// While half-open: successes so far.
    pub successes: u32,
    /// While recovering: the step of the ramp.
    pub ramp_step: u32,
    /// While recovering: how many of the step's current hundred calls were decided.
    pub ramp_position: u32,
    /// While closed, under a rate: what the window holds.
    #[cfg(feature = "alloc")]
    pub window: Option<WindowSnapshot>,
}

/// What a window held.
///
/// It fills a window of the same kind; one of another kind starts empty.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowSnapshot {
    /// A window by count.
    Calls {
        /// The calls in it.
        calls: u64,
        /// Failed and slow ones: how many calls came after each, whether it failed, whether it was slow.
        marks: alloc::vec::Vec<(u64, bool, bool)>,
    },
    /// A window by time: the age of each slice, its calls, failures and slow calls.
    Time {
        /// The slices that hold anything, newest first.
        slices: alloc::vec::Vec<(Duration, u64, u64, u64)>,
    },
}

/// Without memory there are no windows.
#[cfg(not(feature = "alloc"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowSnapshot {}

/// Why a snapshot was not restored. The breaker is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// It is of another primitive.
    Foreign {
        /// Of which.
        primitive: &'static str,
    },
    /// It has a version this crate does not know yet.
    Newer {
        /// Which one.
        version: u32,
    },
    /// This field holds what no breaker ever told.
    Damaged {
        /// Its name.
        field: &'static str,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { primitive } => {
                write!(f, "not a snapshot of a circuit breaker but of: {primitive}")
            }
            Self::Newer { version } => {
                write!(f, "snapshot of version {version}, newer than {}", Snapshot::VERSION)
            }
            Self::Damaged { field } => write!(f, "damaged snapshot: {field} holds what no breaker ever told"),
        }
    }
}

impl core::error::Error for RestoreError {}

impl Snapshot {
    /// What `primitive` says in a breaker's snapshot.
    pub const PRIMITIVE: &'static str = "circuit_breaker";
    /// The newest version there is.
    pub const VERSION: u32 = 1;

    /// The word's payload that this tells of, checked.
    fn mode(&self, age: i128) -> Result<Mode, RestoreError> {
        if self.primitive != Self::PRIMITIVE {
            return Err(RestoreError::Foreign { primitive: self.primitive });
        }
        if self.version != Self::VERSION {
            return Err(match self.version {
                0 => RestoreError::Damaged { field: "version" },
                version => RestoreError::Newer { version },
            });
        }
        let field = |value: u32, most: u16, field| {
            u16::try_from(value).ok().filter(|value| *value <= most).ok_or(RestoreError::Damaged { field })
        };
        #[expect(clippy::cast_possible_truncation, reason = "each is at most what follows it says")]
        let byte = |value: u32, most: u8, name| field(value, most.into(), name).map(|value| value as u8);
        let failures = field(self.consecutive_failures, u16::MAX, "consecutive_failures")?;
        let streak = field(self.opened_in_a_row, 4_095, "opened_in_a_row")?;
        let successes = byte(self.successes, 63, "successes")?;
        let (position, step) =
            (byte(self.ramp_position, 99, "ramp_position")?, byte(self.ramp_step, 15, "ramp_step")?);
        let (_, slack) = Millis::ceil(age);
        match self.state {
            State::Open | State::HalfOpen | State::Recovering if streak == 0 => {
                Err(RestoreError::Damaged { field: "opened_in_a_row" })
            }
            State::Open if self.remaining.is_none() => Err(RestoreError::Damaged { field: "remaining" }),
            State::Closed => Ok(Mode::Closed { failures }),
            State::Open => Ok(Mode::Open { streak }),
            State::HalfOpen => Ok(Mode::HalfOpen { in_flight: 0, successes, streak, slack }),
            State::Recovering => Ok(Mode::Recovering { position, step, streak, slack }),
            State::ForcedOpen => Ok(Mode::ForcedOpen),
            State::Disabled => Ok(Mode::Disabled),
        }
    }

    /// The state's instants on a clock that shows `now`, `passed` after the snapshot.
    fn known(&self, now: i128, passed: i128) -> Known {
        let ago = |age: Duration| now - nanos(age) - passed;
        let opened = Millis::floor(self.open_for.map_or(now, ago));
        let first = Millis::floor(self.outage.map_or(now, ago));
        let (entered, slack) = Millis::ceil(ago(self.age));
        match (self.state, self.remaining) {
            (State::Closed | State::Disabled, _) => {
                Known { mark: entered, opened, first: Millis(slack.into()) }
            }
            (State::Open, Some(remaining)) => match nanos(remaining) - passed {
                // Over already: the next call probes, whatever part of a millisecond the clock shows.
                ..=0 => Known { mark: Millis::floor(now), opened, first },
                left => Known { mark: Millis::ceil(now + left).0, opened, first },
            },
            _ => Known { mark: entered, opened, first },
        }
    }
}

fn nanos(duration: Duration) -> i128 {
    saturating_nanos(duration).into()
}

fn duration(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// What it remembers, at this instant of its clock and of the wall's (since the Unix epoch).
    #[must_use]
    pub fn snapshot_at(&self, now: Instant, wall: Duration) -> Snapshot {
        let (view, known) = self.seen();
        let status = self.status(view, known, now.as_nanos());
        let now = i128::from(now.as_nanos());
        // A timeout that has passed makes another state, with other instants.
        let passed =
            known.and_then(|known| rules::deadline_passed(view, saturated(now), known, &self.policy));
        let (view, known) = passed.map_or((view, known), |(view, turn)| (view, Some(turn.known)));
        let (ramp_step, ramp_position) = match view.mode {
            Mode::Recovering { step, position, .. } => (step.into(), position.into()),
            _ => (0, 0),
        };
        let began = known.map(|known| match view.mode {
            Mode::HalfOpen { slack, .. } | Mode::Recovering { slack, .. } => rules::began(known, slack),
            _ => known.mark.nanos(),
        });
        Snapshot {
            primitive: Snapshot::PRIMITIVE,
            version: Snapshot::VERSION,
            wall,
            state: rules::state(view.mode),
            // An end that its winner has not published yet is a whole open duration away.
            remaining: status.retry_after.or_else(|| match view.mode {
                Mode::Open { .. } => Some(Duration::from_nanos(self.policy.base().open_nanos)),
                _ => None,
            }),
            age: began.map_or(Duration::ZERO, |began| duration(now - began)),
            open_for: status.open_for,
            outage: known
                .filter(|_| rules::in_outage(view.mode))
                .map(|known| duration(now - known.first.nanos())),
            consecutive_failures: status.consecutive_failures,
            opened_in_a_row: view.mode.streak().into(),
            successes: status.successes,
            ramp_step,
            ramp_position,
            #[cfg(feature = "alloc")]
            window: self.window_snapshot(view, saturated(now)),
        }
    }

    #[cfg(feature = "alloc")]
    fn window_snapshot(&self, view: View, now: u64) -> Option<WindowSnapshot> {
        match view.mode {
            Mode::Closed { .. } => self.memory.told(self.policy.rate()?, view.generation, now),
            _ => None,
        }
    }

    /// Makes this breaker what the snapshot tells of: a change of state, whatever its state was.
    ///
    /// # Errors
    /// What is wrong with the snapshot; the breaker is as it was.
    pub fn restore_at(&self, snapshot: &Snapshot, now: Instant, wall: Duration) -> Result<(), RestoreError> {
        let (here, passed) = (i128::from(now.as_nanos()), nanos(wall.saturating_sub(snapshot.wall)));
        let mode = snapshot.mode(here - nanos(snapshot.age) - passed)?;
        let known = snapshot.known(here, passed);
        let turn = self.word.apply(|view: View| {
            let next = view.enter(mode);
            let change = Change {
                from: rules::state(view.mode),
                to: rules::state(mode),
                why: Why::Restored,
                at: now,
                generation: next.generation.0,
                outage: None,
            };
            (next, Turn { change, known })
        });
        self.settle(Some(turn));
        #[cfg(feature = "alloc")]
        if let (Some(rate), Some(window)) = (self.policy.rate(), &snapshot.window) {
            let passed = u64::try_from(passed).unwrap_or(u64::MAX);
            let of = Of::new(Generation(turn.change.generation), &self.word);
            self.memory.fill(rate, of, now.as_nanos(), passed, window);
        }
        self.tell_turn(Some(turn));
        Ok(())
    }
}

fn saturated(now: i128) -> u64 {
    u64::try_from(now).unwrap_or(u64::MAX)
}

#[cfg(feature = "std")]
impl<P: Plan, C: crate::time::Clock, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// What it remembers now, by its clock and the system's wall clock.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(3).constant());
    /// let _ = breaker.call(|| Err::<(), _>("down"));
    /// let snapshot = breaker.snapshot();
    ///
    /// let other = CircuitBreaker::new(Policy::consecutive_failures(3).constant());
    /// other.restore(&snapshot)?;
    /// assert_eq!(other.look().consecutive_failures, 1);
    /// # Ok::<(), fusebox::breaker::RestoreError>(())
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_at(self.clock.now(), wall())
    }

    /// Makes this breaker what the snapshot tells of, by its clock and the system's wall clock.
    ///
    /// # Errors
    /// What is wrong with the snapshot; the breaker is as it was.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        self.restore_at(snapshot, self.clock.now(), wall())
    }
}

/// The system's wall clock, since the Unix epoch; zero before it.
#[cfg(feature = "std")]
fn wall() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}
