//! What holds of every script, once all of it has ended.

use core::time::Duration;

use fusebox::breaker::State;
use fusebox::time::ManualClock;

use super::layers::{Parts, Purse};
use super::play::{Attempts, Ended, Played, Seat, World, play};
use super::script::{Script, Way};

impl Script {
    pub fn check(&self) {
        // At the origin itself, a follower's deadline is a nanosecond late: zero is not an instant there.
        let clock = ManualClock::new();
        clock.advance(Duration::from_secs(1));
        let parts = Parts::of(&self.layers, &clock);
        let world = World { clock: &clock, attempts: Attempts::default(), wrong: Default::default() };
        let seats: Vec<_> = self.asks().iter().map(Seat::of).collect();
        let guard = parts.guard(&self.layers, &clock);
        let played = play(self, &seats, &world, &guard, &parts);
        assert_eq!(world.wrong.borrow().as_slice(), &[] as &[String]);
        self.calls_add_up(&played);
        self.outside_adds_up(&parts, &played);
        inside_adds_up(&parts, &played, &world.attempts);
        tokens_add_up(&parts.purse, &played, parts.breaker.is_none());
    }

    fn calls_add_up(&self, Played { counts, ended }: &Played) {
        let of = |kind| ended.iter().filter(|ended| **ended == kind).count() as u64;
        assert_eq!((counts.calls, counts.in_flight()), (self.asks().len() as u64, 0), "{counts:?}");
        assert_eq!(counts.ended(), counts.calls, "{counts:?}");
        let told = [
            (counts.succeeded, Ended::Live),
            (counts.cached, Ended::Cached),
            (counts.defaulted, Ended::Defaulted),
            (counts.shed, Ended::Shed),
            (counts.limited, Ended::Limited),
            (counts.rejected, Ended::Rejected),
            (counts.timed_out, Ended::TimedOut),
            (counts.failed, Ended::Failed),
            (counts.shared, Ended::Shared),
            (counts.cancelled, Ended::Cancelled),
        ];
        for (count, kind) in told {
            assert_eq!(count, of(kind), "{kind:?}: {counts:?}");
        }
    }

    /// Slots, cells and flights.
    fn outside_adds_up(&self, parts: &Parts<'_>, Played { counts, .. }: &Played) {
        assert_eq!(parts.cache.in_flight(), 0);
        let backed = self.asks().iter().filter(|ask| matches!(ask.way, Way::Backed(_))).count();
        assert_eq!(parts.cache.counts().asked(), backed as u64, "{:?}", parts.cache.counts());
        let Some(shedder) = &parts.shedder else { return };
        let slots = shedder.counts();
        assert_eq!((shedder.look().depth, slots.in_flight()), (0, 0), "{slots:?}");
        // Who was refused may have been served otherwise, and is then counted so.
        assert!(counts.shed <= slots.shed.iter().sum());
        if let Some(limiter) = &parts.limiter {
            let cells = limiter.counts();
            assert_eq!(cells.admitted + cells.denied, slots.admitted_in_all(), "{cells:?} {slots:?}");
        }
    }
}

/// Attempts, as the breaker saw them.
fn inside_adds_up(parts: &Parts<'_>, Played { counts, .. }: &Played, attempts: &Attempts) {
    let begun = attempts.begun.get();
    let [good, bad, panicked, dropped] =
        [&attempts.good, &attempts.bad, &attempts.panicked, &attempts.dropped].map(core::cell::Cell::get);
    assert_eq!((counts.attempts, good + bad + panicked + dropped), (begun, begun), "{attempts:?}");
    let Some(breaker) = &parts.breaker else { return };
    let seen = breaker.counts();
    assert_eq!((seen.admitted, seen.in_flight()), (begun, 0), "{seen:?}");
    assert!(seen.succeeded <= good && seen.errors <= bad && seen.panics <= panicked, "{seen:?} {attempts:?}");
    assert!(seen.timeouts + seen.cancelled <= dropped && seen.slow + seen.ignored == 0, "{seen:?}");
    if seen.late == 0 {
        assert_eq!([seen.succeeded, seen.errors, seen.panics], [good, bad, panicked], "{seen:?}");
        assert_eq!(seen.timeouts + seen.cancelled, dropped, "{seen:?} {attempts:?}");
    }
    // Nobody is under way: a probe that was dropped has given its place back.
    if breaker.look().state == State::HalfOpen {
        assert!(breaker.acquire().is_ok());
    }
}

/// Each first call deposits, each retry that is not a wait for the breaker takes one, and nothing else moves the balance.
fn tokens_add_up(purse: &Purse<'_>, Played { counts, .. }: &Played, all_take_one: bool) {
    let Some(budget) = &purse.budget else { return };
    let grants = u64::from(purse.grants.get());
    assert!(grants <= counts.retries && (grants == counts.retries || !all_take_one), "{grants} {counts:?}");
    let tenths = purse.ratio * u64::from(purse.deposits.get()) + 10 * purse.initial
        - 10 * u64::from(purse.grants.get());
    let balance = budget.look().balance * 10.0;
    assert!((balance - tenths as f64).abs() < 1e-6, "{balance} tenths of a token, not {tenths}");
}
