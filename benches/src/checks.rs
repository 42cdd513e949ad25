//! What a contestant must do before it is timed: admit, trip at the right failure, reject without running the work.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::contest::{Answer, Caller, Failed, Outcome, Subject};

/// How many calls stand for "all of them".
const MANY: u64 = 1_000;

/// A breaker under trial, with a count of how often the work really ran.
pub struct Trial<C> {
    caller: C,
    ran: Arc<AtomicU64>,
}

impl<C: Caller> Trial<C> {
    /// Puts one thread's way into a breaker on trial.
    pub fn of(caller: C) -> Self {
        Self { caller, ran: Arc::default() }
    }

    /// Makes `count` calls whose work would give `outcome`: each must be answered with `expected`, and the work must
    /// run exactly when it was admitted.
    pub fn expect(
        &mut self,
        count: u64,
        outcome: Outcome,
        expected: Answer,
        moment: &str,
    ) -> Result<(), String> {
        for nth in 1..=count {
            let (found, ran) = self.call(outcome);
            if found != expected {
                return Err(format!("call {nth} of {count} {moment} was {found:?}, not {expected:?}"));
            }
            let due = u64::from(expected != Answer::Rejected);
            if ran != due {
                return Err(format!("call {nth} of {count} {moment} ran the work {ran} times, not {due}"));
            }
        }
        Ok(())
    }

    /// One call: what was answered, and how often the work ran.
    pub fn call(&mut self, outcome: Outcome) -> (Answer, u64) {
        let before = self.ran.load(Relaxed);
        let ran = Arc::clone(&self.ran);
        let reply = self.caller.call(move || {
            ran.fetch_add(1, Relaxed);
            outcome
        });
        (C::read(&reply), self.ran.load(Relaxed) - before)
    }
}

/// Opens after exactly `threshold` failures in a row, and a success starts the row anew.
pub fn consecutive<S: Subject>(subject: &S, threshold: u64) -> Result<(), String> {
    let mut trial = Trial::of(subject.caller());
    trial.expect(MANY, Ok(1), Answer::Served, "while it is closed")?;
    trial.expect(threshold - 1, Err(Failed), Answer::Failed, "one failure short of its threshold")?;
    trial.expect(1, Ok(1), Answer::Served, "that ends a row of failures")?;
    trial.expect(threshold, Err(Failed), Answer::Failed, "up to its threshold")?;
    trial.expect(MANY, Ok(1), Answer::Rejected, "after failures up to its threshold")
}

/// Opens when exactly half of the last 100 calls failed; failures older than that are forgotten.
pub fn window_of_100_at_half<S: Subject>(subject: &S) -> Result<(), String> {
    let mut trial = Trial::of(subject.caller());
    trial.expect(MANY, Ok(1), Answer::Served, "while it is closed")?;
    trial.expect(49, Err(Failed), Answer::Failed, "with 49 failures in the last 100 calls")?;
    trial.expect(51, Ok(1), Answer::Served, "with 49 failures in the last 100 calls")?;
    trial.expect(49, Err(Failed), Answer::Failed, "with new failures in the place of old ones")?;
    trial.expect(1, Err(Failed), Answer::Failed, "that makes 50 failures of the last 100 calls")?;
    trial.expect(MANY, Ok(1), Answer::Rejected, "with 50 failures in the last 100 calls")
}

/// Opens when half of the calls of the time window failed, and not before there are ten.
pub fn time_window_at_half<S: Subject>(make: impl Fn() -> S) -> Result<(), String> {
    let subject = make();
    let mut trial = Trial::of(subject.caller());
    trial.expect(20, Ok(1), Answer::Served, "while it is closed")?;
    trial.expect(20, Err(Failed), Answer::Failed, "up to 20 failures in 40 calls")?;
    trial.expect(MANY, Ok(1), Answer::Rejected, "with 20 failures in 40 calls")?;

    let subject = make();
    let mut trial = Trial::of(subject.caller());
    trial.expect(10, Err(Failed), Answer::Failed, "up to the minimum of ten calls")?;
    trial.expect(MANY, Ok(1), Answer::Rejected, "after ten failures in ten calls")
}

/// Makes so many attempts of a call that fails, and one of a call that succeeds.
pub fn retried<S: Subject>(subject: &S, attempts: u64) -> Result<(), String> {
    let mut trial = Trial::of(subject.caller());
    trial.expect(MANY, Ok(1), Answer::Served, "that succeeds at first")?;
    for _ in 0..10 {
        let (found, ran) = trial.call(Err(Failed));
        if (found, ran) != (Answer::Failed, attempts) {
            return Err(format!("a call that fails was {found:?} after {ran} attempts, not {attempts}"));
        }
    }
    trial.expect(MANY, Ok(1), Answer::Served, "after calls that failed")
}

/// Makes so many attempts of a call that fails, and has a breaker that a success keeps closed, and failures alone open: whether it counts
/// attempts or calls.
pub fn retried_and_broken<S: Subject>(subject: &S, attempts: u64, threshold: u64) -> Result<(), String> {
    let mut trial = Trial::of(subject.caller());
    trial.expect(MANY, Ok(1), Answer::Served, "while it is closed")?;
    for _ in 0..threshold {
        let (found, ran) = trial.call(Err(Failed));
        if (found, ran) != (Answer::Failed, attempts) {
            return Err(format!("a call that fails was {found:?} after {ran} attempts, not {attempts}"));
        }
        trial.expect(1, Ok(1), Answer::Served, "that ends a row of failures")?;
    }
    let opens = (0..=threshold).any(|_| trial.call(Err(Failed)).0 == Answer::Rejected);
    if !opens {
        return Err(format!("{} calls that failed in a row did not open it", threshold + 1));
    }
    trial.expect(MANY, Ok(1), Answer::Rejected, "while it is open")
}

/// Gave up a call that never ends.
pub fn cut_off(gave_up: bool) -> Result<(), String> {
    if gave_up { Ok(()) } else { Err("a call that never ends ended otherwise than by its limit".into()) }
}

/// Fails calls until one is rejected, then wants every later one rejected.
pub fn opened<S: Subject>(subject: S) -> Result<S, String> {
    let mut trial = Trial::of(subject.caller());
    let opens = (0..MANY).any(|_| trial.call(Err(Failed)).0 == Answer::Rejected);
    if !opens {
        return Err(format!("{MANY} failures in a row did not open it"));
    }
    trial.expect(MANY, Ok(1), Answer::Rejected, "while it is open")?;
    drop(trial);
    Ok(subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes so many attempts, and has no breaker.
    struct Retries(u32);

    impl Subject for Retries {
        type Caller<'a> = &'a Retries;

        fn caller(&self) -> &Retries {
            self
        }
    }

    impl Caller for &Retries {
        type Reply = Outcome;

        fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Outcome {
            (1..self.0).fold(work(), |outcome, _| outcome.or_else(|_| work()))
        }

        fn read(reply: &Outcome) -> Answer {
            if reply.is_ok() { Answer::Served } else { Answer::Failed }
        }
    }

    #[test]
    fn who_does_not_retry_or_has_no_breaker_is_unfit() {
        let found = retried_and_broken(&Retries(1), 3, 5);
        assert_eq!(found, Err("a call that fails was Failed after 1 attempts, not 3".into()));
        let found = retried_and_broken(&Retries(3), 3, 5);
        assert_eq!(found, Err("6 calls that failed in a row did not open it".into()));
        assert!(cut_off(false).is_err());
    }
}
