//! Retries of a call that blocks its thread.

use core::marker::PhantomData;
use core::time::Duration;

use crate::retry::budget::Allowance;
use crate::retry::class::Classify;
use crate::retry::course::{Next, Stopped};
use crate::retry::policy::Plan;
use crate::retry::terms::{Cancel, Gives, Notify, Report, Retry};
use crate::time::TimeSource;

/// Calls that block, and can be made again: every closure that gives a `Result`.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::retry::{BlockingRetryable, Policy};
///
/// const POLICY: Policy = Policy::attempts(3).initial_delay(Duration::from_millis(1)).constant();
///
/// let mut calls = 0;
/// let fetch = || { calls += 1; if calls < 3 { Err("busy") } else { Ok("here") } };
/// let answer = fetch.retry(POLICY).when(|error| *error == "busy").call();
/// assert_eq!(answer, Ok("here"));
/// ```
pub trait BlockingRetryable<T, E>: Sized {
    /// Retries this call, on [`call`](Retry::call).
    fn retry<P: Plan>(self, plan: P) -> Retry<Self, Blocking<T, E>, P, BlockingSleeper>;
}

impl<F: FnMut() -> Result<T, E>, T, E> BlockingRetryable<T, E> for F {
    #[inline]
    fn retry<P: Plan>(self, plan: P) -> Retry<Self, Blocking<T, E>, P, BlockingSleeper> {
        Retry::new(self, plan, BLOCKING_SLEEPER)
    }
}

/// What a call that blocks gives: a result.
#[derive(Debug)]
pub struct Blocking<T, E>(PhantomData<fn() -> Result<T, E>>);

impl<T, E> Gives for Blocking<T, E> {
    type Error = E;
}

/// Something that blocks for a while: every closure of a duration.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing to block with",
    label = "needs a sleeper",
    note = "say how to wait: `.sleep(|delay| …)`; with the `std` feature it is the thread's own sleep"
)]
pub trait BlockingSleep {
    /// Comes back after so long, or later.
    fn block(&self, duration: Duration);
}

impl<F: Fn(Duration)> BlockingSleep for F {
    #[inline]
    fn block(&self, duration: Duration) {
        self(duration);
    }
}

/// The thread's own sleep.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadSleep;

#[cfg(feature = "std")]
impl BlockingSleep for ThreadSleep {
    fn block(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// What a thread waits with when nothing is named: [`ThreadSleep`] with `std`, nothing without.
#[cfg(feature = "std")]
pub type BlockingSleeper = ThreadSleep;
/// What a thread waits with when nothing is named: `ThreadSleep` with `std`, nothing without.
#[cfg(not(feature = "std"))]
pub type BlockingSleeper = crate::sleep::NoSleeper;

#[cfg(feature = "std")]
const BLOCKING_SLEEPER: BlockingSleeper = ThreadSleep;
#[cfg(not(feature = "std"))]
const BLOCKING_SLEEPER: BlockingSleeper = crate::sleep::NoSleeper;

impl<F, T, E, P, S, K, H, B, C, X> Retry<F, Blocking<T, E>, P, S, K, H, B, C, X> {
    /// Another way to wait than the thread's own sleep.
    ///
    /// # Examples
    /// ```
    /// use std::cell::RefCell;
    /// use fusebox::retry::{BlockingRetryable, Jitter, Policy};
    ///
    /// let slept = RefCell::new(Vec::new());
    /// let down = || Err::<(), _>("down");
    /// let policy = Policy::attempts(3).jitter(Jitter::None).build()?;
    /// let _ = down.retry(policy).sleep(|delay| slept.borrow_mut().push(delay.as_millis())).call();
    /// assert_eq!(*slept.borrow(), [100, 200]);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[inline]
    pub fn sleep<Z: Fn(Duration)>(self, sleeper: Z) -> Retry<F, Blocking<T, E>, P, Z, K, H, B, C, X> {
        self.sleeping(sleeper)
    }
}

impl<F, T, E, P, S, K, H, B, C, X> Retry<F, Blocking<T, E>, P, S, K, H, B, C, X>
where
    F: FnMut() -> Result<T, E>,
    P: Plan,
    S: BlockingSleep,
    K: Classify<E>,
    H: Notify<E>,
    B: Allowance,
    C: TimeSource,
    X: Cancel,
{
    /// Calls, and tries again as it was told.
    ///
    /// # Errors
    /// The last attempt's own error.
    #[inline]
    pub fn call(self) -> Result<T, E> {
        self.call_detailed().result
    }

    /// The same, with what became of it.
    #[inline]
    pub fn call_detailed(self) -> Report<T, E> {
        let Self { mut call, sleeper, mut terms, .. } = self;
        let mut progress = terms.begin();
        loop {
            let error = match call() {
                Ok(value) => {
                    terms.succeeded(&mut progress);
                    return progress.report(Ok(value), Stopped::Success);
                }
                Err(error) => error,
            };
            match terms.failed(&mut progress, &error) {
                Next::Wait(delay) => sleeper.block(delay),
                Next::Stop(stopped) => return progress.report(Err(error), stopped),
            }
            if terms.is_cancelled() {
                return progress.report(Err(error), Stopped::Cancelled);
            }
        }
    }
}
