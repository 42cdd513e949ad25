//! Backpressure: a load shedder that takes in no more than it can serve, and what matters most first.
//!
//! It has so many slots, and each priority may fill a share of them: what matters less is shed while what matters more still
//! finds room. One atomic word holds depth, capacity and closing; a slot is taken by one compare-and-swap that cannot exceed
//! the limit, and given back once, by whatever drops the permit.
//!
//! ```
//! use fusebox::pressure::{Capacity, LoadShedder, Priority, Refused};
//!
//! static SLOTS: LoadShedder = LoadShedder::new(Capacity::of(256).constant());
//!
//! fn handle(priority: Priority) -> u16 {
//!     match SLOTS.admit(priority) {
//!         Ok(_permit) => 200, // serve; the slot is free again when the permit is dropped
//!         Err(Refused::Shed(shed)) => {
//!             eprintln!("{shed}");
//!             503
//!         }
//!         Err(_) => 503,
//!     }
//! }
//! assert_eq!(handle(Priority::Normal), 200);
//! ```
//!
//! # One shedder for each thing that fills up
//!
//! It is a `static`, or lives in the state that all requests share. One that is made anew per request sheds nothing.
//!
//! | do | cost |
//! |---|---|
//! | [`admit`](LoadShedder::admit) and drop | one compare-and-swap each, on one line; no clock, no allocation |
//! | be shed | one load |
//! | the same, adaptive | and one clock reading each, and counts on the thread's own line |
//! | `admit_within` | as `admit`, where a slot is free; else a place in the waiting room |
//!
//! | what | for |
//! |---|---|
//! | [`LoadShedder::new`] | a capacity that somebody knows |
//! | [`LoadShedder::adaptive`] | a capacity that finds itself by latencies |
//! | [`Throttle`] | the client of a service that sheds |
//! | `Shutdown` | the graceful stop of a process |

mod adapt;
mod admit;
mod counts;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
mod drain;
mod event;
mod form;
mod outcome;
mod permit;
mod policy;
mod priority;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
mod queue;
mod rules;
#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests;
mod throttle;
mod word;

use core::fmt;

use crate::cell::Cell;
use crate::sync::{Shown, const_fn};
use crate::time::{DEFAULT_CLOCK, DefaultClock};

pub use adapt::{Adaptation, AdaptationBuilder, Adaptive, Algorithm};
pub use counts::{Counters, Counting, Counts};
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use drain::{Left, Shutdown, Stopped};
pub use event::{Event, Why};
pub use form::{Fixed, Form};
pub use outcome::{Closed, Late, Look, Refused, Shed};
pub(crate) use permit::Grant;
pub use permit::{Holder, Outcome, Permit};
pub use policy::{Capacity, CapacityBuilder};
pub use priority::{Priority, UnknownPriority};
pub use throttle::{
    Attempt, Throttle, ThrottleEvent, ThrottleLook, Throttled, Throttling, ThrottlingBuilder,
};

use word::Slots;

/// A load shedder; see the [module](self).
///
/// | parameter | what | unless told otherwise |
/// |---|---|---|
/// | `F` | the [`Form`]: [`Fixed`], [`Adaptive`] | [`Fixed`] |
/// | `C` | a [`Clock`](crate::time::Clock), for those who adapt or wait | `StdClock`; without `std` none |
/// | `O` | an [`Observer`](crate::observe::Observer) of [`Event`]s | `()`: nobody |
/// | `N` | [`Counters`] | `()`: it does not count |
pub struct LoadShedder<F: Form = Fixed, C = DefaultClock, O = (), N = ()> {
    slots: Cell,
    highest: Shown,
    /// Not zero: in shadow.
    shadow: Shown,
    form: F,
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    drained: crate::sync::Bell,
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    queue: crate::sync::Once<queue::Queue>,
    clock: C,
    observer: O,
    counters: N,
}

/// A permit that holds its shedder by `Arc`, for tasks of their own.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub type OwnedPermit<F = Fixed, C = DefaultClock, O = (), N = ()> =
    Permit<alloc::sync::Arc<LoadShedder<F, C, O, N>>>;

impl LoadShedder {
    const_fn! {
        /// All slots free, with the default clock, no observer, no counters. Cannot fail: a capacity is checked when it is
        /// built.
        #[must_use]
        pub const fn new(capacity: Capacity) -> Self {
            Self::with_parts(capacity, DEFAULT_CLOCK, (), ())
        }
    }
}

impl<C, O, N> LoadShedder<Fixed, C, O, N> {
    const_fn! {
        /// All slots free, of these parts: for a `static` with an observer, counters or another clock.
        ///
        /// # Examples
        /// ```
        /// use fusebox::pressure::{Capacity, Counters, Fixed, LoadShedder, Priority};
        /// use fusebox::time::StdClock;
        ///
        /// static SLOTS: LoadShedder<Fixed, StdClock, (), Counters> =
        ///     LoadShedder::with_parts(Capacity::of(64).constant(), StdClock, (), Counters::new());
        /// drop(SLOTS.admit(Priority::Low));
        /// assert_eq!(SLOTS.counts().admitted_in_all(), 1);
        /// ```
        pub const fn with_parts(capacity: Capacity, clock: C, observer: O, counters: N) -> Self {
            Self::of(Fixed { told: capacity }, capacity.slots(), clock, observer, counters)
        }
    }
}

impl<F: Form, C, O, N> LoadShedder<F, C, O, N> {
    const_fn! {
        const fn of(form: F, slots: u32, clock: C, observer: O, counters: N) -> Self {
            Self {
                slots: Cell::holding(Slots::fresh(slots).word()),
                highest: Shown::zero(),
                shadow: Shown::zero(),
                form,
                #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
                drained: crate::sync::Bell::new(),
                #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
                queue: crate::sync::Once::new(),
                clock,
                observer,
                counters,
            }
        }
    }

    /// The same shedder with this clock. Made before its first use: instants of one clock mean nothing to another.
    #[must_use]
    pub fn with_clock<D>(self, clock: D) -> LoadShedder<F, D, O, N> {
        self.rebuilt(|_, observer, counters| (clock, observer, counters))
    }

    /// The same shedder, told to this observer.
    #[must_use]
    pub fn with_observer<D>(self, observer: D) -> LoadShedder<F, C, D, N> {
        self.rebuilt(|clock, _, counters| (clock, observer, counters))
    }

    /// The same shedder with [`Counters`].
    #[must_use]
    pub fn counted(self) -> LoadShedder<F, C, O, Counters> {
        self.rebuilt(|clock, observer, _| (clock, observer, Counters::new()))
    }

    fn rebuilt<D, P, M>(self, parts: impl FnOnce(C, O, N) -> (D, P, M)) -> LoadShedder<F, D, P, M> {
        let (clock, observer, counters) = parts(self.clock, self.observer, self.counters);
        LoadShedder {
            slots: self.slots,
            highest: self.highest,
            shadow: self.shadow,
            form: self.form,
            #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
            drained: self.drained,
            #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
            queue: self.queue,
            clock,
            observer,
            counters,
        }
    }

    /// How it stands.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = LoadShedder::new(Capacity::of(8).constant());
    /// let both = (shedder.admit(Priority::High), shedder.admit(Priority::Low));
    /// drop(both);
    /// let look = shedder.look();
    /// assert_eq!((look.depth, look.highest, look.capacity, look.closed), (0, 2, 8, false));
    /// ```
    #[must_use]
    pub fn look(&self) -> Look {
        let Slots { depth, capacity, waiting, closed } = self.slots();
        Look { depth, capacity, waiting, highest: self.highest().max(depth), closed }
    }

    /// How many slots may be taken once one of this priority has been admitted, at the present capacity.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = LoadShedder::new(Capacity::of(100).constant());
    /// shedder.set_capacity(40)?;
    /// assert_eq!((shedder.limit(Priority::Background), shedder.limit(Priority::Critical)), (20, 40));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn limit(&self, priority: Priority) -> u32 {
        self.form.told().shares.of(priority).limit(self.slots().capacity)
    }

    /// Its clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Who is told.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// In shadow it decides, counts and tells what it would have refused, and lets it through. What is let through so
    /// holds no slot, and its outcome says nothing; a drain does not wait for it. A closed shedder refuses in shadow, too.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = LoadShedder::new(Capacity::of(1).constant()).counted();
    /// shedder.set_shadow(true);
    /// let calls: Vec<_> = (0..5).map(|_| shedder.admit(Priority::Normal).unwrap()).collect();
    /// assert_eq!((shedder.look().depth, shedder.counts().shadowed), (1, 4));
    /// drop(calls);
    /// assert_eq!(shedder.look().depth, 0);
    /// ```
    pub fn set_shadow(&self, on: bool) {
        self.shadow.set(on.into());
    }

    /// Whether it is in shadow.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.shadow.get() != 0
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.slots().closed
    }

    fn slots(&self) -> Slots {
        self.slots.view()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a depth is what was put in")]
    fn highest(&self) -> u32 {
        self.highest.get() as u32
    }
}

impl<F: Form, C, O, const LANES: usize> LoadShedder<F, C, O, Counters<LANES>> {
    /// What it did so far, as sums over its lanes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }
}

impl<F: Form, C, O, N> fmt::Debug for LoadShedder<F, C, O, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Slots { depth, capacity, waiting, closed } = self.slots();
        f.debug_struct("LoadShedder")
            .field("depth", &depth)
            .field("capacity", &capacity)
            .field("waiting", &waiting)
            .field("closed", &closed)
            .field("shadow", &self.is_shadow())
            .finish_non_exhaustive()
    }
}
