//! What must hold once all callers have ended: sums that add up, changes that were told once and in one line.

use core::time::Duration;
use std::collections::BTreeMap;

use fusebox::breaker::{Change, Counts, Plan, State, Why};

use crate::ledger::Ledger;
use crate::watcher::{Told, Watched};

/// A breaker after the storm.
#[derive(Debug)]
pub struct Aftermath {
    pub counts: Counts,
    /// All callers and the watcher, summed up.
    pub ledger: Ledger,
    pub told: Told,
    pub generation: u16,
}

impl Aftermath {
    pub fn of<P: Plan + 'static>(breaker: &Watched<P>, mut ledger: Ledger) -> Self {
        // Without a deadline of its own, so that a look is not ahead of what was told.
        breaker.reset();
        ledger.resets += 1;
        let told = breaker.observer().told();
        ledger += told.own;
        Self { counts: breaker.counts(), ledger, told, generation: breaker.look().generation }
    }

    /// Everything that holds of every storm.
    pub fn check(&self) -> &Self {
        self.counts_add_up();
        self.callers_agree();
        self.told_is_counted();
        self.changes_form_one_line();
        self
    }

    /// Every admission has one end, and those that were forgotten are in flight.
    fn counts_add_up(&self) {
        let counts = &self.counts;
        let ended = counts.succeeded
            + counts.failed()
            + counts.ignored
            + counts.cancelled
            + counts.late
            + counts.bypassed
            + counts.shadowed;
        assert_eq!(counts.admitted, ended + self.ledger.forgotten, "{self:#?}");
        assert_eq!(counts.in_flight(), self.ledger.forgotten, "{self:#?}");
    }

    /// What the callers saw is what the breaker counted: exactly where both must see the same, and at most as much
    /// where an outcome may have come too late, or in shadow.
    fn callers_agree(&self) {
        let (counts, ledger) = (&self.counts, &self.ledger);
        assert_eq!((counts.admitted, counts.rejected), (ledger.admitted, ledger.rejected), "{self:#?}");
        assert_eq!(ledger.executed, ledger.admitted, "what was admitted was not made: {self:#?}");
        assert_eq!(ledger.ended() + ledger.forgotten, ledger.admitted, "{self:#?}");
        assert_eq!(counts.late_stream_failures, ledger.late_stream_failures, "{self:#?}");
        assert!(counts.succeeded + counts.slow <= ledger.successes, "{self:#?}");
        assert!(counts.errors <= ledger.errors, "{self:#?}");
        assert!(counts.timeouts <= ledger.timeouts, "{self:#?}");
        assert!(counts.panics <= ledger.panics, "{self:#?}");
        assert!(counts.ignored <= ledger.ignored, "{self:#?}");
        assert!(counts.cancelled <= ledger.cancelled, "{self:#?}");
    }

    /// Every rejection, failure and panic of a hook was told once, and counted once.
    fn told_is_counted(&self) {
        let (counts, told) = (&self.counts, &self.told);
        assert_eq!((told.rejected, told.would_reject), (counts.rejected, counts.would_reject), "{self:#?}");
        assert_eq!(counts.shadowed, counts.would_reject, "each has one end: {self:#?}");
        assert_eq!(told.panicked, counts.hook_panics, "{self:#?}");
        let told_kinds = (told.slow, told.timeouts, told.panics);
        assert_eq!(told_kinds, (counts.slow, counts.timeouts, counts.panics), "{self:#?}");
        // Errors in the middle of a stream are told as the failures they are, unless nobody records any more.
        let beside = counts.errors..=counts.errors + counts.late_stream_failures;
        assert!(beside.contains(&told.errors), "{self:#?}");
    }

    /// Every generation began once, was told once, and goes on from the one before.
    fn changes_form_one_line(&self) {
        let changes = self.line();
        assert!(changes.len() < 1 << 16, "a generation came round: let the storm be shorter");
        let generations: Vec<_> = changes.iter().map(|change| usize::from(change.generation)).collect();
        let expected: Vec<_> = (1..=changes.len()).collect();
        assert_eq!(generations, expected, "each generation once");
        assert_eq!(usize::from(self.generation), changes.len(), "and the last one lives");
        let mut state = State::Closed;
        for change in &changes {
            assert_eq!(change.from, state, "{change:?} does not go on from there");
            assert!(may_be(change), "there is no such change: {change:?}");
            state = change.to;
        }
        let by_hand =
            [Why::ForcedOpen, Why::Disabled, Why::Reset, Why::Restored].map(|why| self.changed(why));
        let Ledger { force_opens, disables, resets, restores, .. } = self.ledger;
        assert_eq!(by_hand, [force_opens, disables, resets, restores], "by hand");
    }

    /// The changes, by generation.
    fn line(&self) -> Vec<Change> {
        let mut changes = self.told.changes.clone();
        changes.sort_by_key(|change| change.generation);
        changes
    }

    /// How many changes were told for this reason.
    pub fn changed(&self, why: Why) -> u64 {
        self.told.changes.iter().filter(|change| change.why == why).count() as u64
    }

    /// Nobody was let through before an opening was over, nor told that it was.
    pub fn every_opening_lasts(&self, least: Duration) -> &Self {
        for pair in self.line().windows(2) {
            if let [opened, Change { why: Why::OpenElapsed, at, .. }] = pair {
                let restored = opened.why == Why::Restored;
                assert!(restored || at.saturating_since(opened.at) >= least, "{pair:?}");
            }
        }
        self
    }

    /// Under a row: each opening has one failure that was one too many.
    pub fn one_failure_opens(&self) -> &Self {
        let mut due: BTreeMap<u16, i32> = BTreeMap::new();
        for change in &self.told.changes {
            if matches!(change.why, Why::Failures | Why::ProbeFailed | Why::RampFailed) {
                *due.entry(change.generation - 1).or_default() += 1;
            }
        }
        for generation in &self.told.decisive {
            *due.entry(*generation).or_default() -= 1;
        }
        due.retain(|_, difference| *difference != 0);
        assert!(due.is_empty(), "openings less decisive failures, by generation: {due:?}");
        self
    }

    /// All of this happened, so that something was checked.
    pub fn saw(&self, whys: &[Why]) {
        for why in whys {
            assert!(self.changed(*why) > 0, "no change for this reason, ever: {why}");
        }
        let Counts { admitted, rejected, late, .. } = self.counts;
        let changes = self.told.changes.len();
        println!("{admitted} admitted, {rejected} rejected, {late} late, {changes} changes of state");
    }
}

/// The drawing of the states.
#[expect(clippy::match_like_matches_macro, reason = "a row a transition reads as the drawing does")]
fn may_be(change: &Change) -> bool {
    use State::{Closed, Disabled, ForcedOpen, HalfOpen, Open, Recovering};
    match (change.why, change.from, change.to) {
        (Why::ForcedOpen, _, ForcedOpen) | (Why::Disabled, _, Disabled) | (Why::Reset, _, Closed) => true,
        (Why::Restored, ..) => true,
        (Why::Failures | Why::FailureRate | Why::SlowRate, Closed, Open) => true,
        (Why::OpenElapsed, Open, HalfOpen) => true,
        (Why::ProbeFailed | Why::HalfOpenTimeout, HalfOpen, Open) => true,
        (Why::ProbesSucceeded, HalfOpen, Closed | Recovering) => true,
        (Why::RampFailed, Recovering, Open) | (Why::RampDone, Recovering, Closed) => true,
        _ => false,
    }
}
