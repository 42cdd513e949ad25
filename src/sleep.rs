//! The sleeper: how an async wait is waited, with whatever runtime there is.

use core::time::Duration;

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
