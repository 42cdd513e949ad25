//! A capacity that finds itself: latencies are summed up on lanes, and one thread a window draws the conclusion.
//!
//! A sample is one addition on the thread's own lane and one look at the window's end. Whoever first comes after that end takes
//! the window, by one swap, and works out the next capacity, while all others go on. Sums are never reset: a window is what
//! was added since the last one was taken, so no sample is lost or counted twice.

mod policy;
mod rules;
#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests;
mod word;

use crate::cell::{Cell, Meaning};
use crate::lanes::Tallies;
use crate::pressure::LoadShedder;
use crate::pressure::event::Why;
use crate::pressure::form::{Form, Resize, sealed};
use crate::pressure::permit::Outcome;
use crate::pressure::policy::Capacity;
use crate::sync::{Shown, const_fn};
use crate::time::{DEFAULT_CLOCK, Instant};

pub use policy::{Adaptation, AdaptationBuilder, Algorithm};

use rules::{Known, Window};
use word::Added;

/// The capacity follows from the latencies and outcomes that permits tell.
///
/// # Examples
/// ```
/// use fusebox::pressure::{Adaptation, Adaptive, Capacity, LoadShedder, Priority};
///
/// static CALLS: LoadShedder<Adaptive> =
///     LoadShedder::adaptive(Adaptation::of(Capacity::of(20).constant()).constant());
///
/// let permit = CALLS.admit(Priority::Normal).unwrap();
/// // … the call …
/// permit.success();
/// assert_eq!(CALLS.look().capacity, 20, "one latency says little");
/// ```
#[derive(Debug)]
pub struct Adaptive {
    told: Adaptation,
    sums: Tallies<1, 8>,
    /// When the window ends; `TAKEN` while somebody works it out.
    ends: Cell,
    /// When the last congestion event was answered.
    backed_off: Cell,
    /// The most slots taken at once in this window.
    peak: Shown,
    /// Not zero: somebody was refused in this window.
    refused: Shown,
    /// Not zero: the baseline is to be forgotten.
    forget: Shown,
    memory: Memory,
}

/// What only the thread that has taken the window writes.
#[derive(Debug)]
struct Memory {
    began: Shown,
    /// The sums when the last window was taken.
    sums: Shown,
    mean: Shown,
    baseline: Shown,
    lowest: Shown,
    /// What the limit is beyond whole slots, in 2^-16.
    fraction: Shown,
}

const TAKEN: u64 = u64::MAX;

/// An instant, in nanoseconds.
#[derive(Clone, Copy)]
struct At(u64);

impl Meaning for At {
    #[inline]
    fn encode(self) -> u64 {
        self.0
    }

    #[inline]
    fn decode(word: u64) -> Self {
        Self(word)
    }
}

impl Form for Adaptive {}

impl LoadShedder<Adaptive> {
    const_fn! {
        /// A shedder whose capacity finds itself, with the default clock, no observer, no counters.
        ///
        /// Latencies are what permits tell by [`success`](crate::pressure::Permit::success); congestion is what they tell by
        /// [`overload`](crate::pressure::Permit::overload). Without a clock (`NoClock`) use the `…_at(now)` methods: a call whose beginning or end has no instant
        /// says nothing.
        #[must_use]
        pub const fn adaptive(adaptation: Adaptation) -> Self {
            Self::adaptive_with_parts(adaptation, DEFAULT_CLOCK, (), ())
        }
    }
}

impl<C, O, N> LoadShedder<Adaptive, C, O, N> {
    const_fn! {
        /// A shedder whose capacity finds itself, of these parts: for a `static` with an observer, counters or another clock.
        pub const fn adaptive_with_parts(adaptation: Adaptation, clock: C, observer: O, counters: N) -> Self {
            Self::of(Adaptive::new(adaptation), adaptation.capacity().slots(), clock, observer, counters)
        }
    }

    /// What it was told.
    pub const fn adaptation(&self) -> Adaptation {
        self.form.told
    }

    /// The latency of a service that is not overloaded, as far as was measured.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Adaptation, Capacity, LoadShedder};
    ///
    /// let adaptation = Adaptation::of(Capacity::of(20).build()?).build()?;
    /// assert_eq!(LoadShedder::adaptive(adaptation).baseline(), None);
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn baseline(&self) -> Option<core::time::Duration> {
        let nanos = if self.form.forget.get() == 0 { self.form.memory.baseline.get() } else { 0 };
        (nanos > 0).then(|| core::time::Duration::from_nanos(nanos))
    }

    /// Forgets the baseline latency: the mean of the first window that begins from now on is the new one. For a service that is slower from now on, and is
    /// meant to be.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Adaptation, Capacity, LoadShedder};
    ///
    /// let calls = LoadShedder::adaptive(Adaptation::of(Capacity::of(20).build()?).build()?);
    /// // … a release that does twice the work a call …
    /// calls.forget_baseline();
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub fn forget_baseline(&self) {
        self.form.forget.set(1);
    }
}

impl Adaptive {
    const_fn! {
        const fn new(told: Adaptation) -> Self {
            Self {
                told,
                sums: Tallies::zero(),
                ends: Cell::fresh(),
                backed_off: Cell::fresh(),
                peak: Shown::zero(),
                refused: Shown::zero(),
                forget: Shown::zero(),
                memory: Memory {
                    began: Shown::zero(),
                    sums: Shown::zero(),
                    mean: Shown::zero(),
                    baseline: Shown::zero(),
                    lowest: Shown::zero(),
                    fraction: Shown::zero(),
                },
            }
        }
    }

    /// One latency more; the capacity that follows, where it ends a window.
    #[inline]
    fn sample(&self, latency: u64, now: u64, stands: impl Fn() -> (u32, u32)) -> Option<(Resize, Why)> {
        self.sums.add(0, word::one(latency.min(self.longest_latency())));
        let ends = self.ends.load();
        // An end that is too far ahead was set by a clock that has stepped back since.
        let over = now >= ends || ends - now > self.longest_window();
        if over && ends != TAKEN { self.take(ends, now, stands) } else { None }
    }

    /// In nanoseconds.
    const fn longest_window(&self) -> u64 {
        self.told.window.saturating_mul(policy::LONGEST_WINDOW)
    }

    /// What counts of a latency: so much that a window's sum fits, though each slot ends one of these.
    const fn longest_latency(&self) -> u64 {
        word::MOST_LATENCY / (2 * self.told.ceiling as u64)
    }

    /// The window is over: whoever wins it works it out.
    #[cold]
    fn take(&self, ends: u64, now: u64, stands: impl Fn() -> (u32, u32)) -> Option<(Resize, Why)> {
        if !self.ends.replace(ends, TAKEN) {
            return None;
        }
        let (resize, next) = self.worked_out(ends, now, stands);
        self.ends.replace(TAKEN, next.min(TAKEN - 1));
        resize.map(|resize| (resize, Why::Latency))
    }

    /// The capacity that follows from this window, and when the next one ends.
    fn worked_out(&self, ends: u64, now: u64, stands: impl Fn() -> (u32, u32)) -> (Option<Resize>, u64) {
        let (memory, told) = (&self.memory, &self.told);
        let sums = self.sums.sum(0);
        let Added { samples, nanos } = word::between(memory.sums.get(), sums);
        let lasted = now.saturating_sub(memory.began.get());
        let forgets = self.forget.get() != 0;
        let idle = lasted > 2 * ends.saturating_sub(memory.began.get()).max(told.window);
        if ends == 0 || forgets || idle {
            // The first sample, and the first one after a pause, only say when a window begins.
            if forgets {
                self.forget.set(0);
                memory.baseline.set(0);
                memory.lowest.set(0);
            }
            memory.began.set(now);
            memory.sums.set(sums);
            return (None, now.saturating_add(told.window));
        }
        if samples < told.samples || nanos == 0 {
            return (None, now.saturating_add(told.window));
        }
        let (depth, capacity) = stands();
        let peak = self.peak.get().max(depth.into());
        let fraction = rules::nanos(memory.fraction.get()) / FRACTION;
        let window = Window {
            mean: rules::nanos(nanos) / rules::nanos(samples),
            lasted: rules::nanos(lasted),
            used: peak * 2 >= u64::from(capacity) || self.refused.get() != 0,
        };
        let known = Known {
            limit: f64::from(capacity) + fraction,
            baseline: rules::nanos(memory.baseline.get()),
            lowest: rules::nanos(memory.lowest.get()),
        };
        let next = rules::next(told, known, window);
        memory.sums.set(sums);
        memory.began.set(now);
        memory.mean.set(saturating(window.mean));
        memory.baseline.set(saturating(next.baseline));
        memory.lowest.set(saturating(next.lowest));
        self.peak.set(depth.into());
        self.refused.set(0);
        let to = rules::whole(next.limit);
        memory.fraction.set(saturating((next.limit - f64::from(to)) * FRACTION));
        let resize = (to != capacity).then_some(Resize::Exactly { from: capacity, to });
        let twice = saturating(window.mean * 2.0).min(self.longest_window());
        (resize, now.saturating_add(told.window.max(twice)))
    }

    /// A call that began at `began` ended in overload.
    #[cold]
    fn overload(&self, began: u64, now: u64) -> Option<(Resize, Why)> {
        let first = self.backed_off.apply(|At(last): At| {
            // One that began before the last decrease is part of what was answered by it.
            // What lies too far ahead is of a clock that has stepped back since.
            let answered = last > 0 && began <= last && last.saturating_sub(now) <= self.longest_window();
            if answered { (At(last), false) } else { (At(now.max(1)), true) }
        });
        first.then_some((Resize::BackOff { floor: self.told.floor }, Why::Overload))
    }
}

const FRACTION: f64 = 65_536.0;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, at zero and at the end"
)]
const fn saturating(nanos: f64) -> u64 {
    nanos as u64
}

impl sealed::Sense for Adaptive {
    type Stamp = Option<Instant>;

    #[inline]
    fn told(&self) -> &Capacity {
        &self.told.capacity
    }

    fn service(&self) -> Option<u64> {
        Some(self.memory.mean.get()).filter(|mean| *mean > 0)
    }

    #[inline]
    fn stamp(&self, time: impl FnOnce() -> Option<Instant>) -> Option<Instant> {
        time()
    }

    #[inline]
    fn admitted(&self, depth: u32) {
        if u64::from(depth) > self.peak.get() {
            self.peak.raise(depth.into());
        }
    }

    #[inline]
    fn refused(&self) {
        if self.refused.get() == 0 {
            self.refused.set(1);
        }
    }

    #[inline]
    fn ended(
        &self,
        stamp: Option<Instant>,
        outcome: Outcome,
        stands: impl Fn() -> (u32, u32),
        time: impl FnOnce() -> Option<Instant>,
    ) -> Option<(Resize, Why)> {
        if outcome == Outcome::Ignored {
            return None;
        }
        let (began, now) = (stamp?.as_nanos(), time()?.as_nanos());
        match outcome {
            Outcome::Success => self.sample(now.saturating_sub(began), now, stands),
            Outcome::Overload | Outcome::Ignored => self.overload(began, now),
        }
    }
}
