//! Runs a future that is nearly always ready at once, without a runtime's own cost: the kindest executor an async
//! peer can have.

use std::{
    future::Future,
    hint,
    pin::Pin,
    task::{Context, Poll, Waker},
    thread,
};

/// Polls before the thread lets others run: a lock that another thread holds is free long before.
const SPINS: u32 = 1_000;

/// Polls until it is ready. It never parks: a wake-up would cost the peer microseconds.
#[inline]
#[must_use]
pub fn wait<F: Future + ?Sized>(mut future: Pin<&mut F>) -> F::Output {
    until_ready(|context| future.as_mut().poll(context))
}

/// Asks until the answer is ready.
#[inline]
pub fn until_ready<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    let mut asked = 0;
    loop {
        if let Poll::Ready(answer) = poll(&mut context) {
            return answer;
        }
        asked += 1;
        if asked < SPINS { hint::spin_loop() } else { thread::yield_now() }
    }
}
