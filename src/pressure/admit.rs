//! A call takes a slot, gives it back, and what follows from that.

use crate::invalid::InvalidPolicy;
use crate::observe::{self, Observer};
use crate::pressure::LoadShedder;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use crate::pressure::OwnedPermit;
use crate::pressure::counts::{Counting, Kind};
use crate::pressure::event::{Event, Why};
use crate::pressure::form::{Fixed, Form, Resize};
use crate::pressure::outcome::{Closed, Refused, Shed};
use crate::pressure::permit::{Grant, Outcome, Permit};
use crate::pressure::policy::{Capacity, Share};
use crate::pressure::priority::Priority;
use crate::pressure::rules::{self, Freed};
use crate::pressure::word::Slots;
use crate::time::{Instant, TimeSource};

impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> LoadShedder<F, C, O, N> {
    /// Takes a slot for work of this priority, if fewer than its limit are taken.
    ///
    /// # Errors
    /// The facts of the refusal.
    #[inline]
    pub fn admit(&self, priority: Priority) -> Result<Permit<&Self>, Refused> {
        Ok(Permit::new(self, self.take(priority, || self.clock.time())?))
    }

    /// As `admit`, at this instant: the shedder's clock is not read.
    ///
    /// # Errors
    /// The facts of the refusal.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Adaptation, Capacity, LoadShedder, Outcome, Priority};
    /// use fusebox::time::{Instant, NoClock};
    ///
    /// let adaptation = Adaptation::of(Capacity::of(20).build()?).build()?;
    /// let calls = LoadShedder::adaptive_with_parts(adaptation, NoClock, (), ());
    /// let permit = calls.admit_at(Priority::Normal, Instant::ORIGIN).unwrap();
    /// permit.record_at(Outcome::Success, Instant::from_nanos(3_000_000));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[inline]
    pub fn admit_at(&self, priority: Priority, now: Instant) -> Result<Permit<&Self>, Refused> {
        Ok(Permit::new(self, self.take(priority, || Some(now))?))
    }

    /// As `admit`, with a permit that holds the shedder: for a task or a thread of its own.
    ///
    /// # Errors
    /// The facts of the refusal.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = Arc::new(LoadShedder::new(Capacity::of(4).constant()));
    /// let permit = shedder.admit_owned(Priority::Normal).unwrap();
    /// std::thread::spawn(move || permit.success()).join().unwrap();
    /// assert_eq!(shedder.look().depth, 0);
    /// ```
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    #[inline]
    pub fn admit_owned(
        self: &alloc::sync::Arc<Self>,
        priority: Priority,
    ) -> Result<OwnedPermit<F, C, O, N>, Refused> {
        let grant = self.take(priority, || self.clock.time())?;
        Ok(Permit::new(alloc::sync::Arc::clone(self), grant))
    }

    /// As `admit_owned`, at this instant.
    ///
    /// # Errors
    /// The facts of the refusal.
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    #[inline]
    pub fn admit_owned_at(
        self: &alloc::sync::Arc<Self>,
        priority: Priority,
        now: Instant,
    ) -> Result<OwnedPermit<F, C, O, N>, Refused> {
        let grant = self.take(priority, || Some(now))?;
        Ok(Permit::new(alloc::sync::Arc::clone(self), grant))
    }

    /// Calls `f` in a slot, and gives the slot back: an `Ok` was a success, an `Err` says nothing.
    ///
    /// # Errors
    /// The facts of the refusal; `f` was not called then.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = LoadShedder::new(Capacity::of(4).constant());
    /// let served: Result<u16, std::io::Error> = shedder.call(Priority::Normal, || Ok(200)).unwrap();
    /// assert_eq!(served.unwrap(), 200);
    /// ```
    #[inline]
    pub fn call<T, E>(
        &self,
        priority: Priority,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<T, E>, Refused> {
        let permit = self.admit(priority)?;
        let served = f();
        permit.record(if served.is_ok() { Outcome::Success } else { Outcome::Ignored });
        Ok(served)
    }

    /// As [`call`](Self::call), for a future: given up, it gives the slot back.
    ///
    /// # Errors
    /// The facts of the refusal; the future was not polled then.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = LoadShedder::new(Capacity::of(4).constant());
    /// let answer = async { Ok::<_, std::io::Error>("served") };
    /// let served = futures::executor::block_on(shedder.call_async(Priority::Normal, answer)).unwrap();
    /// assert_eq!(served.unwrap(), "served");
    /// ```
    pub async fn call_async<T, E>(
        &self,
        priority: Priority,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, Refused> {
        let permit = self.admit(priority)?;
        let served = future.await;
        permit.record(if served.is_ok() { Outcome::Success } else { Outcome::Ignored });
        Ok(served)
    }

    /// Does ahead what the first call would do: reads the clock, which calibrates it.
    pub fn warm_up(&self) {
        let _ = self.clock.time();
    }

    /// Admits nobody any more, for good. Permits that are out stay valid.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = LoadShedder::new(Capacity::of(4).constant());
    /// let permit = shedder.admit(Priority::Normal).unwrap();
    /// shedder.close();
    /// assert!(shedder.admit(Priority::Critical).unwrap_err().is_closed());
    /// assert_eq!(shedder.look().depth, 1);
    /// # drop(permit);
    /// ```
    pub fn close(&self) {
        let was = self.slots.apply(|slots: Slots| (Slots { closed: true, ..slots }, slots));
        if !was.closed {
            #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
            self.send_home();
            self.tell(|| Event::Closed { depth: was.depth });
        }
    }

    #[inline]
    pub(super) fn take(
        &self,
        priority: Priority,
        time: impl FnOnce() -> Option<Instant>,
    ) -> Result<Grant<F::Stamp>, Refused> {
        let share = self.form.told().shares.of(priority);
        // Before the swap, which all that follows waits for.
        let highest = self.highest();
        match self.slots.attempt(|slots: Slots| rules::admit(slots, share)) {
            Ok(before) => Ok(self.granted(priority, before.depth + 1, highest, time)),
            Err(seen) => self.let_through(refusal(seen, share, priority)),
        }
    }

    /// A refusal, which shadow turns into a grant that holds nothing.
    #[inline]
    pub(super) fn let_through(&self, refused: Refused) -> Result<Grant<F::Stamp>, Refused> {
        self.form.refused();
        self.refused(refused)?;
        Ok(Grant { stamp: self.form.stamp(|| None), priority: refused.priority(), shadowed: true })
    }

    /// A slot was taken.
    #[inline]
    pub(super) fn granted(
        &self,
        priority: Priority,
        depth: u32,
        highest: u32,
        time: impl FnOnce() -> Option<Instant>,
    ) -> Grant<F::Stamp> {
        if depth > highest {
            self.highest.raise(depth.into());
        }
        self.form.admitted(depth);
        self.counters.add(Kind::Admitted(priority));
        Grant { stamp: self.form.stamp(time), priority, shadowed: false }
    }

    /// Counts and tells a refusal; it is none in shadow.
    #[inline]
    fn refused(&self, refused: Refused) -> Result<(), Refused> {
        // A closing is an order, and no limit to be tried out.
        if self.is_shadow() && !refused.is_closed() {
            self.counters.add(Kind::Admitted(refused.priority()));
            self.counters.add(Kind::Shadowed);
            self.tell(|| Event::WouldRefuse(refused));
            return Ok(());
        }
        self.counters.add(match refused {
            Refused::Shed(shed) => Kind::Shed(shed.priority),
            Refused::Late(late) => Kind::Late(late.priority),
            Refused::Closed(closed) => Kind::Closed(closed.priority),
        });
        self.tell(|| Event::Refused(refused));
        Err(refused)
    }

    /// A permit is over.
    #[inline]
    pub(super) fn end(&self, grant: Grant<F::Stamp>, outcome: Outcome, at: Option<Instant>) {
        if grant.shadowed {
            return;
        }
        self.counters.add(match outcome {
            Outcome::Success => Kind::Succeeded,
            Outcome::Overload => Kind::Overloaded,
            Outcome::Ignored => Kind::Ignored,
        });
        let stands = || {
            let Slots { depth, capacity, .. } = self.slots();
            (depth, capacity)
        };
        let time = || at.or_else(|| self.clock.time());
        let change = self.form.ended(grant.stamp, outcome, stands, time);
        let resized = change.map(|(resize, why)| (self.resize(resize), why));
        if self.slots().waiting > 0 {
            self.hand_on();
        } else {
            self.release();
        }
        if let Some(((from, to), why)) = resized {
            // Last, for a hook may panic.
            self.tell_of(from, to, why);
        }
    }

    /// Gives a slot up, and sees who is to be told.
    #[inline]
    pub(super) fn release(&self) {
        let freed = rules::freed(self.slots.take_one_off());
        if freed != Freed::Quietly {
            self.after_release(freed);
        }
    }

    #[cold]
    fn after_release(&self, freed: Freed) {
        #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
        match freed {
            Freed::Quietly => {}
            Freed::Wanted => self.serve(false),
            Freed::Drained => self.drained.ring(),
        }
        // Nobody can wait.
        #[cfg(not(all(feature = "alloc", target_has_atomic = "ptr")))]
        let _ = (self, freed);
    }

    /// Gives a slot to those who wait, without its ever being free.
    #[cold]
    fn hand_on(&self) {
        #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
        self.serve(true);
        #[cfg(not(all(feature = "alloc", target_has_atomic = "ptr")))]
        self.release();
    }

    /// Changes the capacity; says what it was, and what it is.
    #[cold]
    fn resize(&self, resize: Resize) -> (u32, u32) {
        let (from, to, waiting) = self.slots.apply(|slots: Slots| {
            let to = resize.of(slots.capacity);
            (Slots { capacity: to, ..slots }, (slots.capacity, to, slots.waiting))
        });
        #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
        if waiting > 0 && to > from {
            self.serve(false);
        }
        // Nobody can wait.
        #[cfg(not(all(feature = "alloc", target_has_atomic = "ptr")))]
        let _ = waiting;
        (from, to)
    }

    #[cold]
    fn tell_of(&self, from: u32, to: u32, why: Why) {
        if from != to {
            self.tell(|| Event::Resized { from, to, why });
        }
    }

    #[inline]
    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.observer.listens() {
            self.notice(&event());
        }
    }

    #[cold]
    fn notice(&self, event: &Event) {
        if !observe::told(&self.observer, event) {
            self.counters.add(Kind::HookPanicked);
        }
    }
}

impl<C: TimeSource, O: Observer<Event>, N: Counting> LoadShedder<Fixed, C, O, N> {
    /// Changes the capacity to so many slots; says how many they were. Lowering it revokes no permit: until enough are back,
    /// nobody is admitted.
    ///
    /// # Errors
    /// No slots, or more than 16 777 215; nothing is changed then.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = LoadShedder::new(Capacity::of(2).constant());
    /// let permits = (shedder.admit(Priority::Critical), shedder.admit(Priority::Critical));
    /// assert_eq!(shedder.set_capacity(1), Ok(2));
    /// assert_eq!(shedder.look().depth, 2);
    /// drop(permits.0);
    /// assert!(shedder.admit(Priority::Critical).is_err());
    /// drop(permits.1);
    /// assert!(shedder.admit(Priority::Critical).is_ok());
    /// ```
    pub fn set_capacity(&self, slots: u32) -> Result<u32, InvalidPolicy> {
        let told = Capacity::of(slots).build()?;
        let (from, to) = self.resize(Resize::To(told.slots()));
        self.tell_of(from, to, Why::ByHand);
        Ok(from)
    }
}

/// Why nobody was admitted.
#[inline]
pub(super) const fn refusal(seen: Slots, share: Share, priority: Priority) -> Refused {
    let Slots { depth, capacity, .. } = seen;
    if seen.closed {
        return Refused::Closed(Closed { depth, priority });
    }
    Refused::Shed(Shed { depth, limit: share.limit(capacity), priority })
}
