//! One contestant among the limiters: one quota that threads share, asked for a cell at a time.

use std::{hint::black_box, sync::Arc, time::Duration};

use crate::contest::{Batch, Contestant, Identity, Unfit};

/// How many checks stand for "all of them".
const MANY: u32 = 1_000;

/// A limiter that threads share.
pub trait Limiter: Send + Sync + 'static {
    /// Takes a cell, as a user of the crate does; whether there was one. Every implementation first passes itself
    /// through [`black_box`], so that nothing known of it at compile time helps.
    fn admits(&self) -> bool;
}

/// So many cells a period, so many of them at once.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Cells a period.
    pub rate: u32,
    /// The period.
    pub period: Duration,
    /// Cells at once.
    pub burst: u32,
}

impl Allowance {
    /// How long it takes from empty to full.
    #[must_use]
    pub fn lasts(self) -> Duration {
        self.period * self.burst / self.rate
    }
}

/// More than any machine takes: one a nanosecond.
const GENEROUS: Allowance =
    Allowance { rate: 1_000_000_000, period: Duration::from_secs(1), burst: 4_000_000_000 };

/// Gone after a thousand, and back long after any run.
const SCARCE: Allowance = Allowance { rate: 1, period: Duration::from_hours(1), burst: 1_000 };

/// Which way every check of a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// There always is a cell.
    Admit,
    /// There is none any more.
    Deny,
}

impl Case {
    /// Puts a limiter that `make` makes on trial, and gives the contestant.
    pub fn contestant<L: Limiter>(
        self,
        who: Identity,
        make: impl Fn(Allowance) -> L,
    ) -> Result<Contestant, Unfit> {
        let drained = make(SCARCE);
        drain(&drained).map_err(|what| who.unfit(what))?;
        let limiter = match self {
            Self::Deny => drained,
            Self::Admit => {
                let generous = make(GENEROUS);
                always_admits(&generous).map_err(|what| who.unfit(what))?;
                generous
            }
        };
        Ok(timed(who, limiter, self == Self::Admit))
    }
}

/// Admits exactly the burst, and then nothing.
fn drain<L: Limiter>(limiter: &L) -> Result<(), String> {
    for nth in 1..=SCARCE.burst {
        if !limiter.admits() {
            return Err(format!("of a burst of {} it denied cell {nth}", SCARCE.burst));
        }
    }
    match (0..MANY).filter(|_| limiter.admits()).count() {
        0 => Ok(()),
        late => Err(format!("after its burst of {} it admitted {late} of {MANY}", SCARCE.burst)),
    }
}

fn always_admits<L: Limiter>(limiter: &L) -> Result<(), String> {
    match (0..MANY).filter(|_| !limiter.admits()).count() {
        0 => Ok(()),
        denied => Err(format!("of {MANY} checks under a generous quota it denied {denied}")),
    }
}

fn timed<L: Limiter>(who: Identity, limiter: L, admits: bool) -> Contestant {
    let limiter = Arc::new(limiter);
    let asked = Arc::clone(&limiter);
    let batch: Batch = Arc::new(move |count| repeat(&*asked, count));
    let afterwards = move || {
        if limiter.admits() == admits {
            Ok(())
        } else {
            Err(format!("a check after the last round was not answered as those timed had to be: {admits}"))
        }
    };
    Contestant::of(who, move || Arc::clone(&batch), afterwards)
}

/// What is timed, compiled once for each contestant with its check in the loop.
#[inline(never)]
fn repeat<L: Limiter>(limiter: &L, count: u64) {
    for _ in 0..count {
        black_box(limiter.admits());
    }
}
