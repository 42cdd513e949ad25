//! The course of one call: after each failure, whether to wait and for how long, or why to stop. No clock, no sleep, no
//! call: whoever drives it has those.

use core::fmt;
use core::time::Duration;

use crate::deadline::Deadline;
use crate::retry::budget::Allowance;
use crate::retry::class::Class;
use crate::retry::delays::Delays;
use crate::retry::policy::{Plan, Policy};
use crate::time::{Instant, saturating_nanos};

/// The retries of one call, for those who drive them: an event loop, a simulation, a loop that holds a `&mut` connection.
///
/// Of several reasons to stop the first of these is told: a permanent error, no attempts left, the deadline, the budget. So a
/// token is taken only where a wait for the next attempt begins (given up in that wait, it is gone).
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::retry::{Class, Course, Next, Policy, Stopped};
/// use fusebox::time::Instant;
///
/// let policy = Policy::attempts(3).build()?.seeded(1);
/// let mut now = Instant::from_nanos(0);
/// let mut course = Course::begun_at(&policy, now);
/// let stopped = loop {
///     // … try, and if it failed:
///     match course.failed(Class::Transient, Some(now), &()) {
///         Next::Wait(delay) => now = now.saturating_add(delay), // sleep
///         Next::Stop(stopped) => break stopped,
///     }
/// };
/// assert_eq!((stopped, course.attempts()), (Stopped::Attempts, 3));
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Debug)]
pub struct Course {
    delays: Delays,
    most: u32,
    attempts: u32,
    waited: u64,
    deadline: Deadline,
    /// The latest instant so far: a clock that steps back stands still here.
    latest: Instant,
    /// How long all of it may take, where there is no clock.
    longest: Option<u64>,
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "wait, then try again; or stop"]
pub enum Next {
    /// Wait so long, then try again.
    Wait(Duration),
    /// Give up.
    Stop(Stopped),
}

/// Why there was no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stopped {
    /// It succeeded.
    Success,
    /// All attempts were made.
    Attempts,
    /// The error is permanent.
    Permanent,
    /// The next wait would have ended after the deadline.
    Deadline,
    /// The budget had no token left.
    Budget,
    /// The breaker is open: a further attempt would be refused.
    Open,
    /// The caller asked to stop.
    Cancelled,
}

impl Course {
    /// The course of a call that begins now, where there is no clock: of its deadline only the waits count.
    pub fn new(plan: &impl Plan) -> Self {
        Self::with(plan.policy(), plan.delays())
    }

    /// The course of a call that begins at this instant.
    pub fn begun_at(plan: &impl Plan, now: Instant) -> Self {
        Self::new(plan).from(plan.policy(), now)
    }

    /// The course of the `call`-th of several calls by one plan, which began then.
    pub(crate) fn of_call(plan: &impl Plan, call: u64, began: Option<Instant>) -> Self {
        let course = Self::with(plan.policy(), plan.delays_of(call));
        match began {
            Some(began) => course.from(plan.policy(), began),
            None => course,
        }
    }

    fn with(policy: &Policy, delays: Delays) -> Self {
        Self {
            delays,
            most: policy.attempts,
            attempts: 0,
            waited: 0,
            deadline: Deadline::NONE,
            latest: Instant::ORIGIN,
            longest: policy.deadline,
        }
    }

    fn from(mut self, policy: &Policy, began: Instant) -> Self {
        self.latest = began;
        match policy.deadline() {
            Some(longest) => self.until(Deadline::after(longest, began)),
            None => self,
        }
    }

    /// The same, ended by this deadline too.
    #[must_use]
    pub fn until(mut self, deadline: Deadline) -> Self {
        self.deadline = self.deadline.earlier(deadline);
        self
    }

    /// An attempt failed at `now`, with an error of this class: whether to try again, and after which wait.
    ///
    /// Without `now` the waits alone count for the deadline.
    pub fn failed<B: Allowance + ?Sized>(&mut self, class: Class, now: Option<Instant>, budget: &B) -> Next {
        self.attempts = self.attempts.saturating_add(1);
        self.latest = self.latest.max(now.unwrap_or_default());
        let now = now.map(|_| self.latest);
        let (after, free) = match class {
            Class::Permanent | Class::Refused(None) => return Next::Stop(Stopped::Permanent),
            Class::Transient => (0, false),
            Class::After(wait) => (saturating_nanos(wait), false),
            Class::Refused(Some(wait)) => (saturating_nanos(wait), true),
        };
        if self.attempts >= self.most {
            return Next::Stop(Stopped::Attempts);
        }
        let wait = self.delays.draw().max(after);
        if !self.in_time(wait, now) {
            return Next::Stop(Stopped::Deadline);
        }
        if !free && !budget.withdraw(now) {
            return Next::Stop(Stopped::Budget);
        }
        self.waited = self.waited.saturating_add(wait);
        Next::Wait(Duration::from_nanos(wait))
    }

    /// An attempt failed, and the caller gives up; unless the error ends it anyway.
    pub(super) fn cancelled(&mut self, class: Class) -> Next {
        self.attempts = self.attempts.saturating_add(1);
        let permanent = matches!(class, Class::Permanent | Class::Refused(None));
        Next::Stop(if permanent { Stopped::Permanent } else { Stopped::Cancelled })
    }

    fn in_time(&self, wait: u64, now: Option<Instant>) -> bool {
        let by_waits = self.longest.is_none_or(|longest| self.waited.saturating_add(wait) <= longest);
        by_waits && now.is_none_or(|now| self.deadline.allows(Duration::from_nanos(wait), now))
    }

    /// How many attempts failed so far.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long it was told to wait, in all.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited)
    }
}

impl Stopped {
    /// The name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Attempts => "attempts",
            Self::Permanent => "permanent",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::Open => "open",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
