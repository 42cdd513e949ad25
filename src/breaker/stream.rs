//! A stream behind a breaker: its start is gated, its outcome is that of its first item.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::breaker::CircuitBreaker;
use crate::breaker::counts::Counting;
use crate::breaker::event::Event;
use crate::breaker::outcome::{Classify, ErrorsFail, Rejected, Verdict};
use crate::breaker::permit::{Holder, Permit, sealed::Hold};
use crate::breaker::plan::Plan;
use crate::observe::Observer;
use crate::time::Clock;

impl<P: Plan, C: Clock, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// Guards a stream for its whole life: it is not polled unless the breaker lets it through.
    ///
    /// It succeeds, and its latency ends, at its first `Ok` item (or at its end,
    /// [`succeed_at_end`](GuardedStream::succeed_at_end)); a later `Err` is a failure of the state then current; a drop
    /// before any outcome is cancelled.
    ///
    /// # Errors
    /// The facts of the rejection.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy, State};
    /// use futures::{StreamExt, executor::block_on, stream};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant());
    /// let tokens = stream::iter([Ok("to"), Ok("ken"), Err("connection lost")]);
    /// let mut guarded = breaker.guard_stream(tokens)?;
    /// assert_eq!(block_on(guarded.next()), Some(Ok("to")));
    /// assert_eq!(breaker.look().state, State::Closed);
    /// assert_eq!(block_on(guarded.collect::<Vec<_>>()).len(), 2);
    /// assert_eq!(breaker.look().state, State::Open, "the error in the middle is a failure");
    /// # Ok::<(), fusebox::breaker::Rejected>(())
    /// ```
    pub fn guard_stream<S, T, E>(&self, stream: S) -> Result<GuardedStream<S, &Self>, Rejected>
    where
        S: Stream<Item = Result<T, E>>,
    {
        self.guard_stream_with(ErrorsFail, stream)
    }

    /// As [`guard_stream`](Self::guard_stream); `classify` says of each item whether it is a success, a failure, or
    /// neither.
    ///
    /// # Errors
    /// The facts of the rejection.
    pub fn guard_stream_with<S, K, T, E>(
        &self,
        classify: K,
        stream: S,
    ) -> Result<GuardedStream<S, &Self, K>, Rejected>
    where
        S: Stream<Item = Result<T, E>>,
        K: Classify<T, E>,
    {
        Ok(GuardedStream::new(stream, self, self.acquire()?, classify))
    }

    /// As [`guard_stream`](Self::guard_stream), for a stream that outlives the borrow.
    ///
    /// # Errors
    /// The facts of the rejection.
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    pub fn guard_stream_owned<S, T, E>(
        self: &alloc::sync::Arc<Self>,
        stream: S,
    ) -> Result<GuardedStream<S, alloc::sync::Arc<Self>>, Rejected>
    where
        S: Stream<Item = Result<T, E>>,
    {
        Ok(GuardedStream::new(stream, alloc::sync::Arc::clone(self), self.acquire_owned()?, ErrorsFail))
    }
}

pin_project! {
    /// A stream behind a breaker; made by [`CircuitBreaker::guard_stream`].
    #[must_use = "streams do nothing unless polled"]
    pub struct GuardedStream<S, R: Holder, K = ErrorsFail> {
        #[pin]
        stream: S,
        // Until the outcome is recorded.
        permit: Option<Permit<R>>,
        breaker: R,
        classify: K,
        at_end: bool,
    }
}

impl<S, R: Holder, K> GuardedStream<S, R, K> {
    const fn new(stream: S, breaker: R, permit: Permit<R>, classify: K) -> Self {
        Self { stream, permit: Some(permit), breaker, classify, at_end: false }
    }

    /// Lets the stream succeed, and its latency end, at its end instead of its first item.
    pub fn succeed_at_end(mut self) -> Self {
        self.at_end = true;
        self
    }
}

impl<S, R, K, T, E> Stream for GuardedStream<S, R, K>
where
    S: Stream<Item = Result<T, E>>,
    R: Holder,
    <R as Hold>::Clock: Clock,
    K: Classify<T, E>,
{
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let item = ready!(this.stream.poll_next(context));
        let verdict = match &item {
            None => Verdict::Success,
            Some(item) => this.classify.classify(item),
        };
        let waits =
            verdict == Verdict::Ignored || (*this.at_end && item.is_some() && verdict == Verdict::Success);
        match this.permit.take() {
            Some(permit) if waits => *this.permit = Some(permit),
            Some(permit) => permit.record(verdict),
            None if matches!(verdict, Verdict::Failure(_)) => Permit::fail_beside(&*this.breaker),
            None => {}
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S, R: Holder, K> core::fmt::Debug for GuardedStream<S, R, K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("GuardedStream").field("permit", &self.permit).finish_non_exhaustive()
    }
}
