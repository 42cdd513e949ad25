//! The limiters that are put to the test, behind one face.

use core::time::Duration;

use fusebox::limiter::{
    Adjustable, Decision, Gcra, Keyed, KeyedRateLimiter, Level, Quota, RateLimiter, Refused, Reservation,
};
use fusebox::time::Instant;

use super::model::{Fineness, Spec};

pub trait Subject {
    fn check(&mut self, n: u32, now: u64) -> Decision;
    fn level(&self, now: u64) -> Level;
}

/// What can be reserved of, and given back to.
pub trait Reserving: Subject {
    fn reserve(&mut self, n: u32, longest: Duration, now: u64) -> Result<Reservation, Refused>;
    fn refund(&mut self, reservation: Reservation, now: u64) -> u32;
}

pub fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

macro_rules! limiters {
    ($($form:ty),*) => { $(
        impl Subject for $form {
            fn check(&mut self, n: u32, now: u64) -> Decision {
                self.check_n_at(n, at(now))
            }

            fn level(&self, now: u64) -> Level {
                self.peek_at(at(now))
            }
        }

        impl Reserving for $form {
            fn reserve(&mut self, n: u32, longest: Duration, now: u64) -> Result<Reservation, Refused> {
                self.reserve_at(n, longest, at(now))
            }

            fn refund(&mut self, reservation: Reservation, now: u64) -> u32 {
                self.refund_at(reservation, at(now))
            }
        }
    )* };
}

limiters!(RateLimiter, RateLimiter<Adjustable>);

/// The state alone, with its quota.
pub struct State(pub Quota, pub Gcra);

impl Subject for State {
    fn check(&mut self, n: u32, now: u64) -> Decision {
        self.1.check_at(&self.0, n, at(now))
    }

    fn level(&self, now: u64) -> Level {
        self.1.level_at(&self.0, at(now))
    }
}

impl Reserving for State {
    fn reserve(&mut self, n: u32, longest: Duration, now: u64) -> Result<Reservation, Refused> {
        self.1.reserve_at(&self.0, n, longest, at(now))
    }

    fn refund(&mut self, reservation: Reservation, now: u64) -> u32 {
        self.1.refund_at(reservation, at(now))
    }
}

/// One key of many.
pub struct Key(pub KeyedRateLimiter<u64>, pub u64);

impl Subject for Key {
    fn check(&mut self, n: u32, now: u64) -> Decision {
        self.0.check_n_at(&self.1, n, at(now))
    }

    fn level(&self, now: u64) -> Level {
        self.0.peek_at(&self.1, at(now))
    }
}

/// The forms whose whole state is one word of one quota.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    Strict,
    Adjustable,
    State,
}

pub const FORMS: [Form; 3] = [Form::Strict, Form::Adjustable, Form::State];

impl Form {
    pub fn make(self, spec: &Spec) -> Box<dyn Reserving> {
        match self {
            Self::Strict => Box::new(RateLimiter::new(spec.quota())),
            // What its word does not hold it refuses, with a reason; then there is nothing to compare.
            Self::Adjustable => match RateLimiter::adjustable(spec.quota()) {
                Ok(limiter) => Box::new(limiter),
                Err(_) => Box::new(RateLimiter::new(spec.quota())),
            },
            Self::State => Box::new(State(spec.quota(), Gcra::default())),
        }
    }

    pub fn fineness(self, spec: &Spec) -> Fineness {
        match self {
            Self::Strict | Self::State => Fineness::of_a_word(spec),
            Self::Adjustable => Fineness::of_a_bit_less(spec),
        }
    }
}

/// A keyed limiter, where the burst fits a key's clock.
pub fn keyed(spec: &Spec, capacity: usize) -> Option<KeyedRateLimiter<u64>> {
    Keyed::of(spec.quota(), capacity).seed(7).build().ok()
}
