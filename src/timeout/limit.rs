//! One call with one limit.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use crate::ended;
use crate::sleep::Sleep;
use crate::timeout::TimedOut;

/// Gives a call so long to end.
///
/// The call is polled first, and only when it is pending does the wait begin: a call that is ready at once costs no sleep and
/// no clock, and the limit counts from the call's first suspension. When both are ready, the call has won.
///
/// No allocation; the future holds the call, the wait, and a reference. Dropped, it cancels both. Once it is over the call is
/// not polled again; it is dropped with this future.
///
/// # Errors
/// [`TimedOut`] when the call is pending and the wait is over.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::{TimedOut, timeout};
///
/// let sleep = |wait: Duration| async move { std::thread::sleep(wait) }; // a runtime's own sleep, in earnest
/// let never = timeout(Duration::from_millis(1), &sleep, core::future::pending::<()>()).named("wait for ever");
/// let late = futures::executor::block_on(never).unwrap_err();
/// assert_eq!(late, TimedOut::new("wait for ever", Duration::from_millis(1)));
/// ```
pub const fn timeout<S: Sleep, F: Future>(limit: Duration, sleeper: &S, call: F) -> Timeout<'_, S, F> {
    Timeout { call: Some(call), wait: None, sleeper, over: TimedOut::new("", limit) }
}

pin_project! {
    /// A call with a limit; made by [`timeout`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Timeout<'a, S: Sleep, F> {
        // Until it is over.
        #[pin]
        call: Option<F>,
        // Made when the call is first pending.
        #[pin]
        wait: Option<S::Wait>,
        sleeper: &'a S,
        over: TimedOut,
    }
}

impl<S: Sleep, F> Timeout<'_, S, F> {
    /// The same, told by this name when it is over.
    pub const fn named(mut self, operation: &'static str) -> Self {
        self.over.operation = operation;
        self
    }

    /// The same, told so when it is over.
    pub(super) const fn telling(mut self, over: TimedOut) -> Self {
        self.over = over;
        self
    }
}

impl<S: Sleep, F: Future> Future for Timeout<'_, S, F> {
    type Output = Result<F::Output, TimedOut>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(call) = this.call.as_mut().as_pin_mut() else { return Poll::Pending };
        if let Poll::Ready(ended) = call.poll(context) {
            return Poll::Ready(Ok(ended));
        }
        if this.wait.is_none() {
            this.wait.set(Some(this.sleeper.sleep(this.over.limit)));
        }
        match this.wait.as_pin_mut().map(|wait| wait.poll(context)) {
            Some(Poll::Ready(())) => {
                ended::at_its_limit(|| this.call.set(None));
                Poll::Ready(Err(*this.over))
            }
            _ => Poll::Pending,
        }
    }
}

impl<S: Sleep, F> fmt::Debug for Timeout<'_, S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("operation", &self.over.operation)
            .field("limit", &self.over.limit)
            .field("waiting", &self.wait.is_some())
            .finish_non_exhaustive()
    }
}
