//! The sleeper: how an async wait is waited, with whatever runtime there is.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use crate::time::{Clock, Instant, ManualClock};

/// Something that lets time pass without blocking.
///
/// Implemented for every closure that makes a future of a duration; `tokio::time::sleep`, `async_io::Timer::after` and
/// `embassy_time` fit as they stand, or with a line around them.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::limiter::{Quota, RateLimiter};
///
/// # async fn call() -> Result<(), fusebox::limiter::Refused> {
/// static LIMITER: RateLimiter = RateLimiter::new(Quota::per_second(1_000).constant());
/// let sleeper = |wait: Duration| async move { std::thread::sleep(wait) }; // a runtime's own sleep, in earnest
/// LIMITER.until_ready(&sleeper, 16).await?;
/// # Ok(())
/// # }
/// # futures::executor::block_on(call()).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing to sleep with",
    label = "needs a sleeper",
    note = "say what to sleep with: `.sleep(tokio::time::sleep)`, or another runtime's sleep, or a closure"
)]
pub trait Sleep {
    /// The wait.
    type Wait: Future<Output = ()>;

    /// A future that is ready `duration` after this call, or later.
    fn sleep(&self, duration: Duration) -> Self::Wait;
}

impl<F: Fn(Duration) -> W, W: Future<Output = ()>> Sleep for F {
    type Wait = W;

    fn sleep(&self, duration: Duration) -> W {
        self(duration)
    }
}

/// Stands where no sleeper was given.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSleeper;

/// Waits on the clock's own time: ready once somebody has moved it so far. It wakes nobody, so poll again after moving the
/// clock: for tests and simulations that drive their futures by hand.
///
/// # Examples
/// ```
/// use core::pin::pin;
/// use core::task::{Context, Poll, Waker};
/// use core::time::Duration;
/// use fusebox::sleep::Sleep;
/// use fusebox::time::ManualClock;
///
/// let clock = ManualClock::new();
/// let mut wait = pin!((&clock).sleep(Duration::from_secs(2)));
/// let mut context = Context::from_waker(Waker::noop());
/// assert_eq!(wait.as_mut().poll(&mut context), Poll::Pending);
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(wait.as_mut().poll(&mut context), Poll::Ready(()));
/// ```
impl<'a> Sleep for &'a ManualClock {
    type Wait = ManualWait<'a>;

    fn sleep(&self, duration: Duration) -> ManualWait<'a> {
        ManualWait { clock: self, due: self.now().saturating_add(duration) }
    }
}

/// A wait on a [`ManualClock`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ManualWait<'a> {
    clock: &'a ManualClock,
    due: Instant,
}

impl Future for ManualWait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.due { Poll::Ready(()) } else { Poll::Pending }
    }
}
