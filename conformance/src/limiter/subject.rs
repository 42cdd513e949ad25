//! The limiters that are put to the test, through their public methods.

use core::time::Duration;
use std::cell::RefCell;
use std::sync::Arc;

use fusebox::InvalidPolicy;
use fusebox::limiter::{
    Counters, Decision, Form, Gcra, Keyed, KeyedRateLimiter, Leased, Leases, Level, OneTier, Quota,
    RateLimiter, Refused, Reservation, Strict,
};
use fusebox::time::{Clock, Instant, ManualClock};

use super::quota;
use super::script::{Config, FormName, KeyedConfig};

/// A limiter under test. Where no instant is given, it reads its clock.
pub trait Subject {
    fn form(&self) -> &'static str;

    fn check(&self, key: &str, n: u32, now: Option<Instant>) -> Decision;

    fn reserve(&self, n: u32, longest: Duration, now: Option<Instant>) -> Result<Reservation, Refused>;

    fn look(&self, key: &str, now: Option<Instant>) -> Level;

    /// The cells it counted, if it counts.
    fn counted(&self) -> Option<u64>;

    /// The keys it evicted, if it has keys.
    fn evictions(&self) -> Option<u64>;
}

/// Makes a limiter on this clock.
pub type Make<'a> = Box<dyn Fn(Arc<ManualClock>) -> Result<Box<dyn Subject>, InvalidPolicy> + 'a>;

/// Every form that can say a config. (The adjustable one is not among them: its clock has a bit less.)
pub fn forms(config: &Config) -> Vec<Make<'_>> {
    let told = || quota(config.rate, config.period, config.burst);
    match config.form {
        FormName::Strict => vec![
            Box::new(move |clock| Ok(boxed(RateLimiter::new(told()?), clock))),
            Box::new(move |clock| {
                Ok(Box::new(Plain { quota: told()?, state: RefCell::default(), clock }) as Box<dyn Subject>)
            }),
        ],
        FormName::Leased => vec![Box::new(move |clock| {
            let leases =
                Leases::of(config.lease.unwrap_or_default()).shards(config.shards.unwrap_or_default());
            Ok(boxed(RateLimiter::leased(told()?, leases)?, clock))
        })],
    }
}

/// The one form with keys.
pub fn keyed(config: &KeyedConfig) -> Vec<Make<'_>> {
    vec![Box::new(move |clock| {
        let told = quota(config.rate, config.period, config.burst)?;
        let limiter = Keyed::of(told, config.capacity).seed(1).build::<str>()?.with_clock(clock).counted();
        Ok(Box::new(limiter) as Box<dyn Subject>)
    })]
}

fn boxed<F: Named + 'static>(limiter: RateLimiter<F>, clock: Arc<ManualClock>) -> Box<dyn Subject> {
    Box::new(limiter.with_clock(clock).counted())
}

/// A form with a name.
trait Named: Form {
    const NAME: &'static str;
}

impl Named for Strict {
    const NAME: &'static str = "the strict form";
}

impl Named for Leased {
    const NAME: &'static str = "the leased form";
}

impl<F: Named> Subject for RateLimiter<F, Arc<ManualClock>, (), Counters> {
    fn form(&self) -> &'static str {
        F::NAME
    }

    fn check(&self, _: &str, n: u32, now: Option<Instant>) -> Decision {
        match now {
            Some(now) => self.check_n_at(n, now),
            None if n == 1 => self.check(),
            None => self.check_n(n),
        }
    }

    fn reserve(&self, n: u32, longest: Duration, now: Option<Instant>) -> Result<Reservation, Refused> {
        match now {
            Some(now) => self.reserve_at(n, longest, now),
            None => self.reserve(n, longest),
        }
    }

    fn look(&self, _: &str, now: Option<Instant>) -> Level {
        now.map_or_else(|| self.peek(), |now| self.peek_at(now))
    }

    fn counted(&self) -> Option<u64> {
        Some(self.counts().cells)
    }

    fn evictions(&self) -> Option<u64> {
        None
    }
}

/// The state alone, and a clock beside it.
struct Plain {
    quota: Quota,
    state: RefCell<Gcra>,
    clock: Arc<ManualClock>,
}

impl Plain {
    fn now(&self, now: Option<Instant>) -> Instant {
        now.unwrap_or_else(|| self.clock.now())
    }
}

impl Subject for Plain {
    fn form(&self) -> &'static str {
        "the state alone"
    }

    fn check(&self, _: &str, n: u32, now: Option<Instant>) -> Decision {
        self.state.borrow_mut().check_at(&self.quota, n, self.now(now))
    }

    fn reserve(&self, n: u32, longest: Duration, now: Option<Instant>) -> Result<Reservation, Refused> {
        self.state.borrow_mut().reserve_at(&self.quota, n, longest, self.now(now))
    }

    fn look(&self, _: &str, now: Option<Instant>) -> Level {
        self.state.borrow().level_at(&self.quota, self.now(now))
    }

    fn counted(&self) -> Option<u64> {
        None
    }

    fn evictions(&self) -> Option<u64> {
        None
    }
}

impl Subject for KeyedRateLimiter<str, OneTier, Arc<ManualClock>, (), Counters> {
    fn form(&self) -> &'static str {
        "the keyed form"
    }

    fn check(&self, key: &str, n: u32, now: Option<Instant>) -> Decision {
        match now {
            Some(now) => self.check_n_at(key, n, now),
            None if n == 1 => self.check(key),
            None => self.check_n(key, n),
        }
    }

    fn reserve(&self, n: u32, longest: Duration, now: Option<Instant>) -> Result<Reservation, Refused> {
        unreachable!("no step reserves {n} cells of a key ({longest:?}, {now:?})")
    }

    fn look(&self, key: &str, now: Option<Instant>) -> Level {
        now.map_or_else(|| self.peek(key), |now| self.peek_at(key, now))
    }

    fn counted(&self) -> Option<u64> {
        Some(self.counts().cells)
    }

    fn evictions(&self) -> Option<u64> {
        Some(self.keyed_counts().evictions)
    }
}
