//! Waiting for cells: a place in the queue is a reservation, so the queue needs no memory and cannot be jumped.

use core::pin::Pin;
use core::task::{Context, Poll};

use crate::limiter::RateLimiter;
use crate::limiter::counts::Counting;
use crate::limiter::event::Event;
use crate::limiter::form::Form;
use crate::limiter::outcome::{Refused, Reservation};
use crate::observe::Observer;
use crate::sleep::Sleep;
use crate::time::{Clock, Instant};

impl<F: Form, C: Clock, O: Observer<Event>, N: Counting> RateLimiter<F, C, O, N> {
    /// Waits for one cell, as one of `waiters` at most; refuses at once where as many wait already.
    ///
    /// First come, first served: the cell is reserved when this is first polled. Dropping the future gives it back, unless
    /// others wait behind it, who keep their instants ([`refund`](Self::refund)). Plain reservations that are not due yet count
    /// as waiters. Never ready early by the limiter's own clock. Needs no runtime, and does not allocate; `Send` where the
    /// sleeper is `Sync` and its wait `Send`.
    ///
    /// # Errors
    /// The facts of the refusal: when the queue will have been short enough, if nobody else asks.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::limiter::{Quota, RateLimiter};
    ///
    /// let limiter = RateLimiter::new(Quota::per_second(1_000).burst(1).build()?);
    /// let sleeper = |wait: Duration| async move { std::thread::sleep(wait) };
    /// futures::executor::block_on(async {
    ///     for _ in 0..3 {
    ///         limiter.until_ready(&sleeper, 8).await.expect("nobody else waits");
    ///     }
    /// });
    /// assert!(!limiter.check().is_allowed());
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub async fn until_ready<S: Sleep>(&self, sleeper: &S, waiters: u32) -> Result<(), Refused> {
        self.until_n_ready(1, sleeper, waiters).await
    }

    /// As [`until_ready`](Self::until_ready), for `n` cells together, while no more than `waiting` cells are waited for, these
    /// included.
    ///
    /// # Errors
    /// As there; `NeverFits` for more than the burst.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::limiter::{Quota, RateLimiter, Refused};
    ///
    /// let limiter = RateLimiter::new(Quota::per_second(1_000).burst(4).build()?);
    /// let sleeper = |wait: Duration| async move { std::thread::sleep(wait) };
    /// futures::executor::block_on(async {
    ///     assert!(limiter.until_n_ready(3, &sleeper, 8).await.is_ok());
    ///     assert!(matches!(limiter.until_n_ready(5, &sleeper, 8).await, Err(Refused::NeverFits(_))));
    /// });
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub async fn until_n_ready<S: Sleep>(&self, n: u32, sleeper: &S, waiting: u32) -> Result<(), Refused> {
        let quota = self.quota();
        let longest = quota.scale.until(quota.interval.saturating_mul(u64::from(waiting)), 0);
        let place = Place { limiter: self, reservation: Some(self.reserve(n, longest)?) };
        let mut woken_early = false;
        loop {
            let wait = place.due().saturating_since(self.clock().now());
            if wait.is_zero() {
                place.keep();
                return Ok(());
            }
            if woken_early {
                // By another clock, say; but a sleeper that never sleeps must not hold the thread.
                Turn(false).await;
            }
            sleeper.sleep(wait).await;
            woken_early = true;
        }
    }
}

/// Lets others have a turn.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A place in the queue: given back when it is dropped.
struct Place<'a, F: Form, C: Clock, O: Observer<Event>, N: Counting> {
    limiter: &'a RateLimiter<F, C, O, N>,
    reservation: Option<Reservation>,
}

impl<F: Form, C: Clock, O: Observer<Event>, N: Counting> Place<'_, F, C, O, N> {
    fn due(&self) -> Instant {
        self.reservation.as_ref().map_or(Instant::ORIGIN, Reservation::due)
    }

    fn keep(mut self) {
        self.reservation = None;
    }
}

impl<F: Form, C: Clock, O: Observer<Event>, N: Counting> Drop for Place<'_, F, C, O, N> {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            self.limiter.refund(reservation);
        }
    }
}
