//! Calls that are awaited.

use crate::breaker::CircuitBreaker;
use crate::breaker::counts::{Counting, Kind};
use crate::breaker::event::Event;
use crate::breaker::outcome::{Classify, Error, ErrorsFail, Rejected, Verdict};
use crate::breaker::permit::{Grant, Pass, Permit, Unwinding};
use crate::breaker::plan::Plan;
use crate::breaker::record::Ending;
use crate::breaker::word;
use crate::observe::Observer;
use crate::time::Clock;

impl<P: Plan, C: Clock, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// Awaits this future, if the breaker lets it through. Needs no runtime, and does not allocate.
    ///
    /// The future is not polled when the call is rejected. Dropping the returned future cancels the call: that is
    /// counted, and is no failure. A runtime's own limit on the call therefore belongs *inside*, so that a dependency that hangs
    /// opens the breaker; one of fusebox may stand outside, too, with `std`.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(3).constant());
    /// let answer = futures::executor::block_on(breaker.call_async(async { Ok::<_, ()>(42) }));
    /// assert_eq!(answer.unwrap(), 42);
    /// ```
    #[inline]
    pub async fn call_async<T, E>(&self, future: impl Future<Output = Result<T, E>>) -> Result<T, Error<E>> {
        self.call_async_with(ErrorsFail, future).await
    }

    /// As [`call_async`](Self::call_async); `classify` says what of the results is a success, a failure, or neither.
    #[inline]
    pub async fn call_async_with<T, E>(
        &self,
        classify: impl Classify<T, E>,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error<E>> {
        match self.watch(|result: &Result<T, E>| classify.classify(result), future).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(inner)) => Err(Error::Inner(inner)),
            Err(rejected) => Err(Error::Rejected(rejected)),
        }
    }

    /// As [`call_async`](Self::call_async), for a future of anything: `judge` says what its output means.
    ///
    /// # Errors
    /// The facts of the rejection.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, FailureKind, Policy, Verdict};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(3).constant());
    /// let by_status = |status: &u16| match status {
    ///     500.. => Verdict::Failure(FailureKind::Error),
    ///     _ => Verdict::Success,
    /// };
    /// let status = futures::executor::block_on(breaker.watch(by_status, async { 404 }))?;
    /// assert_eq!(status, 404);
    /// # Ok::<(), fusebox::breaker::Rejected>(())
    /// ```
    #[inline]
    pub async fn watch<X>(
        &self,
        judge: impl FnOnce(&X) -> Verdict,
        future: impl Future<Output = X>,
    ) -> Result<X, Rejected> {
        let mut held = Held { breaker: self, pass: None };
        self.enter(&mut held.pass)?;
        let output = future.await;
        let verdict = judge(&output);
        self.leave(&mut held.pass, Some(verdict));
        Ok(output)
    }

    /// As `acquire`, without a permit: for futures that hold the breaker anyway, and give the pass back by [`leave`](Self::leave), by their
    /// drop at the latest. It is written where it will lie: what is written in parts and moved as a whole waits for the store
    /// buffer.
    #[inline(always)]
    pub(crate) fn enter(&self, place: &mut Option<Pass>) -> Result<(), Rejected> {
        let word = self.word.load();
        if word::is_closed(word) && self.policy.base().slow_nanos().is_none() {
            self.counters.add(Kind::Admitted);
            *place = Some(Pass::new(word::generation(word), Grant::Normal, Unwinding::now(), None));
            return Ok(());
        }
        self.enter_with_care(place)
    }

    #[inline(never)]
    fn enter_with_care(&self, place: &mut Option<Pass>) -> Result<(), Rejected> {
        *place = Some(self.admit(Unwinding::now(), None)?);
        Ok(())
    }

    /// Takes a pass back, if there is one, with its outcome; without one it was cancelled, or panicked.
    #[inline(always)]
    pub(crate) fn leave(&self, place: &mut Option<Pass>, verdict: Option<Verdict>) {
        let Some(pass) = place else { return };
        match verdict {
            Some(verdict) => self.end(pass, Ending::Said(verdict), None),
            None => drop(Permit::new(self, *pass)),
        }
        *place = None;
    }
}

/// A pass that is held across an await.
struct Held<'a, P: Plan, C: Clock, O: Observer<Event>, N: Counting> {
    breaker: &'a CircuitBreaker<P, C, O, N>,
    pass: Option<Pass>,
}

impl<P: Plan, C: Clock, O: Observer<Event>, N: Counting> Drop for Held<'_, P, C, O, N> {
    #[inline]
    fn drop(&mut self) {
        self.breaker.leave(&mut self.pass, None);
    }
}
