//! The waiting room: so many seats, of which the highest priority is served first, and within one whoever came first.
//!
//! ```text
//!  63    62     60 59                                        0
//! ┌────────┬───────┬──────────────────────────────────────────┐
//! │ state 2│ prio 3│ ticket                                 59│
//! └────────┴───────┴──────────────────────────────────────────┘
//! ```
//!
//! | state | what | who ends it |
//! |---|---|---|
//! | empty | the zero word | whoever sits down |
//! | waiting | somebody waits, since this ticket | whoever has a slot for it; or the waiter, who leaves |
//! | granted | a slot was handed to it | the waiter |
//!
//! A waiter sits down, then counts itself in the shedder's word, by the very swap that finds no slot free. A release that
//! finds somebody counted keeps the slot taken and hands it to the best seat. Where it finds none, it gives the slot up, and
//! then looks once more.
//!
//! *Nobody is forgotten.* Take a waiter, and the swap that counted it. A release whose swap came before that one left a slot
//! free, and the waiter's swap would have taken it. One that came later reads what that swap (or a later one) wrote, so it sees
//! the seat taken, at its last look if not before.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use crate::bits::Field;
use crate::cell::{Cell, Meaning};
use crate::observe::Observer;
use crate::pressure::LoadShedder;
use crate::pressure::admit::refusal;
use crate::pressure::counts::{Counting, Kind};
use crate::pressure::event::Event;
use crate::pressure::form::Form;
use crate::pressure::outcome::{Late, Refused};
use crate::pressure::permit::{Grant, Permit};
use crate::pressure::priority::Priority;
use crate::pressure::rules::{self, Arrival, Freed};
use crate::pressure::word::Slots;
use crate::sleep::Sleep;
use crate::sync::{OneWaker, Shown};
use crate::time::{Clock, Instant, TimeSource, saturating_nanos};

const TICKET: Field = Field::lowest(59);
const PRIORITY: Field = TICKET.above(3);
const STATE: Field = PRIORITY.above(2);
const _: () = assert!(STATE.end() == u64::BITS, "the fields tile the word");

const EMPTY: u64 = 0;
const WAITING: u64 = 1;
const GRANTED: u64 = 2;

/// The seats. Made when somebody first waits.
#[derive(Debug)]
pub(super) struct Queue {
    seats: Box<[Seat]>,
    tickets: Cell,
    /// Since when there always was somebody.
    standing_since: Shown,
}

/// One of them.
#[derive(Debug)]
struct Seat {
    state: Cell,
    waker: OneWaker,
}

// The waker's own word says whether one is in it.
impl core::panic::RefUnwindSafe for Seat {}

/// What a seat's word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seated {
    state: u64,
    priority: u64,
    ticket: u64,
}

impl Meaning for Seated {
    fn encode(self) -> u64 {
        STATE.put(self.state) | PRIORITY.put(self.priority) | TICKET.put_wrapping(self.ticket)
    }

    fn decode(word: u64) -> Self {
        Self { state: STATE.get(word), priority: PRIORITY.get(word), ticket: TICKET.get(word) }
    }
}

/// How many came.
#[derive(Clone, Copy)]
struct Tickets(u64);

impl Meaning for Tickets {
    fn encode(self) -> u64 {
        self.0
    }

    fn decode(word: u64) -> Self {
        Self(word)
    }
}

impl Queue {
    fn new(seats: u32) -> Self {
        let seat = |_| Seat { state: Cell::fresh(), waker: OneWaker::none() };
        Self {
            seats: (0..seats).map(seat).collect::<Vec<_>>().into_boxed_slice(),
            tickets: Cell::fresh(),
            standing_since: Shown::zero(),
        }
    }

    /// A seat of one's own, if there is one.
    fn sit(&self, priority: Priority) -> Option<&Seat> {
        let ticket = self.tickets.apply(|Tickets(given)| (Tickets(given.wrapping_add(1)), given));
        let seated = Seated { state: WAITING, priority: priority as u64, ticket };
        self.seats.iter().find(|seat| seat.state.replace(EMPTY, seated.encode()))
    }

    /// Who is to be served next.
    fn best(&self) -> Option<(&Seat, Seated)> {
        self.seats
            .iter()
            .map(|seat| (seat, seat.state.view::<Seated>()))
            .filter(|(_, seated)| seated.state == WAITING)
            .max_by_key(|(_, seated)| (seated.priority, core::cmp::Reverse(seated.ticket)))
    }
}

impl Seat {
    /// Hands a slot to who sits here, if it still waits.
    fn grant(&self, seated: Seated) -> bool {
        let granted = self.state.replace(seated.encode(), Seated { state: GRANTED, ..seated }.encode());
        if granted {
            self.waker.wake();
        }
        granted
    }

    /// Leaves the seat; says whether a slot had been handed to it.
    fn leave(&self) -> bool {
        self.state.apply(|seated: Seated| {
            (Seated { state: EMPTY, priority: 0, ticket: 0 }, seated.state == GRANTED)
        })
    }
}

impl Seated {
    fn rank(self) -> Priority {
        let [background, low, normal, high, critical] = Priority::ALL;
        match self.priority {
            0 => background,
            1 => low,
            2 => normal,
            3 => high,
            _ => critical,
        }
    }
}

impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> LoadShedder<F, C, O, N> {
    /// Gives slots to those who wait, the best first: one that is in hand, and those that are free.
    #[cold]
    pub(super) fn serve(&self, mut in_hand: bool) {
        let shares = self.form.told().shares;
        loop {
            if let Some((seat, seated)) = self.queue.get().and_then(Queue::best) {
                let share = shares.of(seated.rank());
                if !in_hand {
                    let Ok(before) = self.slots.attempt(|slots: Slots| rules::admit(slots, share)) else {
                        return;
                    };
                    self.highest.raise(u64::from(before.depth) + 1);
                    in_hand = true;
                }
                // Of the slots taken one is in hand.
                let slots = self.slots();
                if !slots.closed && share.is_above(slots.depth.saturating_sub(1), slots.capacity) {
                    // Who sat there may have left meanwhile.
                    in_hand = !seat.grant(seated);
                    continue;
                }
            }
            if !in_hand {
                return;
            }
            match rules::freed(self.slots.take_one_off()) {
                Freed::Quietly => return,
                Freed::Drained => return self.drained.ring(),
                // Somebody may have come since the look.
                Freed::Wanted => in_hand = false,
            }
        }
    }

    /// Wakes all who wait, to be told that it is closed.
    pub(super) fn send_home(&self) {
        if let Some(queue) = self.queue.get() {
            queue.seats.iter().for_each(|seat| seat.waker.wake());
        }
    }
}

impl<F: Form, C: Clock, O: Observer<Event>, N: Counting> LoadShedder<F, C, O, N> {
    /// Takes a slot for work of this priority, or waits for one, for so long at most.
    ///
    /// Of those who wait the highest priority is served first, and within one whoever came first. As many wait as the
    /// [waiting room](crate::pressure::CapacityBuilder::waiting_room) holds; others are shed at once. Dropping the future leaves the queue; a
    /// slot that was handed to it already goes to the next one. In shadow nobody waits. Needs no runtime; a free slot costs what `admit` costs.
    ///
    /// # Errors
    /// The facts of the refusal: `Shed` where the waiting room is full, `Late` where the time was over, or would have been before
    /// the call is served ([`service_time`](crate::pressure::CapacityBuilder::service_time),
    /// [`codel`](crate::pressure::CapacityBuilder::codel)), `Closed`.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority, Refused};
    ///
    /// let shedder = LoadShedder::new(Capacity::of(1).constant());
    /// let sleeper = |wait: Duration| async move { std::thread::sleep(wait) }; // a runtime's own sleep, in earnest
    /// futures::executor::block_on(async {
    ///     let first = shedder.admit_within(Priority::Normal, Duration::from_millis(1), &sleeper).await.unwrap();
    ///     let second = shedder.admit_within(Priority::Normal, Duration::from_millis(1), &sleeper).await;
    ///     assert!(matches!(second, Err(Refused::Late(_))));
    ///     first.success();
    /// });
    /// ```
    pub async fn admit_within<S: Sleep>(
        &self,
        priority: Priority,
        longest: Duration,
        sleeper: &S,
    ) -> Result<Permit<&Self>, Refused> {
        Ok(Permit::new(self, self.take_within(priority, longest, sleeper).await?))
    }

    /// As [`admit_within`](Self::admit_within), with a permit that holds the shedder.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use std::sync::Arc;
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = Arc::new(LoadShedder::new(Capacity::of(1).constant()));
    /// let sleeper = |wait: Duration| async move { std::thread::sleep(wait) };
    /// let wait = shedder.admit_owned_within(Priority::High, Duration::from_secs(1), &sleeper);
    /// let permit = futures::executor::block_on(wait).unwrap();
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// ```
    pub async fn admit_owned_within<S: Sleep>(
        self: &alloc::sync::Arc<Self>,
        priority: Priority,
        longest: Duration,
        sleeper: &S,
    ) -> Result<crate::pressure::OwnedPermit<F, C, O, N>, Refused> {
        let grant = self.take_within(priority, longest, sleeper).await?;
        Ok(Permit::new(alloc::sync::Arc::clone(self), grant))
    }

    async fn take_within<S: Sleep>(
        &self,
        priority: Priority,
        longest: Duration,
        sleeper: &S,
    ) -> Result<Grant<F::Stamp>, Refused> {
        let share = self.form.told().shares.of(priority);
        let highest = self.highest();
        let time = || Some(self.clock.now());
        let shed = match self.slots.attempt(|slots: Slots| rules::admit(slots, share)) {
            Ok(before) => return Ok(self.granted(priority, before.depth + 1, highest, time)),
            Err(seen) => refusal(seen, share, priority),
        };
        let began = self.clock.now();
        let patience = self.patience(longest);
        // In shadow nobody is kept waiting.
        if shed.is_closed() || longest.is_zero() || self.is_shadow() {
            return self.let_through(shed);
        }
        if patience.is_zero() {
            return self.let_through(Refused::Late(Late { waited: Duration::ZERO, stale: false, priority }));
        }
        let queue = self.queue.get_or_make(|| Queue::new(self.form.told().room.seats));
        if self.slots().waiting == 0 {
            // Before the swap that counts the first waiter, which publishes it.
            queue.standing_since.set(began.as_nanos());
        }
        let Some(seat) = queue.sit(priority) else { return self.let_through(shed) };
        let mut sitting = Sitting { shedder: self, seat, priority, counted: false, gone: false };
        match self.slots.apply(|slots: Slots| rules::enqueue(slots, share)) {
            Arrival::Admitted { depth } => {
                let grant = self.granted(priority, depth, highest, time);
                if sitting.leave() {
                    // A slot was handed to the seat as well.
                    self.serve(true);
                }
                return Ok(grant);
            }
            Arrival::Refused(seen) => return self.given_up(&mut sitting, refusal(seen, share, priority)),
            Arrival::Waits => sitting.counted = true,
        }
        let stale = self.is_stale(queue, began, patience);
        let patience = if stale { self.form.told().room.target() } else { patience };
        let mut over = pin!(sleeper.sleep(patience));
        let ended = poll_fn(|context| {
            // First the waker, then the look: a grant wakes after it is written.
            seat.waker.register(context.waker());
            if seat.state.view::<Seated>().state == GRANTED {
                return Poll::Ready(None);
            }
            let slots = self.slots();
            if slots.closed {
                return Poll::Ready(Some(refusal(slots, share, priority)));
            }
            over.as_mut().poll(context).map(|()| {
                let waited = self.clock.now().saturating_since(began);
                Some(Refused::Late(Late { waited, stale, priority }))
            })
        });
        if let Some(refused) = ended.await {
            return self.given_up(&mut sitting, refused);
        }
        sitting.leave();
        Ok(self.handed(priority))
    }

    /// How long to wait at most, so that there is time left to be served, and no longer than a queue may take to come to rest.
    fn patience(&self, longest: Duration) -> Duration {
        let room = self.form.told().room;
        let service = room.service.or_else(|| self.form.service()).unwrap_or(0);
        let patience = saturating_nanos(longest).saturating_sub(service);
        Duration::from_nanos(patience.min(room.interval))
    }

    /// Whether the queue has stood for so long that nobody waits longer than the target.
    fn is_stale(&self, queue: &Queue, now: Instant, patience: Duration) -> bool {
        let room = self.form.told().room;
        let standing = now.as_nanos().saturating_sub(queue.standing_since.get());
        standing > room.interval && room.target() < patience
    }

    /// Leaves without a slot, unless one was handed over meanwhile.
    fn given_up(
        &self,
        sitting: &mut Sitting<'_, F, C, O, N>,
        why: Refused,
    ) -> Result<Grant<F::Stamp>, Refused> {
        if sitting.leave() { Ok(self.handed(why.priority())) } else { self.let_through(why) }
    }

    fn handed(&self, priority: Priority) -> Grant<F::Stamp> {
        self.granted(priority, self.slots().depth, self.highest(), || Some(self.clock.now()))
    }
}

/// Somebody who sits in the waiting room, and leaves it whatever happens.
struct Sitting<'a, F: Form, C: TimeSource, O: Observer<Event>, N: Counting> {
    shedder: &'a LoadShedder<F, C, O, N>,
    seat: &'a Seat,
    priority: Priority,
    counted: bool,
    gone: bool,
}

impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> Sitting<'_, F, C, O, N> {
    /// Leaves; says whether a slot had been handed over, which is the leaver's now.
    fn leave(&mut self) -> bool {
        self.gone = true;
        let granted = self.seat.leave();
        if self.counted {
            self.shedder.slots.apply(|slots: Slots| (rules::leave(slots), ()));
        }
        granted
    }
}

impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> Drop for Sitting<'_, F, C, O, N> {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        self.shedder.counters.add(Kind::Left(self.priority));
        if self.leave() {
            self.shedder.serve(true);
        }
    }
}
