//! The forms of a shedder: where its capacity comes from.

use crate::pressure::policy::Capacity;

/// How a shedder's capacity comes about: [`Fixed`], or by itself ([`Adaptive`](crate::pressure::Adaptive)). Sealed.
pub trait Form: sealed::Sense {}

/// A change of the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// By hand, whatever it is now.
    To(u32),
    /// If it still is what this followed from.
    Exactly { from: u32, to: u32 },
    /// A tenth less, whatever it is now.
    BackOff { floor: u32 },
}

impl Resize {
    pub(super) const fn of(self, capacity: u32) -> u32 {
        match self {
            Self::To(slots) => slots,
            Self::Exactly { from, to } => {
                if from == capacity {
                    to
                } else {
                    capacity
                }
            }
            Self::BackOff { floor } => {
                let less = capacity - capacity.div_ceil(10);
                if less > floor { less } else { floor }
            }
        }
    }
}

/// The capacity is what it was told.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    pub(super) told: Capacity,
}

impl Form for Fixed {}

pub(super) mod sealed {
    use super::{Fixed, Resize};
    use crate::pressure::event::Why;
    use crate::pressure::permit::Outcome;
    use crate::pressure::policy::Capacity;
    use crate::time::Instant;

    /// What a shedder needs of its form.
    pub trait Sense {
        /// What a permit remembers for it.
        type Stamp: Copy + core::fmt::Debug;

        /// What it was told: the shares, and the capacity it began with.
        fn told(&self) -> &Capacity;

        /// What a call takes once it is admitted, in nanoseconds, where that is measured.
        fn service(&self) -> Option<u64>;

        /// A call begins.
        fn stamp(&self, time: impl FnOnce() -> Option<Instant>) -> Self::Stamp;

        /// A slot was taken as the `depth`-th.
        fn admitted(&self, depth: u32);

        /// Somebody was refused.
        fn refused(&self);

        /// A call ended. The change of the capacity that follows from that; `stands` gives depth and capacity.
        fn ended(
            &self,
            stamp: Self::Stamp,
            outcome: Outcome,
            stands: impl Fn() -> (u32, u32),
            time: impl FnOnce() -> Option<Instant>,
        ) -> Option<(Resize, Why)>;
    }

    impl Sense for Fixed {
        type Stamp = ();

        #[inline]
        fn told(&self) -> &Capacity {
            &self.told
        }

        fn service(&self) -> Option<u64> {
            None
        }

        #[inline]
        fn stamp(&self, _: impl FnOnce() -> Option<Instant>) {}

        #[inline]
        fn admitted(&self, _: u32) {}

        #[inline]
        fn refused(&self) {}

        #[inline]
        fn ended(
            &self,
            (): (),
            _: Outcome,
            _: impl Fn() -> (u32, u32),
            _: impl FnOnce() -> Option<Instant>,
        ) -> Option<(Resize, Why)> {
            None
        }
    }
}
