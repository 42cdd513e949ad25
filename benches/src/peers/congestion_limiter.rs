//! `congestion-limiter`: a semaphore of tokio behind boxed futures, under an algorithm that may move its limit. There is no
//! way in that is not a future; a token that is dropped gives its slot back and says nothing.
//!
//! It leaves out samples below a microsecond, and those of these rows are: its algorithm rests, which is kind to it. Its
//! gradient panics where a latency is below the mean of those before, and a test keeps watch; so it runs under Vegas.

use std::{hint::black_box, thread, time::Duration};

use ::congestion_limiter::{
    limiter::{DefaultLimiter, Limiter, Outcome, Token},
    limits::{Fixed, Gradient, Vegas},
};

use super::patience;
use crate::{
    contest::{Contestant, Identity, Unfit},
    shedding::{Caller, Case, Slots},
};

const WHO: Identity = Identity { name: "congestion-limiter", version: env!("VERSION_CONGESTION_LIMITER") };

impl Slots for DefaultLimiter<Fixed> {
    type Caller<'a> = &'a Self;

    fn caller(&self) -> &Self {
        self
    }
}

impl Caller for &DefaultLimiter<Fixed> {
    type Held = Token;

    fn take(&mut self) -> Option<Token> {
        patience::wait(self.try_acquire().as_mut())
    }

    #[inline(always)]
    fn serve(&mut self) -> bool {
        let answer = patience::wait(black_box(*self).try_acquire().as_mut());
        black_box(&answer);
        answer.is_some()
    }
}

impl Slots for DefaultLimiter<Vegas> {
    type Caller<'a> = &'a Self;

    fn caller(&self) -> &Self {
        self
    }
}

impl Caller for &DefaultLimiter<Vegas> {
    type Held = Token;

    fn take(&mut self) -> Option<Token> {
        patience::wait(self.try_acquire().as_mut())
    }

    #[inline(always)]
    fn serve(&mut self) -> bool {
        let limiter = black_box(*self);
        let answer = patience::wait(limiter.try_acquire().as_mut());
        black_box(&answer);
        let released =
            answer.map(|token| patience::wait(limiter.release(token, Some(Outcome::Success)).as_mut()));
        released.is_some()
    }
}

/// A fixed capacity.
pub fn fixed(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |slots| DefaultLimiter::new(Fixed::new(slots as usize)))
}

/// A capacity that finds itself, between bounds that leave it no choice.
pub fn adaptive() -> Result<Contestant, Unfit> {
    Case::Admit.contestant(WHO, |slots| {
        let slots = slots as usize;
        DefaultLimiter::new(Vegas::new(slots, slots..=slots))
    })
}

/// Ten calls that take so long and one that is quick, under its gradient; `tests/peers.rs` shows what becomes of that.
pub fn a_quick_call_after_slow_ones(slow: Duration) {
    let limiter = DefaultLimiter::new(Gradient::new_with_initial_limit(10));
    for nth in 0..=10 {
        let token = patience::wait(limiter.try_acquire().as_mut()).expect("ten slots");
        thread::sleep(if nth < 10 { slow } else { slow / 20 });
        let _ = patience::wait(limiter.release(token, Some(Outcome::Success)).as_mut());
    }
}
