//! The forms of a shedder: where its capacity comes from.

use crate::pressure::policy::Capacity;

/// How a shedder's capacity comes about: [`Fixed`], or by itself (`Adaptive`, with `alloc`). Sealed.
pub trait Form: sealed::Sense {}

/// The capacity is what it was told.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    pub(super) told: Capacity,
}

impl Form for Fixed {}

pub(super) mod sealed {
    use super::Fixed;
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

        /// A call is about to ask.
        fn stamp(&self, time: impl FnOnce() -> Option<Instant>) -> Self::Stamp;

        /// A slot was taken as the `depth`-th.
        fn admitted(&self, depth: u32);

        /// A call ended. The capacity that follows from that, if it is another one than this.
        fn ended(
            &self,
            stamp: Self::Stamp,
            outcome: Outcome,
            capacity: impl Fn() -> (u32, u32),
            time: impl FnOnce() -> Option<Instant>,
        ) -> Option<(u32, Why)>;
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
        fn ended(
            &self,
            (): (),
            _: Outcome,
            _: impl Fn() -> (u32, u32),
            _: impl FnOnce() -> Option<Instant>,
        ) -> Option<(u32, Why)> {
            None
        }
    }
}
