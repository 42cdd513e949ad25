//! How a call is let through, or refused.

use crate::breaker::CircuitBreaker;
use crate::breaker::counts::{Counting, Kind};
use crate::breaker::event::Event;
use crate::breaker::outcome::{Rejected, UNCOUNTED};
use crate::breaker::permit::{Grant, Pass, Unwinding};
use crate::breaker::plan::Plan;
use crate::breaker::refusal::Refusal;
use crate::breaker::rules::{self, Admission};
use crate::breaker::word::{self, Generation, Mode, View};
use crate::observe::Observer;
use crate::time::{Instant, TimeSource};

impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// Lets a call through, or not; while closed, without asking the time.
    #[inline(always)]
    pub(super) fn admit(&self, unwinding: Unwinding, at: Option<Instant>) -> Result<Pass, Rejected> {
        let word = self.word.load();
        let generation = word::generation(word);
        if word::is_closed(word) {
            self.counters.add(Kind::Admitted);
            return Ok(Pass::new(generation, Grant::Normal, unwinding, self.started(at)));
        }
        let now = self.instant(at);
        match word::plainly_open(word)
            .and_then(|generation| self.refuse_while_open(generation, now.as_nanos()))
        {
            Some(refusal) => Err(self.reject(refusal)),
            None => self.admit_by_rule(unwinding, now),
        }
    }

    /// The other frequent answer, without the loop: open, not in shadow, and not over yet.
    #[inline(always)]
    pub(super) fn refuse_while_open(&self, generation: Generation, now: u64) -> Option<Refusal> {
        let (ends, opened) = self.instants.of_open(generation)?;
        (now < ends.within_clock()?).then(|| Refusal::while_open(now, ends, opened))
    }

    /// When the call began, if its latency will matter.
    #[inline]
    fn started(&self, at: Option<Instant>) -> Option<Instant> {
        self.policy.base().slow_nanos().and_then(|_| at.or_else(|| self.clock.time()))
    }

    #[inline(never)]
    pub(super) fn admit_by_rule(&self, unwinding: Unwinding, now: Instant) -> Result<Pass, Rejected> {
        loop {
            let (before, admission) = self.word.apply(|view: View| {
                let known = self.instants.known(view.generation);
                let (next, admission) = rules::admit(view, now.as_nanos(), known, &self.policy);
                (next, (next, admission))
            });
            let grant = match admission {
                Admission::Permitted(turn) => {
                    if let Some(turn) = turn {
                        self.turned(turn);
                    }
                    if matches!(before.mode, Mode::HalfOpen { .. }) { Grant::Probe } else { Grant::Normal }
                }
                Admission::Bypassed => Grant::Bypass,
                Admission::Refused(refusal) if before.shadow => {
                    self.would_reject(refusal);
                    Grant::Shadow
                }
                Admission::Refused(refusal) => return Err(self.reject(refusal)),
                // Due since a while: a state that lasts follows within two more rounds.
                Admission::Turned(turn) => {
                    self.turned(turn);
                    continue;
                }
            };
            self.counters.add(Kind::Admitted);
            let started = self.policy.base().slow_nanos().map(|_| now);
            return Ok(Pass::new(before.generation, grant, unwinding, started));
        }
    }

    #[inline(always)]
    pub(super) fn reject(&self, refusal: Refusal) -> Rejected {
        let rejected = Self::facts(refusal, self.counters.reject(Kind::Rejected));
        self.tell(|| Event::Rejected(rejected));
        rejected
    }

    #[cold]
    fn would_reject(&self, refusal: Refusal) {
        let rejected = Self::facts(refusal, self.counters.reject(Kind::WouldReject));
        self.tell(|| Event::WouldReject(rejected));
    }

    #[inline(always)]
    fn facts(refusal: Refusal, rejections: Option<u64>) -> Rejected {
        Rejected { refusal, rejections: rejections.unwrap_or(UNCOUNTED) }
    }
}
