//! How a call is counted: once, by how it ended.

use crate::guard::Guard;
use crate::guard::counts::{Counting, Kind};
use crate::guard::error::Error;

impl<D, L, B, T, R, S, J, O, N: Counting, C> Guard<D, L, B, T, R, S, J, O, N, C> {
    /// A call begins.
    #[inline]
    pub(super) fn begin(&self) -> Ending<'_, N> {
        self.layers.counters.add(Kind::Calls);
        Ending { counters: &self.layers.counters, over: false }
    }
}

/// A call that is counted by how it ends; dropped before, as cancelled.
pub(super) struct Ending<'a, N: Counting> {
    counters: &'a N,
    over: bool,
}

impl<N: Counting> Ending<'_, N> {
    #[inline]
    pub(super) fn ended<V, E>(self, result: &Result<V, Error<E>>) {
        self.counted_as(match result {
            Ok(_) => Kind::Succeeded,
            Err(error) => kind(error),
        });
    }

    #[inline]
    pub(super) fn counted_as(mut self, kind: Kind) {
        self.over = true;
        self.counters.add(kind);
    }
}

impl<N: Counting> Drop for Ending<'_, N> {
    #[inline]
    fn drop(&mut self) {
        if !self.over {
            self.counters.add(Kind::Cancelled);
        }
    }
}

const fn kind<E>(error: &Error<E>) -> Kind {
    match error {
        Error::Shed(_) => Kind::Shed,
        Error::Limited(_) => Kind::Limited,
        Error::Rejected(_) => Kind::Rejected,
        Error::TimedOut(_) => Kind::TimedOut,
        Error::Inner(_) => Kind::Failed,
        Error::Shared(_) => Kind::Shared,
    }
}
