//! One contestant among those who limit concurrency: slots that threads share, taken and given back.

use std::{mem, sync::Arc};

use crate::contest::{Batch, Contestant, Identity, Unfit};

/// The slots of a trial, and of a row of refusals.
const FEW: u32 = 85;

/// The slots of a row of admissions: more than threads run at once.
const PLENTY: u32 = 8_500;

/// How many requests stand for "all of them".
const MANY: u32 = 1_000;

/// Slots that threads share.
pub trait Slots: Send + Sync + 'static {
    /// One thread's way in, made outside of what is timed.
    type Caller<'a>: Caller
    where
        Self: 'a;

    /// The way in for the calling thread.
    fn caller(&self) -> Self::Caller<'_>;
}

/// One thread's way in.
pub trait Caller {
    /// A slot that is taken until this is dropped.
    type Held;

    /// Takes a slot, if there is one.
    fn take(&mut self) -> Option<Self::Held>;

    /// Takes a slot and gives it back, as a user does whose work succeeded; whether there was one. This is timed: every
    /// implementation passes itself through `black_box`, so that nothing known of it at compile time helps, and all of the
    /// answer by reference, as a permit lies that is held during work.
    fn serve(&mut self) -> bool;
}

/// Which way every request of a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// There always is a slot.
    Admit,
    /// All are taken, and nobody gives one back.
    Shed,
}

impl Case {
    /// Puts what `make` makes of so many slots on trial, and gives the contestant.
    pub fn contestant<S: Slots>(self, who: Identity, make: impl Fn(u32) -> S) -> Result<Contestant, Unfit> {
        has_exactly_its_slots(&make(FEW)).map_err(|what| who.unfit(what))?;
        let slots = match self {
            Self::Admit => make(PLENTY),
            Self::Shed => {
                let slots = make(FEW);
                fill(&slots).into_iter().for_each(mem::forget);
                slots
            }
        };
        let admits = self == Self::Admit;
        always(&mut slots.caller(), admits, "before the first round").map_err(|what| who.unfit(what))?;
        Ok(timed(who, slots, admits))
    }
}

/// All slots there are, and one more if there should be.
fn fill<S: Slots>(slots: &S) -> Vec<<S::Caller<'_> as Caller>::Held> {
    let mut caller = slots.caller();
    (0..=FEW).map_while(|_| caller.take()).collect()
}

/// Takes in as many as it has slots, refuses everybody else, and takes in again once a slot is given back.
fn has_exactly_its_slots<S: Slots>(slots: &S) -> Result<(), String> {
    let mut caller = slots.caller();
    for moment in ["at first", "once all had been given back"] {
        let mut held = fill(slots);
        if held.len() != FEW as usize {
            return Err(format!("of {FEW} slots it gave {} {moment}", held.len()));
        }
        always(&mut caller, false, "with all slots taken")?;
        held.pop();
        always(&mut caller, true, "with one slot free")?;
    }
    always(&mut caller, true, "with all slots free")
}

fn always(caller: &mut impl Caller, admits: bool, moment: &str) -> Result<(), String> {
    match (0..MANY).filter(|_| caller.serve() != admits).count() {
        0 => Ok(()),
        others => Err(format!(
            "{others} of {MANY} requests {moment} were {}",
            if admits { "refused" } else { "admitted" }
        )),
    }
}

fn timed<S: Slots>(who: Identity, slots: S, admits: bool) -> Contestant {
    let slots = Arc::new(slots);
    let asked = Arc::clone(&slots);
    let batch: Batch = Arc::new(move |count| repeat(&mut asked.caller(), count));
    let afterwards = move || always(&mut slots.caller(), admits, "after the last round");
    Contestant::of(who, move || Arc::clone(&batch), afterwards)
}

/// What is timed, compiled once for each contestant with its request in the loop.
#[inline(never)]
fn repeat(caller: &mut impl Caller, count: u64) {
    for _ in 0..count {
        std::hint::black_box(caller.serve());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    /// Slots that are lost, or never taken.
    struct Broken {
        free: AtomicU32,
        takes: bool,
        returns: bool,
    }

    struct Slot<'a>(&'a Broken);

    impl Drop for Slot<'_> {
        fn drop(&mut self) {
            if self.0.takes && self.0.returns {
                self.0.free.fetch_add(1, Relaxed);
            }
        }
    }

    impl Slots for Broken {
        type Caller<'a> = &'a Self;

        fn caller(&self) -> &Self {
            self
        }
    }

    impl<'a> Caller for &'a Broken {
        type Held = Slot<'a>;

        fn take(&mut self) -> Option<Slot<'a>> {
            let free = self.free.load(Relaxed);
            self.free.store(free.checked_sub(u32::from(self.takes))?, Relaxed);
            Some(Slot(self))
        }

        fn serve(&mut self) -> bool {
            self.take().is_some()
        }
    }

    fn found(takes: bool, returns: bool, slots: u32) -> Result<(), String> {
        has_exactly_its_slots(&Broken { free: AtomicU32::new(slots), takes, returns })
    }

    #[test]
    fn whoever_loses_or_invents_a_slot_is_unfit() {
        assert_eq!(found(true, true, FEW), Ok(()));
        assert_eq!(found(true, true, FEW - 1), Err("of 85 slots it gave 84 at first".into()));
        assert_eq!(found(false, true, FEW), Err("of 85 slots it gave 86 at first".into()));
        let lost = "1000 of 1000 requests with one slot free were refused";
        assert_eq!(found(true, false, FEW), Err(lost.into()));
    }
}
