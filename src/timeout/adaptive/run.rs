//! Calls that an adaptive limit limits, and learns from.

use crate::deadline::Deadline;
use crate::observe::Observer;
use crate::sleep::Sleep;
use crate::time::Clock;
use crate::timeout::{AdaptiveTimeout, Error, Event, TimedOut, timeout};

impl<C: Clock, O: Observer<Event>> AdaptiveTimeout<C, O> {
    /// Gives a call the present limit, and learns from it: how long it took, or that it timed out. Dropped before either, it
    /// learns nothing.
    ///
    /// For a call that cannot fail; else its failures would count as its durations: [`try_run`](Self::try_run).
    ///
    /// # Errors
    /// [`TimedOut`] where it has not ended by then.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::timeout::{Adapting, AdaptiveTimeout};
    ///
    /// let render = AdaptiveTimeout::new(Adapting::from(Duration::from_secs(1)).build()?);
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    /// assert_eq!(futures::executor::block_on(render.run(&sleep, async { "page" })), Ok("page"));
    /// assert_eq!(render.look().samples, 1);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub async fn run<S: Sleep, F: Future>(&self, sleeper: &S, call: F) -> Result<F::Output, TimedOut> {
        self.measured(Deadline::NONE, sleeper, call, |_| true).await
    }

    /// As [`run`](Self::run), for a call that may fail by itself: only what is `Ok` is learnt from.
    ///
    /// # Errors
    /// The call's own error, or [`TimedOut`].
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::timeout::{Adapting, AdaptiveTimeout, Error};
    ///
    /// let fetch = AdaptiveTimeout::new(Adapting::from(Duration::from_secs(1)).build()?);
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    /// let answer = futures::executor::block_on(fetch.try_run(&sleep, async { Err::<(), _>("refused at once") }));
    /// assert_eq!(answer, Err(Error::Inner("refused at once")));
    /// assert_eq!(fetch.look().samples, 0);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub async fn try_run<S: Sleep, F, T, E>(&self, sleeper: &S, call: F) -> Result<T, Error<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        Error::flat(self.measured(Deadline::NONE, sleeper, call, Result::is_ok).await)
    }

    /// As [`run`](Self::run), with a deadline outside: the limit is the shorter of its own and what is left when the future is
    /// first polled. Where nothing is left the call is not made; and a time-out that was the deadline's is not learnt from.
    ///
    /// # Errors
    /// [`TimedOut`], which tells whether the deadline was the shorter one.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::time::{Clock, StdClock};
    /// use fusebox::timeout::{Adapting, AdaptiveTimeout, Deadline};
    ///
    /// let fetch = AdaptiveTimeout::new(Adapting::from(Duration::from_secs(1)).build()?);
    /// let request = Deadline::after(Duration::from_millis(1), StdClock.now());
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    /// let hangs = fetch.run_until(request, &sleep, core::future::pending::<()>());
    /// assert!(futures::executor::block_on(hangs).unwrap_err().by_deadline);
    /// assert_eq!(fetch.look().samples, 0);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub async fn run_until<S: Sleep, F: Future>(
        &self,
        deadline: Deadline,
        sleeper: &S,
        call: F,
    ) -> Result<F::Output, TimedOut> {
        self.measured(deadline, sleeper, call, |_| true).await
    }

    /// As [`run_until`](Self::run_until), for a call that may fail by itself: only what is `Ok` is learnt from.
    ///
    /// # Errors
    /// The call's own error, or [`TimedOut`].
    pub async fn try_run_until<S: Sleep, F, T, E>(
        &self,
        deadline: Deadline,
        sleeper: &S,
        call: F,
    ) -> Result<T, Error<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        Error::flat(self.measured(deadline, sleeper, call, Result::is_ok).await)
    }

    async fn measured<S: Sleep, F: Future>(
        &self,
        deadline: Deadline,
        sleeper: &S,
        call: F,
        succeeded: impl FnOnce(&F::Output) -> bool,
    ) -> Result<F::Output, TimedOut> {
        let began = self.clock.now();
        let over = TimedOut::new(self.told.operation, self.limit()).within(deadline, began);
        let ended = if over.limit.is_zero() {
            Err(over)
        } else {
            timeout(over.limit, sleeper, call).telling(over).await
        };
        match &ended {
            Ok(value) if succeeded(value) => {
                let now = self.clock.now();
                self.record_at(now.saturating_since(began), now);
            }
            Ok(_) => {}
            Err(late) => {
                if !late.by_deadline {
                    self.timed_out_after(late.limit);
                }
                self.tell(|| Event::TimedOut(*late));
            }
        }
        ended
    }
}
