//! Calls that are awaited.

use crate::breaker::CircuitBreaker;
use crate::breaker::counts::{Counting, Kind};
use crate::breaker::event::Event;
use crate::breaker::outcome::{Classify, Error, ErrorsFail, Rejected, Verdict};
use crate::breaker::permit::{Grant, Pass, Permit, Unwinding};
use crate::breaker::plan::Plan;
use crate::breaker::word;
use crate::observe::Observer;
use crate::time::Clock;

impl<P: Plan, C: Clock, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// Awaits this future, if the breaker lets it through. Needs no runtime, and does not allocate.
    ///
    /// The future is not polled when the call is rejected. Dropping the returned future cancels the call: that is
    /// counted, and is no failure. A limit on the call therefore belongs *inside*, so that a dependency that hangs
    /// opens the breaker.
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
        let mut held = None;
        self.acquire_into(&mut held)?;
        let output = future.await;
        if let Some(permit) = &mut held {
            permit.conclude(judge(&output));
        }
        Ok(output)
    }

    /// As [`acquire`](Self::acquire), into a place of the caller's own: for futures that hold a permit across an await, where a
    /// permit that is moved costs more than one that is written once.
    ///
    /// # Errors
    /// The facts of the rejection; then the place is as it was.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy, Verdict};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(3).constant());
    /// let mut held = None;
    /// breaker.acquire_into(&mut held)?;
    /// if let Some(permit) = &mut held {
    ///     permit.conclude(Verdict::Success);
    /// }
    /// # Ok::<(), fusebox::breaker::Rejected>(())
    /// ```
    #[inline(always)]
    pub fn acquire_into<'a>(&'a self, place: &mut Option<Permit<&'a Self>>) -> Result<(), Rejected> {
        let word = self.word.load();
        if word::is_closed(word) && self.policy.base().slow_nanos().is_none() {
            self.counters.add(Kind::Admitted);
            let pass = Pass::new(word::generation(word), Grant::Normal, Unwinding::now(), None);
            *place = Some(Permit::new(self, pass));
            return Ok(());
        }
        self.acquire_into_with_care(place)
    }

    #[inline(never)]
    fn acquire_into_with_care<'a>(&'a self, place: &mut Option<Permit<&'a Self>>) -> Result<(), Rejected> {
        *place = Some(self.acquire()?);
        Ok(())
    }
}
