//! The window of a rate: exactly the last calls, or the calls younger than a duration.
//!
//! A breaker may keep a window of time in slices, so an outcome may leave it up to a tenth of the duration
//! early, never late. The model keeps every outcome and knows which must still count and which may; where
//! that makes a difference, it says so.

use std::collections::VecDeque;

use super::spec::{Billionths, ONE, Slow, Window};

/// One outcome: when it was recorded (a clock that stepped back may be taken at its word or to have stood
/// still).
#[derive(Clone, Copy, Debug)]
struct Outcome {
    said: i128,
    stood: i128,
    failed: bool,
    slow: bool,
}

/// The outcomes that may still count, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    kept: VecDeque<Outcome>,
    /// The latest instant that any was recorded at, of this window or of one before it.
    latest: i128,
}

/// Whether the rates open the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    Stays,
    /// By which rate it may open. Not surely, where it depends on outcomes that may have left already.
    Opens {
        by_failures: bool,
        by_slow_calls: bool,
        surely: bool,
    },
}

/// What one possible window says.
#[derive(Clone, Copy, Debug)]
struct Judged {
    by_failures: bool,
    by_slow_calls: bool,
}

/// What is judged, and by which limits.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub percent: Billionths,
    pub slow: Option<Slow>,
    pub window: Window,
    pub minimum: u32,
}

/// Sums over a run of outcomes.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    calls: u64,
    failures: u64,
    slow: u64,
}

impl Outcomes {
    pub fn clear(&mut self) {
        self.kept.clear();
    }

    /// Takes in an outcome and forgets what has surely left.
    pub fn push(&mut self, now: i128, failed: bool, slow: bool, window: Window) {
        let stood = now.max(self.latest);
        self.latest = stood;
        self.kept.push_back(Outcome { said: now, stood, failed, slow });
        match window {
            Window::Calls(calls) => {
                while self.kept.len() > calls as usize {
                    self.kept.pop_front();
                }
            }
            Window::Time(length) => self.kept.retain(|outcome| stood - outcome.stood < length),
        }
    }

    /// Judges both rates over what must be and what may be in the window.
    pub fn judge(&self, rates: Rates) -> Judgement {
        let judgements: Vec<_> = self.possible(rates.window).iter().map(|sums| sums.judge(rates)).collect();
        let opens = |judged: &Judged| judged.by_failures || judged.by_slow_calls;
        let stays = judgements.iter().any(|judged| !opens(judged));
        if !judgements.iter().any(opens) {
            return Judgement::Stays;
        }
        let by_failures = judgements.iter().any(|judged| judged.by_failures);
        let by_slow_calls = judgements.iter().any(|judged| judged.by_slow_calls);
        Judgement::Opens { by_failures, by_slow_calls, surely: !stays }
    }

    /// The least and the most failures that may be in the window.
    pub fn failures(&self, window: Window) -> (u64, u64) {
        let possible = self.possible(window);
        let failures = || possible.iter().map(|sums| sums.failures);
        (failures().min().unwrap_or(0), failures().max().unwrap_or(0))
    }

    /// Every window that there may be: the oldest outcomes leave first.
    fn possible(&self, window: Window) -> Vec<Sums> {
        let all: Vec<_> = self.kept.iter().copied().collect();
        let optional = match window {
            Window::Calls(_) => 0,
            Window::Time(length) => {
                let now = all.last().map_or(0, |last| last.stood);
                let slice = (length + 9) / 10;
                all.iter()
                    .take_while(|outcome| now - outcome.said >= length - slice)
                    .count()
                    .min(all.len() - 1)
            }
        };
        (0..=optional).map(|first| Sums::of(&all[first..])).collect()
    }

    /// The ages at which outcomes leave, as instants.
    pub fn departures(&self, window: Window) -> Vec<i128> {
        match window {
            Window::Calls(_) => Vec::new(),
            Window::Time(length) => self.kept.iter().map(|outcome| outcome.stood + length).collect(),
        }
    }

    /// As seen by a clock that is `by` ahead, and shows `now`. What is told of a slice in a snapshot is its
    /// age, so a restore may make an outcome older by another slice, of which there are twenty at least.
    pub fn shift(&mut self, by: i128, now: i128, window: Option<Window>) {
        self.latest = now;
        let slice = match window {
            Some(Window::Time(length)) => (length + 19) / 20,
            _ => 0,
        };
        for outcome in &mut self.kept {
            outcome.said += by - slice;
            outcome.stood += by;
        }
    }
}

impl Sums {
    fn of(outcomes: &[Outcome]) -> Self {
        let mut sums = Self::default();
        for outcome in outcomes {
            sums.calls += 1;
            sums.failures += u64::from(outcome.failed);
            sums.slow += u64::from(outcome.slow);
        }
        sums
    }

    fn judge(self, rates: Rates) -> Judged {
        let enough = self.calls >= u64::from(rates.minimum);
        let by_failures = enough && self.reaches(self.failures, rates.percent);
        let by_slow_calls = match rates.slow {
            Some(Slow::Percent { percent, .. }) => enough && self.reaches(self.slow, percent),
            _ => false,
        };
        Judged { by_failures, by_slow_calls }
    }

    /// `part * 100 >= percent * calls`, in whole numbers.
    fn reaches(self, part: u64, percent: Billionths) -> bool {
        u128::from(part) * 100 * u128::from(ONE) >= u128::from(percent) * u128::from(self.calls)
    }
}
