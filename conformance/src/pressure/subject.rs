//! The shedders that are put to the test, through their public methods: whoever admits holds the shedder by reference or
//! by `Arc`, gives every instant or lets the clock be read, and counts or does not.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use fusebox::pressure::{
    Capacity, Counters, Counting, Counts, Fixed, LoadShedder, Outcome, OwnedPermit, Permit, Priority, Refused,
};
use fusebox::time::{Instant, ManualClock};

/// A shedder under test.
pub type Shedder<N> = LoadShedder<Fixed, ManualClock, (), N>;

/// All slots free.
pub fn make<N: Count>(capacity: Capacity) -> Shedder<N> {
    LoadShedder::with_parts(capacity, ManualClock::new(), (), N::default())
}

/// How the shedder learns what time it is.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    Given,
    Read,
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "instants given",
            Self::Read => "clock read",
        })
    }
}

/// Whether it counts.
pub trait Count: Counting + Default {
    const NAME: &'static str;

    fn counts(shedder: &Shedder<Self>) -> Option<Counts>;
}

impl Count for () {
    const NAME: &'static str = "not counted";

    fn counts(_: &Shedder<Self>) -> Option<Counts> {
        None
    }
}

impl Count for Counters {
    const NAME: &'static str = "counted";

    fn counts(shedder: &Shedder<Self>) -> Option<Counts> {
        Some(shedder.counts())
    }
}

/// A way to hold a shedder. Where no instant is given, the shedder may read its clock.
pub trait Subject: Deref<Target = Shedder<Self::Counters>> {
    type Counters: Count;
    type Held;
    const HOLD: &'static str;

    fn admit(&self, priority: Priority, now: Option<Instant>) -> Result<Self::Held, Refused>;

    /// Ends with an outcome where the instant is given; else the permit is dropped.
    fn release(held: Self::Held, now: Option<Instant>);
}

impl<'a, N: Count> Subject for &'a Shedder<N> {
    type Counters = N;
    type Held = Permit<&'a Shedder<N>>;
    const HOLD: &'static str = "borrowed permits";

    fn admit(&self, priority: Priority, now: Option<Instant>) -> Result<Self::Held, Refused> {
        let shedder: &'a Shedder<N> = self;
        match now {
            Some(now) => shedder.admit_at(priority, now),
            None => shedder.admit(priority),
        }
    }

    fn release(held: Self::Held, now: Option<Instant>) {
        match now {
            Some(now) => held.record_at(Outcome::Success, now),
            None => drop(held),
        }
    }
}

impl<N: Count> Subject for Arc<Shedder<N>> {
    type Counters = N;
    type Held = OwnedPermit<Fixed, ManualClock, (), N>;
    const HOLD: &'static str = "owned permits";

    fn admit(&self, priority: Priority, now: Option<Instant>) -> Result<Self::Held, Refused> {
        match now {
            Some(now) => self.admit_owned_at(priority, now),
            None => self.admit_owned(priority),
        }
    }

    fn release(held: Self::Held, now: Option<Instant>) {
        match now {
            Some(now) => held.record_at(Outcome::Success, now),
            None => drop(held),
        }
    }
}
