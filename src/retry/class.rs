//! What an error means to a retry.

use core::time::Duration;

use crate::refusal::MayRefuse;

/// What an error means to a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It may be gone the next time: what is not classified.
    Transient,
    /// It will be the same the next time: stop at once.
    Permanent,
    /// Transient, but not before this wait is over (a server's `Retry-After`): the longer of it and the delay is waited for, above
    /// `max_delay` too. Cap what a stranger says ([`retry_after`](crate::retry::retry_after) does).
    After(Duration),
    /// A part of fusebox refused, and the call was not made: as `After`, but waiting for it takes no token of the budget;
    /// `Permanent` where no wait is known.
    Refused(Option<Duration>),
}

/// Says what an error means.
///
/// Implemented for closures; [`Unclassified`] where none was given.
pub trait Classify<E> {
    /// What this error means.
    fn classify(&self, error: &E) -> Class;
}

impl<E, F: Fn(&E) -> Class> Classify<E> for F {
    #[inline]
    fn classify(&self, error: &E) -> Class {
        self(error)
    }
}

/// Every error is transient.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unclassified;

impl<E> Classify<E> for Unclassified {
    #[inline]
    fn classify(&self, _: &E) -> Class {
        Class::Transient
    }
}

/// Errors of which this is true are transient, others permanent.
#[derive(Clone, Copy)]
pub struct When<Q>(Q);

impl<Q> When<Q> {
    /// Of this function.
    pub const fn new(transient: Q) -> Self {
        Self(transient)
    }
}

impl<E, Q: Fn(&E) -> bool> Classify<E> for When<Q> {
    #[inline]
    fn classify(&self, error: &E) -> Class {
        if (self.0)(error) { Class::Transient } else { Class::Permanent }
    }
}

/// Refusals of fusebox are [`Class::Refused`]; `K` says what other errors are.
#[derive(Clone, Copy, Debug)]
pub struct Refusals<K>(pub(super) K);

impl<E: MayRefuse, K: Classify<E>> Classify<E> for Refusals<K> {
    #[inline]
    fn classify(&self, error: &E) -> Class {
        match error.refusal() {
            Some(refusal) => Class::Refused(refusal.retry_after),
            None => self.0.classify(error),
        }
    }
}

impl<Q> core::fmt::Debug for When<Q> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("When(closure)")
    }
}
