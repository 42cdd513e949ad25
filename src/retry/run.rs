//! Retries of a future: one future, without a runtime and without an allocation.

use core::fmt;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::retry::budget::Allowance;
use crate::retry::class::Classify;
use crate::retry::course::{Next, Stopped};
use crate::retry::policy::Plan;
use crate::retry::terms::{Cancel, Gives, Notify, Progress, Report, Retry, Terms};
use crate::sleep::{NoSleeper, Sleep};
use crate::time::TimeSource;

/// Futures that can be made again, and so be retried: every closure that makes one of a `Result`.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::retry::{Policy, Retryable};
///
/// #[derive(Debug)]
/// enum Error { Busy, NotFound }
/// # let mut calls = 0;
/// let fetch = || { calls += 1; let now = calls; async move { if now < 3 { Err(Error::Busy) } else { Ok("here") } } };
/// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) }; // tokio::time::sleep
///
/// const POLICY: Policy = Policy::attempts(3).initial_delay(Duration::from_millis(1)).constant();
/// # futures::executor::block_on(async {
/// let answer = fetch
///     .retry(POLICY)
///     .when(|error| matches!(error, Error::Busy))
///     .notify(|retry| eprintln!("attempt {} failed: {:?}; again in {:?}", retry.attempt, retry.error, retry.delay))
///     .sleep(sleep)
///     .await;
/// assert_eq!(answer.unwrap(), "here");
/// # });
/// ```
pub trait Retryable<Fut, T, E>: Sized {
    /// Retries this call; say with what to [`sleep`](Retry::sleep), then await it.
    fn retry<P: Plan>(self, plan: P) -> Retry<Self, Awaited<Fut, T, E>, P, NoSleeper>;
}

impl<F, Fut, T, E> Retryable<Fut, T, E> for F
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    #[inline]
    fn retry<P: Plan>(self, plan: P) -> Retry<Self, Awaited<Fut, T, E>, P, NoSleeper> {
        Retry::new(self, plan, NoSleeper)
    }
}

/// What an async call gives: a future of a result.
#[derive(Debug)]
pub struct Awaited<Fut, T, E>(PhantomData<fn() -> Fut>, PhantomData<fn() -> Result<T, E>>);

impl<Fut, T, E> Gives for Awaited<Fut, T, E> {
    type Error = E;
}

impl<F, Fut, T, E, P, S, K, H, B, C, X> Retry<F, Awaited<Fut, T, E>, P, S, K, H, B, C, X> {
    /// What to wait with: `tokio::time::sleep`, say.
    #[inline]
    #[expect(clippy::type_complexity, reason = "a builder's parameters")]
    pub fn sleep<Z: Sleep>(self, sleeper: Z) -> Retry<F, Awaited<Fut, T, E>, P, Z, K, H, B, C, X> {
        self.sleeping(sleeper)
    }
}

impl<F, Fut, T, E, P, S, K, H, B, C, X> Retry<F, Awaited<Fut, T, E>, P, S, K, H, B, C, X>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    S: Sleep,
{
    /// The same, with what became of it: a [`Report`] in place of the result.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::retry::{Policy, Retryable, Stopped};
    ///
    /// # futures::executor::block_on(async {
    /// let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    /// let policy = Policy::attempts(2).initial_delay(Duration::from_millis(1)).constant();
    /// let report = (|| async { Err::<(), _>("down") }).retry(policy).sleep(sleep).detailed().await;
    /// assert_eq!((report.attempts, report.stopped), (2, Stopped::Attempts));
    /// assert!(report.waited >= Duration::from_millis(1));
    /// # });
    /// ```
    #[inline]
    pub fn detailed(self) -> Detailed<F, Fut, P, S, K, H, B, C, X> {
        Detailed { running: self.into_future_parts() }
    }

    #[inline]
    fn into_future_parts(self) -> Running<F, Fut, P, S, K, H, B, C, X> {
        Running {
            call: self.call,
            sleeper: self.sleeper,
            terms: self.terms,
            progress: None,
            stage: Stage::Over,
        }
    }
}

// The compiler shows the first lines of this to whoever awaits without a sleeper: `Sleep`'s own words it leaves out, since every
// future is `IntoFuture`, too.
impl<F, Fut, T, E, P, S, K, H, B, C, X> IntoFuture for Retry<F, Awaited<Fut, T, E>, P, S, K, H, B, C, X>
where
    S: Sleep, // To whom it says "not a future": say what to sleep with, `.sleep(tokio::time::sleep)`.
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    P: Plan,
    K: Classify<E>,
    H: Notify<E>,
    B: Allowance,
    C: TimeSource,
    X: Cancel,
{
    type Output = Result<T, E>;
    type IntoFuture = Running<F, Fut, P, S, K, H, B, C, X>;

    #[inline]
    fn into_future(self) -> Self::IntoFuture {
        self.into_future_parts()
    }
}

pin_project! {
    /// A call that is retried, under way; made by awaiting a [`Retry`]. Dropped, it is cancelled, whether it calls or waits.
    #[must_use = "futures do nothing unless polled"]
    pub struct Running<F, Fut, P, S: Sleep, K, H, B, C, X> {
        call: F,
        sleeper: S,
        terms: Terms<P, K, H, B, C, X>,
        // From the first poll on.
        progress: Option<Progress>,
        #[pin]
        stage: Stage<Fut, S::Wait>,
    }
}

pin_project! {
    /// What is under way.
    #[project = StageNow]
    enum Stage<Fut, W> {
        Calling { #[pin] call: Fut },
        Waiting { #[pin] wait: W },
        // Or not yet begun.
        Over,
    }
}

pin_project! {
    /// A call that is retried, under way, which ends with a [`Report`]; made by [`Retry::detailed`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Detailed<F, Fut, P, S: Sleep, K, H, B, C, X> {
        #[pin]
        running: Running<F, Fut, P, S, K, H, B, C, X>,
    }
}

impl<F, Fut, T, E, P, S, K, H, B, C, X> Running<F, Fut, P, S, K, H, B, C, X>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    P: Plan,
    S: Sleep,
    K: Classify<E>,
    H: Notify<E>,
    B: Allowance,
    C: TimeSource,
    X: Cancel,
{
    #[inline]
    fn poll_report(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Report<T, E>> {
        let mut this = self.project();
        let terms = this.terms;
        // Straight into the first call: a loop over the stages would cost a call that succeeds at once two jumps through a table.
        if this.progress.is_none() {
            *this.progress = Some(terms.begin());
            this.stage.set(Stage::Calling { call: (this.call)() });
        }
        let Some(progress) = this.progress else { return Poll::Pending };
        loop {
            if let StageNow::Calling { call } = this.stage.as_mut().project() {
                match ready!(call.poll(context)) {
                    Ok(value) => {
                        this.stage.set(Stage::Over);
                        terms.succeeded(progress);
                        return Poll::Ready(progress.report(Ok(value), Stopped::Success));
                    }
                    Err(error) => match terms.failed(progress, &error) {
                        Next::Wait(delay) => {
                            this.stage.set(Stage::Waiting { wait: this.sleeper.sleep(delay) });
                        }
                        Next::Stop(stopped) => {
                            this.stage.set(Stage::Over);
                            return Poll::Ready(progress.report(Err(error), stopped));
                        }
                    },
                }
            }
            let StageNow::Waiting { wait } = this.stage.as_mut().project() else { return Poll::Pending };
            ready!(wait.poll(context));
            this.stage.set(Stage::Calling { call: (this.call)() });
        }
    }
}

impl<F, Fut, T, E, P, S, K, H, B, C, X> Future for Running<F, Fut, P, S, K, H, B, C, X>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    P: Plan,
    S: Sleep,
    K: Classify<E>,
    H: Notify<E>,
    B: Allowance,
    C: TimeSource,
    X: Cancel,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        self.poll_report(context).map(|report| report.result)
    }
}

impl<F, Fut, T, E, P, S, K, H, B, C, X> Future for Detailed<F, Fut, P, S, K, H, B, C, X>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    P: Plan,
    S: Sleep,
    K: Classify<E>,
    H: Notify<E>,
    B: Allowance,
    C: TimeSource,
    X: Cancel,
{
    type Output = Report<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Report<T, E>> {
        self.project().running.poll_report(context)
    }
}

impl<F, Fut, P: fmt::Debug, S: Sleep, K, H, B, C, X> fmt::Debug for Running<F, Fut, P, S, K, H, B, C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("progress", &self.progress).finish_non_exhaustive()
    }
}

impl<F, Fut, P: fmt::Debug, S: Sleep, K, H, B, C, X> fmt::Debug for Detailed<F, Fut, P, S, K, H, B, C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Detailed").field(&self.running).finish()
    }
}
