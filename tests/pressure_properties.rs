//! The shedder against a plain model: whatever is done in whatever order, slots, queue, counts and answers are the model's.
//!
//! The model is a list of who holds and who waits. It knows nothing of words, seats or handing on: after each step it gives
//! free slots to those who wait, the best first.

#![cfg(feature = "std")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

use std::future::{Future, Pending, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fusebox::pressure::{Capacity, Counters, Fixed, LoadShedder, Outcome, OwnedPermit, Priority, Refused};
use fusebox::time::ManualClock;
use proptest::prelude::*;

type Shedder = LoadShedder<Fixed, ManualClock, (), Counters>;
type Permit = OwnedPermit<Fixed, ManualClock, (), Counters>;
type Wait = Pin<Box<dyn Future<Output = Result<Permit, Refused>>>>;

/// How many may wait.
const SEATS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Admit(Priority),
    /// Begins to wait.
    Wait(Priority),
    /// The holder of this number ends so.
    End(usize, Outcome),
    /// The waiter of this number gives up.
    GiveUp(usize),
    Resize(u32),
    Close,
    Shadow(bool),
}

fn priority() -> impl Strategy<Value = Priority> {
    (0..5_usize).prop_map(|number| Priority::ALL[number])
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Success), Just(Outcome::Overload), Just(Outcome::Ignored)];
    prop_oneof![
        8 => priority().prop_map(Step::Admit),
        6 => priority().prop_map(Step::Wait),
        10 => (any::<usize>(), outcome).prop_map(|(number, outcome)| Step::End(number, outcome)),
        2 => any::<usize>().prop_map(Step::GiveUp),
        2 => (0..9_u32).prop_map(Step::Resize),
        1 => any::<bool>().prop_map(Step::Shadow),
        1 => Just(Step::Close),
    ]
}

/// Thresholds in thousandths, ascending, the last one whole.
fn thousandths() -> impl Strategy<Value = [u32; 5]> {
    prop::array::uniform4(1..=1_000_u32).prop_map(|mut shares| {
        shares.sort_unstable();
        [shares[0], shares[1], shares[2], shares[3], 1_000]
    })
}

/// What ought to be.
struct Model {
    thousandths: [u32; 5],
    capacity: u32,
    depth: u32,
    highest: u32,
    closed: bool,
    shadow: bool,
    /// Who waits, in the order of coming: the number and the priority.
    waiting: Vec<(usize, Priority)>,
    counts: [u64; 8],
}

/// Places in the model's counts.
const ADMITTED: usize = 0;
const SHED: usize = 1;
const CLOSED: usize = 2;
const SHADOWED: usize = 3;
const SUCCEEDED: usize = 4;
const OVERLOADED: usize = 5;
const IGNORED: usize = 6;

impl Model {
    fn limit(&self, priority: Priority) -> u32 {
        let share = u64::from(self.capacity) * u64::from(self.thousandths[priority as usize]);
        u32::try_from(share.div_ceil(1_000)).unwrap()
    }

    fn fits(&self, priority: Priority) -> bool {
        !self.closed && self.depth < self.limit(priority)
    }

    fn take(&mut self) {
        self.depth += 1;
        self.highest = self.highest.max(self.depth);
        self.counts[ADMITTED] += 1;
    }

    /// Free slots go to those who wait; tells to whom.
    fn served(&mut self) -> Vec<usize> {
        let mut served = Vec::new();
        while let Some(best) = (0..self.waiting.len())
            .rev()
            .max_by_key(|number| self.waiting[*number].1)
            .filter(|number| self.fits(self.waiting[*number].1))
        {
            served.push(self.waiting.remove(best).0);
            self.take();
        }
        served
    }
}

struct Run {
    shedder: Arc<Shedder>,
    model: Model,
    held: Vec<Permit>,
    waits: Vec<(usize, Wait)>,
    comers: usize,
}

fn never(_: Duration) -> Pending<()> {
    pending()
}

fn poll(wait: &mut Wait) -> Poll<Result<Permit, Refused>> {
    wait.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

impl Run {
    fn new(capacity: u32, thousandths: [u32; 5]) -> Self {
        let told = Capacity::of(capacity)
            .thresholds(thousandths.map(|share| f64::from(share) / 1_000.0))
            .waiting_room(u32::try_from(SEATS).unwrap())
            .build()
            .unwrap();
        let shedder = LoadShedder::with_parts(told, ManualClock::new(), (), Counters::new());
        let model = Model {
            thousandths,
            capacity,
            depth: 0,
            highest: 0,
            closed: false,
            shadow: false,
            waiting: Vec::new(),
            counts: [0; 8],
        };
        Self { shedder: Arc::new(shedder), model, held: Vec::new(), waits: Vec::new(), comers: 0 }
    }

    /// A refusal, which shadow turns into an admission that holds nothing.
    fn refused(&mut self, seen: Result<Permit, Refused>, closed: bool) {
        if self.model.shadow && !closed {
            self.model.counts[ADMITTED] += 1;
            self.model.counts[SHADOWED] += 1;
            assert!(seen.unwrap().is_shadowed());
            return;
        }
        self.model.counts[if closed { CLOSED } else { SHED }] += 1;
        match seen {
            Err(Refused::Closed(facts)) => assert!(closed && facts.depth == self.model.depth),
            Err(Refused::Shed(facts)) => {
                assert!(!closed);
                assert_eq!((facts.depth, facts.limit), (self.model.depth, self.model.limit(facts.priority)));
            }
            other => panic!("neither shed nor closed: {other:?}"),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Admit(priority) => {
                let seen = self.shedder.admit_owned(priority);
                if self.model.fits(priority) {
                    self.model.take();
                    self.held.push(seen.expect("it fits"));
                } else {
                    self.refused(seen, self.model.closed);
                }
            }
            Step::Wait(priority) => {
                let shedder = Arc::clone(&self.shedder);
                let mut wait: Wait = Box::pin(async move {
                    shedder.admit_owned_within(priority, Duration::from_secs(1), &never).await
                });
                let seen = poll(&mut wait);
                if self.model.fits(priority) {
                    self.model.take();
                    let Poll::Ready(Ok(permit)) = seen else { panic!("it fits") };
                    self.held.push(permit);
                } else if self.model.closed || self.model.shadow || self.model.waiting.len() == SEATS {
                    let Poll::Ready(seen) = seen else { panic!("there is nothing to wait for") };
                    self.refused(seen, self.model.closed);
                } else {
                    assert!(seen.is_pending());
                    self.model.waiting.push((self.comers, priority));
                    self.waits.push((self.comers, wait));
                    self.comers += 1;
                }
            }
            Step::End(number, outcome) if !self.held.is_empty() => {
                let permit = self.held.swap_remove(number % self.held.len());
                permit.record(outcome);
                self.model.depth -= 1;
                self.model.counts[match outcome {
                    Outcome::Success => SUCCEEDED,
                    Outcome::Overload => OVERLOADED,
                    Outcome::Ignored => IGNORED,
                }] += 1;
            }
            Step::GiveUp(number) if !self.waits.is_empty() => {
                let (gone, wait) = self.waits.swap_remove(number % self.waits.len());
                drop(wait);
                self.model.waiting.retain(|(number, _)| *number != gone);
            }
            Step::Resize(slots) => match self.shedder.set_capacity(slots) {
                Ok(was) => {
                    assert!(slots > 0 && was == self.model.capacity);
                    self.model.capacity = slots;
                }
                Err(invalid) => assert!(slots == 0 && invalid.field() == "capacity"),
            },
            Step::Close => {
                self.shedder.close();
                self.model.closed = true;
            }
            Step::Shadow(on) => {
                self.shedder.set_shadow(on);
                self.model.shadow = on;
            }
            Step::End(..) | Step::GiveUp(_) => {}
        }
        self.settle();
        self.agrees();
    }

    /// Those whose wait is over are served, or sent home.
    fn settle(&mut self) {
        for number in self.model.served() {
            let place = self.waits.iter().position(|(other, _)| *other == number).unwrap();
            let (_, mut wait) = self.waits.swap_remove(place);
            let Poll::Ready(Ok(permit)) = poll(&mut wait) else { panic!("a slot was free for it") };
            assert!(!permit.is_shadowed());
            self.held.push(permit);
        }
        if self.model.closed {
            self.model.waiting.clear();
            for (_, mut wait) in std::mem::take(&mut self.waits) {
                let Poll::Ready(seen) = poll(&mut wait) else { panic!("it is closed") };
                self.refused(seen, true);
            }
        }
        for (number, wait) in &mut self.waits {
            assert!(poll(wait).is_pending(), "{number} has nothing yet");
        }
    }

    fn agrees(&self) {
        let (look, model) = (self.shedder.look(), &self.model);
        assert_eq!((look.depth, look.capacity, look.closed), (model.depth, model.capacity, model.closed));
        assert_eq!((look.waiting as usize, look.highest), (model.waiting.len(), model.highest));
        for priority in Priority::ALL {
            assert_eq!(self.shedder.limit(priority), model.limit(priority), "{priority}");
        }
        let counts = self.shedder.counts();
        assert_eq!(counts.admitted_in_all(), model.counts[ADMITTED]);
        assert_eq!(counts.shed.iter().sum::<u64>(), model.counts[SHED]);
        let closed = counts.closed.iter().sum::<u64>();
        assert_eq!((closed, counts.shadowed), (model.counts[CLOSED], model.counts[SHADOWED]));
        assert_eq!(counts.succeeded, model.counts[SUCCEEDED]);
        assert_eq!((counts.overloaded, counts.ignored), (model.counts[OVERLOADED], model.counts[IGNORED]));
        assert_eq!(counts.in_flight(), u64::from(model.depth));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn properties_slots_queue_and_counts_are_the_models(
        capacity in 1..9_u32,
        thousandths in thousandths(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut run = Run::new(capacity, thousandths);
        for step in &steps {
            run.step(step);
        }
        // All go home.
        run.held.clear();
        run.waits.clear();
        let look = run.shedder.look();
        prop_assert_eq!((look.depth, look.waiting), (0, 0));
    }

    #[test]
    fn properties_a_limit_is_the_ceiling_of_the_decimal_product(
        capacity in 1..=16_777_215_u32,
        billionths in 1..=1_000_000_000_u32,
    ) {
        let share = f64::from(billionths) / 1e9;
        let told = Capacity::of(capacity).thresholds([share, share, share, share, 1.0]).build().unwrap();
        let exact = (u128::from(capacity) * u128::from(billionths)).div_ceil(1_000_000_000);
        prop_assert_eq!(u128::from(told.limit(Priority::High)), exact);
        prop_assert_eq!(told.limit(Priority::Critical), capacity);
    }
}
