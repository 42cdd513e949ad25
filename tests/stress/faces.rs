//! The faces of a breaker that take a closure, a future or a stream.

use core::any::Any;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use fusebox::breaker::{Error, FailureKind, Plan, Verdict};

use crate::callers::{Caller, End};
use crate::watcher::Planned;

impl<P: Plan + 'static> Caller<'_, P> {
    /// The closure's own face: it succeeds, fails or panics.
    pub fn call(&mut self) {
        let end = self.end();
        let executed = &mut self.ledger.executed;
        let made = catch_unwind(AssertUnwindSafe(|| {
            self.scene.breaker.call(|| {
                *executed += 1;
                match end {
                    End::Panic => panic_any(Planned),
                    End::Error | End::Timeout => Err(()),
                    _ => Ok(()),
                }
            })
        }));
        match made {
            Ok(Err(Error::Rejected(rejected))) => self.rejected(rejected),
            Ok(Ok(())) => self.made(End::Success),
            Ok(Err(Error::Inner(()))) => self.made(End::Error),
            Err(payload) => self.panicked(payload.as_ref()),
        }
    }

    pub fn call_with(&mut self) {
        let end = match self.end() {
            End::Panic | End::Cancelled | End::Forgotten => End::Success,
            other => other,
        };
        let verdict = move |_: &Result<(), ()>| match end {
            End::Error => Verdict::Failure(FailureKind::Error),
            End::Timeout => Verdict::Failure(FailureKind::Timeout),
            End::Ignored => Verdict::Ignored,
            _ => Verdict::Success,
        };
        let executed = &mut self.ledger.executed;
        match self.scene.breaker.call_with(verdict, || {
            *executed += 1;
            Ok::<(), ()>(())
        }) {
            Err(Error::Rejected(rejected)) => self.rejected(rejected),
            _ => self.made(end),
        }
    }

    /// A future that is not ready at once, and may be dropped in the middle.
    pub fn call_async(&mut self) {
        let end = self.end();
        let mut polled = 0;
        let work = core::future::poll_fn(|_| {
            polled += 1;
            match (polled, end) {
                (1, _) => Poll::Pending,
                (_, End::Panic) => panic_any(Planned),
                (_, End::Error | End::Timeout) => Poll::Ready(Err(())),
                _ => Poll::Ready(Ok(())),
            }
        });
        let polls = if end == End::Cancelled { 1 } else { 2 };
        // Dropped inside, so that a panic drops it while it unwinds.
        let answer = catch_unwind(AssertUnwindSafe(|| poll(self.scene.breaker.call_async(work), polls)));
        self.ledger.executed += u64::from(polled > 0);
        match answer {
            Ok(Poll::Ready(Err(Error::Rejected(rejected)))) => self.rejected(rejected),
            Ok(Poll::Ready(Err(Error::Inner(())))) => self.made(End::Error),
            Ok(Poll::Ready(Ok(()))) => self.made(End::Success),
            Ok(Poll::Pending) => self.made(End::Cancelled),
            Err(payload) => self.panicked(payload.as_ref()),
        }
    }

    #[cfg(not(feature = "stream"))]
    pub fn stream(&mut self) {
        self.call();
    }

    /// A stream that is given up early, ends, or breaks in the middle.
    #[cfg(feature = "stream")]
    pub fn stream(&mut self) {
        use futures::Stream as _;

        let (length, taken) = (self.random.below(4), self.random.below(5));
        let broken = if self.end() == End::Error { self.random.below(4) } else { u64::MAX };
        let items = (0..length).map(|item| if item == broken { Err(()) } else { Ok(()) });
        match self.scene.breaker.guard_stream(futures::stream::iter(items)) {
            Err(rejected) => self.rejected(rejected),
            Ok(guarded) => {
                self.ledger.executed += 1;
                let mut guarded = pin!(guarded);
                let mut context = Context::from_waker(Waker::noop());
                for _ in 0..taken {
                    let next: Poll<Option<_>> = Pin::as_mut(&mut guarded).poll_next(&mut context);
                    if next == Poll::Ready(None) {
                        break;
                    }
                }
                self.made(match (taken, broken) {
                    (0, _) => End::Cancelled,
                    (_, 0) if length > 0 => End::Error,
                    _ => End::Success,
                });
                let breaks_late = broken > 0 && broken < length && broken < taken;
                self.ledger.late_stream_failures += u64::from(breaks_late);
            }
        }
    }

    fn panicked(&mut self, payload: &(dyn Any + Send)) {
        assert!(payload.is::<Planned>(), "a panic that was not planned");
        self.made(End::Panic);
    }
}

/// Polls a future so many times, or until it is ready, and drops it.
fn poll<F: Future>(future: F, polls: usize) -> Poll<F::Output> {
    let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
    let ready = (0..polls).map(|_| future.as_mut().poll(&mut context)).find(Poll::is_ready);
    ready.unwrap_or(Poll::Pending)
}
