//! The permit: a slot that is taken, until the permit is gone.

use core::fmt;

use crate::observe::Observer;
use crate::pressure::LoadShedder;
use crate::pressure::counts::Counting;
use crate::pressure::event::Event;
use crate::pressure::form::Form;
use crate::pressure::outcome::Refused;
use crate::pressure::priority::Priority;
use crate::time::{Instant, TimeSource};

/// How a call ended, for a capacity that adapts itself.
///
/// # Examples
/// ```
/// use fusebox::pressure::{Capacity, LoadShedder, Outcome, Priority};
///
/// let shedder = LoadShedder::new(Capacity::of(4).constant()).counted();
/// let permit = shedder.admit(Priority::Normal).unwrap();
/// let status = 503;
/// permit.record(match status {
///     200..=299 => Outcome::Success,
///     429 | 503 | 504 => Outcome::Overload,
///     _ => Outcome::Ignored,
/// });
/// assert_eq!(shedder.counts().overloaded, 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was served: its latency is a sample.
    Success,
    /// It was dropped, refused or ran into its limit further on, for want of capacity.
    Overload,
    /// It says nothing: an error that is quick, a call that was given up.
    Ignored,
}

/// A slot that is taken. It is given back exactly once: when the permit says its outcome, or when it is dropped, by whatever.
///
/// A fixed capacity learns nothing from outcomes: there, dropping it is all there is to do. An adaptive one learns from
/// [`success`](Self::success) and [`overload`](Self::overload); a permit that is only dropped was [`Outcome::Ignored`].
///
/// # Examples
/// ```
/// use fusebox::pressure::{Capacity, LoadShedder, Priority};
///
/// let shedder = LoadShedder::new(Capacity::of(10).constant());
/// let permit = shedder.admit(Priority::Normal).unwrap();
/// assert_eq!(shedder.look().depth, 1);
/// drop(permit);
/// assert_eq!(shedder.look().depth, 0);
/// ```
#[must_use = "the slot is given back when this is dropped"]
pub struct Permit<H: Holder> {
    holder: H,
    grant: Grant<H::Stamp>,
    over: bool,
}

/// What a permit remembers.
#[derive(Clone, Copy, Debug)]
pub struct Grant<S> {
    pub(super) stamp: S,
    pub(super) priority: Priority,
    /// In shadow it would have been refused: it holds nothing.
    pub(super) shadowed: bool,
}

/// How a permit holds its shedder: `&LoadShedder` or `Arc<LoadShedder>`. Sealed.
pub trait Holder: sealed::Hold {}

impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> Holder for &LoadShedder<F, C, O, N> {}
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> Holder
    for alloc::sync::Arc<LoadShedder<F, C, O, N>>
{
}

pub(super) mod sealed {
    use super::{Counting, Event, Form, Grant, Instant, LoadShedder, Observer, Outcome, TimeSource};

    /// What a permit needs of its shedder.
    pub trait Hold {
        /// What it remembers for the shedder's form.
        type Stamp: Copy + core::fmt::Debug;

        fn end(&self, grant: Grant<Self::Stamp>, outcome: Outcome, at: Option<Instant>);
    }

    impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> Hold for &LoadShedder<F, C, O, N> {
        type Stamp = F::Stamp;

        #[inline]
        fn end(&self, grant: Grant<F::Stamp>, outcome: Outcome, at: Option<Instant>) {
            LoadShedder::end(self, grant, outcome, at);
        }
    }

    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> Hold
        for alloc::sync::Arc<LoadShedder<F, C, O, N>>
    {
        type Stamp = F::Stamp;

        #[inline]
        fn end(&self, grant: Grant<F::Stamp>, outcome: Outcome, at: Option<Instant>) {
            LoadShedder::end(self, grant, outcome, at);
        }
    }
}

impl<H: Holder> Permit<H> {
    #[inline]
    pub(super) const fn new(holder: H, grant: Grant<H::Stamp>) -> Self {
        Self { holder, grant, over: false }
    }

    /// Whose slot it is.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.grant.priority
    }

    /// Whether it was only let through because the shedder is in shadow: then it holds no slot.
    #[must_use]
    pub const fn is_shadowed(&self) -> bool {
        self.grant.shadowed
    }

    /// The call was served.
    #[inline]
    pub fn success(self) {
        self.record(Outcome::Success);
    }

    /// The call met overload further on: it was refused there, or ran into its limit.
    #[inline]
    pub fn overload(self) {
        self.record(Outcome::Overload);
    }

    /// The call ended so.
    #[inline]
    pub fn record(mut self, outcome: Outcome) {
        self.over = true;
        self.holder.end(self.grant, outcome, None);
    }

    /// The call ended so at `now`: the shedder's clock is not read.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Capacity, Fixed, LoadShedder, Outcome, Priority};
    /// use fusebox::time::{Instant, NoClock};
    ///
    /// let shedder: LoadShedder<Fixed, NoClock> =
    ///     LoadShedder::with_parts(Capacity::of(2).constant(), NoClock, (), ());
    /// let permit = shedder.admit_at(Priority::High, Instant::ORIGIN).unwrap();
    /// permit.record_at(Outcome::Success, Instant::from_nanos(2_000_000));
    /// assert_eq!(shedder.look().depth, 0);
    /// ```
    #[inline]
    pub fn record_at(mut self, outcome: Outcome, now: Instant) {
        self.over = true;
        self.holder.end(self.grant, outcome, Some(now));
    }
}

impl<H: Holder> Drop for Permit<H> {
    #[inline]
    fn drop(&mut self) {
        if !self.over {
            self.holder.end(self.grant, Outcome::Ignored, None);
        }
    }
}

impl<H: Holder> fmt::Debug for Permit<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("priority", &self.grant.priority)
            .field("shadowed", &self.grant.shadowed)
            .finish_non_exhaustive()
    }
}

/// A slot without a permit, for futures that hold the shedder anyway, and give it back by `leave`, by their drop at the latest.
impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> LoadShedder<F, C, O, N> {
    #[inline]
    pub(crate) fn enter(&self, priority: Priority) -> Result<Grant<F::Stamp>, Refused> {
        self.take(priority, || self.clock.time())
    }

    #[inline]
    pub(crate) fn leave(&self, grant: Grant<F::Stamp>, outcome: Outcome) {
        self.end(grant, outcome, None);
    }
}
