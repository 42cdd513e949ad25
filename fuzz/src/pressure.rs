//! Any capacity and any script of requests: the shedder admits exactly what a plain count of its slots admits, refuses with
//! the facts, keeps count of all of it, and tells of it.

use std::sync::{Arc, Mutex};

use arbitrary::{Arbitrary, Result, Unstructured};
use fusebox::observe::Observer;
use fusebox::pressure::{
    Capacity, Counters, Event, Fixed, LoadShedder, Outcome, OwnedPermit, Permit, Priority, Refused, Why,
};
use fusebox::time::{Instant, ManualClock};

use crate::slots::{Due, Model, ONE};

/// A capacity, and what is asked of it.
#[derive(Debug)]
pub struct Script {
    slots: u32,
    /// In billionths, as the capacity is to hold them.
    shares: [u32; 5],
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// By a priority's place.
    Admit(usize, Way),
    Call(usize, bool),
    /// Of the permits that are out, the `n`th or the last.
    End(usize, How),
    SetCapacity(u32),
    SetShadow(bool),
    Close,
    Look,
}

/// Which of the methods asks.
#[derive(Clone, Copy, Debug)]
enum Way {
    Borrowed,
    BorrowedAt(u64),
    Owned,
    OwnedAt(u64),
}

#[derive(Clone, Copy, Debug)]
enum How {
    Dropped,
    Recorded(Outcome),
    RecordedAt(Outcome, u64),
}

/// The most slots there can be.
const MOST: u32 = 16_777_215;

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (slots, shares) = (slots(u)?, shares(u)?);
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < 256 {
            steps.push(step(u)?);
        }
        Ok(Self { slots, shares, steps })
    }
}

/// Mostly as few as a script can fill; now and then out of range.
fn slots(u: &mut Unstructured<'_>) -> Result<u32> {
    Ok(match u.int_in_range(0..=15_u8)? {
        0..=9 => u.int_in_range(1..=12)?,
        10..=12 => u.int_in_range(1..=120)?,
        13 => u.int_in_range(1..=MOST)?,
        14 => *u.choose(&[0, 1, MOST - 1, MOST, MOST + 1, u32::MAX])?,
        _ => u.arbitrary()?,
    })
}

/// Mostly such as a capacity takes.
fn shares(u: &mut Unstructured<'_>) -> Result<[u32; 5]> {
    let mut shares = [0; 5];
    for share in &mut shares {
        *share = match u.int_in_range(0..=3_u8)? {
            0 => u32::from(u.int_in_range(1..=20_u8)?) * (ONE / 20),
            1 => ONE / u32::from(u.int_in_range(1..=12_u8)?),
            2 => *u.choose(&[1, ONE / 2, ONE - 1, ONE])?,
            _ => u.int_in_range(1..=ONE)?,
        };
    }
    if u.ratio(15, 16_u8)? {
        shares.sort_unstable();
        shares[4] = ONE;
    } else if u.arbitrary()? {
        shares[u.choose_index(5)?] = *u.choose(&[0, ONE + 1])?;
    }
    Ok(shares)
}

fn step(u: &mut Unstructured<'_>) -> Result<Step> {
    Ok(match u.int_in_range(0..=63_u8)? {
        0..=27 => Step::Admit(u.choose_index(5)?, way(u)?),
        28..=31 => Step::Call(u.choose_index(5)?, u.arbitrary()?),
        32..=51 => Step::End(u.arbitrary::<u8>()?.into(), how(u)?),
        52..=56 => Step::SetCapacity(slots(u)?),
        57..=60 => Step::SetShadow(u.arbitrary()?),
        61 | 62 => Step::Look,
        _ => Step::Close,
    })
}

fn way(u: &mut Unstructured<'_>) -> Result<Way> {
    Ok(match u.int_in_range(0..=3_u8)? {
        0 => Way::Borrowed,
        1 => Way::BorrowedAt(u.arbitrary()?),
        2 => Way::Owned,
        _ => Way::OwnedAt(u.arbitrary()?),
    })
}

fn how(u: &mut Unstructured<'_>) -> Result<How> {
    let outcome = *u.choose(&[Outcome::Success, Outcome::Overload, Outcome::Ignored])?;
    Ok(match u.int_in_range(0..=2_u8)? {
        0 => How::Dropped,
        1 => How::Recorded(outcome),
        _ => How::RecordedAt(outcome, u.arbitrary()?),
    })
}

type Shedder = LoadShedder<Fixed, ManualClock, Log, Counters>;

/// What was told since somebody looked.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Event>>);

impl Observer<Event> for Log {
    fn notice(&self, event: &Event) {
        self.0.lock().expect("one thread").push(*event);
    }
}

/// A permit that is out.
enum Held<'a> {
    Borrowed(Permit<&'a Shedder>),
    Owned(OwnedPermit<Fixed, ManualClock, Log, Counters>),
}

/// The permit, whoever holds it.
macro_rules! of_either {
    ($held:expr, $permit:ident => $what:expr) => {
        match $held {
            Held::Borrowed($permit) => $what,
            Held::Owned($permit) => $what,
        }
    };
}

impl Script {
    pub fn check(&self) {
        let told =
            Capacity::of(self.slots).thresholds(self.shares.map(|share| f64::from(share) / f64::from(ONE)));
        let capacity = match (told.build(), self.fault()) {
            (Ok(capacity), None) => capacity,
            (Err(invalid), Some(field)) => return assert_eq!(invalid.field(), field, "{self:?}"),
            (built, fault) => panic!("{built:?} where {fault:?} is at fault: {self:?}"),
        };
        let shedder = LoadShedder::with_parts(capacity, ManualClock::new(), Log::default(), Counters::new());
        let shedder = Arc::new(shedder);
        let mut run = Run {
            shedder: &shedder,
            model: Model::fresh(self.shares, self.slots),
            held: Vec::new(),
            lowered: false,
        };
        run.compare();
        for step in &self.steps {
            run.step(*step);
            run.compare();
        }
        run.finish();
    }

    /// The setting that no capacity takes, if there is one.
    fn fault(&self) -> Option<&'static str> {
        let ascending = self.shares.windows(2).all(|pair| pair[0] <= pair[1]);
        if self.slots == 0 || self.slots > MOST {
            Some("capacity")
        } else if self.shares[0] == 0 || self.shares[4] != ONE || !ascending {
            Some("thresholds")
        } else {
            None
        }
    }
}

/// One shedder beside its model.
struct Run<'a> {
    shedder: &'a Arc<Shedder>,
    model: Model,
    held: Vec<Held<'a>>,
    /// Whether the capacity was ever lowered: only then may more slots be taken than there are.
    lowered: bool,
}

impl Run<'_> {
    fn step(&mut self, step: Step) {
        match step {
            Step::Admit(priority, way) => self.admit(priority, way),
            Step::Call(priority, good) => self.call(priority, good),
            Step::End(nth, how) => self.end(nth, how),
            Step::SetCapacity(slots) => self.set_capacity(slots),
            Step::SetShadow(on) => {
                self.shedder.set_shadow(on);
                self.model.shadow = on;
            }
            Step::Close => self.close(),
            Step::Look => assert!(!format!("{:?}", self.shedder).is_empty()),
        }
        assert!(self.told().is_empty(), "told of more than what happened: {step:?}");
    }

    fn admit(&mut self, priority: usize, way: Way) {
        let asked = Priority::ALL[priority];
        let shedder = self.shedder;
        let answer = match way {
            Way::Borrowed => shedder.admit(asked).map(Held::Borrowed),
            Way::BorrowedAt(at) => shedder.admit_at(asked, Instant::from_nanos(at)).map(Held::Borrowed),
            Way::Owned => shedder.admit_owned(asked).map(Held::Owned),
            Way::OwnedAt(at) => shedder.admit_owned_at(asked, Instant::from_nanos(at)).map(Held::Owned),
        };
        let shadow = self.model.shadow;
        let due = self.model.ask(priority);
        match answer {
            Ok(held) => {
                let shadowed = of_either!(&held, permit => {
                    assert_eq!(permit.priority(), asked);
                    permit.is_shadowed()
                });
                assert_eq!(shadowed, !matches!(due, Due::Slot), "{due:?} beside {:?}", self.model);
                assert!(shadow || !shadowed, "let through beyond {:?}", self.model);
                let told = self.told();
                match (shadowed, told.as_slice()) {
                    (false, []) => {}
                    (true, [Event::WouldRefuse(refused)]) => self.facts(*refused, due, asked),
                    _ => panic!("told {told:?} of an admission"),
                }
                self.held.push(held);
            }
            Err(refused) => {
                assert!(!shadow || refused.is_closed(), "{refused:?} in shadow");
                assert_eq!(self.told(), [Event::Refused(refused)]);
                self.facts(refused, due, asked);
            }
        }
    }

    /// A refusal says what the model says.
    fn facts(&self, refused: Refused, due: Due, asked: Priority) {
        let depth = self.model.depth;
        assert_eq!(refused.priority(), asked);
        match (refused, due) {
            (Refused::Shed(shed), Due::Shed { limit }) => {
                assert_eq!((shed.depth, shed.limit), (depth, limit));
                assert!(depth >= limit, "shed below its limit: {shed:?}");
            }
            (Refused::Closed(closed), Due::Closed) => assert_eq!(closed.depth, depth),
            _ => panic!("{refused:?} where {due:?} was due: {:?}", self.model),
        }
        assert!(!refused.to_string().is_empty());
    }

    fn call(&mut self, priority: usize, good: bool) {
        let shadow = self.model.shadow;
        let due = self.model.ask(priority);
        let depth = self.model.depth;
        let mut ran = false;
        let answer = self.shedder.call(Priority::ALL[priority], || {
            ran = true;
            assert_eq!(self.shedder.look().depth, depth, "inside of a call");
            if good { Ok(()) } else { Err(()) }
        });
        assert_eq!(answer.is_ok(), ran);
        let runs = match due {
            Due::Slot => true,
            Due::Shed { .. } => shadow,
            Due::Closed => false,
        };
        assert_eq!(ran, runs, "{due:?} beside {:?}", self.model);
        if matches!(due, Due::Slot) {
            self.model.end(if good { Outcome::Success } else { Outcome::Ignored });
            assert_eq!(self.told(), []);
        } else {
            assert_eq!(self.told().len(), 1, "a refusal is told once");
        }
    }

    fn end(&mut self, nth: usize, how: How) {
        let Some(last) = self.held.len().checked_sub(1) else { return };
        let held = self.held.swap_remove(nth.min(last));
        let shadowed = of_either!(&held, permit => permit.is_shadowed());
        let outcome = match how {
            How::Dropped => Outcome::Ignored,
            How::Recorded(outcome) | How::RecordedAt(outcome, _) => outcome,
        };
        of_either!(held, permit => match how {
            How::Dropped => drop(permit),
            How::Recorded(Outcome::Success) => permit.success(),
            How::Recorded(Outcome::Overload) => permit.overload(),
            How::Recorded(outcome) => permit.record(outcome),
            How::RecordedAt(outcome, at) => permit.record_at(outcome, Instant::from_nanos(at)),
        });
        if !shadowed {
            self.model.end(outcome);
        }
    }

    fn set_capacity(&mut self, slots: u32) {
        let from = self.model.capacity;
        let set = self.shedder.set_capacity(slots);
        if slots == 0 || slots > MOST {
            assert_eq!(set.map_err(|invalid| invalid.field()), Err("capacity"));
            return;
        }
        assert_eq!(set, Ok(from));
        self.model.capacity = slots;
        self.lowered |= slots < from;
        let resized = Event::Resized { from, to: slots, why: Why::ByHand };
        assert_eq!(self.told(), if slots == from { vec![] } else { vec![resized] });
    }

    fn close(&mut self) {
        self.shedder.close();
        let closed = Event::Closed { depth: self.model.depth };
        assert_eq!(self.told(), if self.model.closed { vec![] } else { vec![closed] });
        self.model.closed = true;
    }

    fn told(&self) -> Vec<Event> {
        core::mem::take(&mut self.shedder.observer().0.lock().expect("one thread"))
    }

    /// The shedder stands as the model does.
    fn compare(&self) {
        let (shedder, model, look) = (self.shedder, &self.model, self.shedder.look());
        assert_eq!(
            (look.depth, look.capacity, look.highest, look.closed, look.waiting),
            (model.depth, model.capacity, model.highest, model.closed, 0)
        );
        assert_eq!((shedder.is_closed(), shedder.is_shadow()), (model.closed, model.shadow));
        assert!(self.lowered || look.depth <= look.capacity, "{look:?}");
        for (place, priority) in Priority::ALL.into_iter().enumerate() {
            let limit = shedder.limit(priority);
            assert_eq!(limit, model.limit(place), "of {priority} in {model:?}");
            assert!((1..=look.capacity).contains(&limit), "{limit} for {priority} of {look:?}");
        }
        let counts = shedder.counts();
        assert_eq!(counts, model.counts);
        assert_eq!(counts.in_flight(), look.depth.into(), "{counts:?}");
    }

    /// All slots come back.
    fn finish(mut self) {
        while !self.held.is_empty() {
            self.end(0, How::Dropped);
        }
        self.compare();
        assert_eq!(self.shedder.look().depth, 0);
    }
}
