//! Hedging: a second copy of a call that takes unusually long. (Dean and Barroso, "The tail at scale", CACM 2013.)

mod policy;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;

use crate::retry::budget::Allowance;
use crate::sketch::{Sketch, moves_quantiles};
use crate::sleep::Sleep;
use crate::sync::{Shown, const_fn};
use crate::time::{DEFAULT_CLOCK, DefaultClock, TimeSource, saturating_nanos};

pub use policy::{Hedging, HedgingBuilder};

/// Makes a second copy of a slow call, and takes whichever succeeds first. For calls that may be made twice: reads, say.
///
/// Shared by all who make this kind of call, in a `static` or an `Arc`: the quantile is learnt over all of them. Each further copy takes
/// a token of the budget; without one, it is not made. A call that is not slow costs one clock reading at its start and one at its end where a
/// quantile is kept, and none otherwise; further copies are put on the heap.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::retry::{Allowed, Budget, Hedge, Hedging};
///
/// static HEDGE: Hedge = Hedge::new(Hedging::after(Duration::from_millis(1)).at_quantile(0.95).constant());
/// static BUDGET: Budget = Budget::new(Allowed::ratio(0.1).initial(5.0).constant());
///
/// # futures::executor::block_on(async {
/// # let sleep = |_: Duration| async {};
/// let mut copies = 0;
/// let read = || {
///     copies += 1;
///     let copy = copies;
///     async move { if copy == 1 { core::future::pending().await } else { Ok::<_, ()>("here") } }
/// };
/// let hedged = HEDGE.run(&sleep, &BUDGET, read).await.unwrap(); // tokio::time::sleep
/// assert_eq!((hedged.value, hedged.copy, hedged.copies), ("here", 2, 2));
/// # });
/// ```
pub struct Hedge<C = DefaultClock> {
    told: Hedging,
    sketch: Sketch,
    /// The quantile; zero while it is not known.
    learnt: Shown,
    clock: C,
}

/// What a hedged call gave, and which copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hedged<T> {
    /// What it gave.
    pub value: T,
    /// Which copy: 1 is the first call.
    pub copy: u32,
    /// How many copies were made.
    pub copies: u32,
}

impl Hedge {
    const_fn! {
        /// A hedge that has seen nothing, with the default clock. Cannot fail: a policy is checked when it is built.
        #[must_use]
        pub const fn new(hedging: Hedging) -> Self {
            Self::with_clock(hedging, DEFAULT_CLOCK)
        }
    }
}

impl<C> Hedge<C> {
    const_fn! {
        /// A hedge that has seen nothing, with this clock. Without one (`NoClock`) no quantile is learnt.
        pub const fn with_clock(hedging: Hedging, clock: C) -> Self {
            Self { told: hedging, sketch: Sketch::new(Hedging::FADING), learnt: Shown::zero(), clock }
        }
    }

    /// After which delay the next slow call is made a second time.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::from_nanos(match self.learnt.get() {
            0 => self.told.delay,
            learnt => learnt,
        })
    }
}

impl<C: TimeSource> Hedge<C> {
    /// Makes the call; once it has been under way for the delay, a second copy of it, and so on. The first success wins, and the
    /// others are dropped. The calls are polled by this future alone: they are concurrent, not parallel.
    ///
    /// A call that fails before its second copy was made has failed: trying again is a retry's affair. One that fails while
    /// others are under way waits for them.
    ///
    /// # Errors
    /// That of the first copy that failed, once all have.
    pub async fn run<S: Sleep, B, F, Fut, T, E>(
        &self,
        sleeper: &S,
        budget: &B,
        mut call: F,
    ) -> Result<Hedged<T>, E>
    where
        B: Allowance + ?Sized,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        budget.deposit(None);
        let began = if self.told.quantile.is_some() { self.clock.time() } else { None };
        let first = pin!(call());
        let mut copies = Copies { first: Some(first), others: Vec::new(), made: 1, error: None };
        let mut sleep = pin!(None::<S::Wait>);
        let mut may_be_more = true;
        let hedged = poll_fn(|context| {
            loop {
                if let Poll::Ready(ended) = copies.poll(context) {
                    return Poll::Ready(ended);
                }
                if !may_be_more {
                    return Poll::Pending;
                }
                if sleep.is_none() {
                    sleep.set(Some(sleeper.sleep(self.delay())));
                }
                if let Some(wait) = sleep.as_mut().as_pin_mut() {
                    ready!(wait.poll(context));
                }
                sleep.set(None);
                may_be_more = copies.made < self.told.copies && budget.withdraw(self.clock.time());
                if may_be_more {
                    copies.made += 1;
                    copies.others.push((copies.made, Box::pin(call())));
                    may_be_more = copies.made < self.told.copies;
                }
            }
        })
        .await;
        if let (Ok(_), Some(quantile), Some(began)) = (&hedged, self.told.quantile, began) {
            if let Some(now) = self.clock.time() {
                // Of a first copy that was overtaken: it took this long at least.
                let held = self.sketch.record(saturating_nanos(now.saturating_since(began)), now);
                if self.learnt.get() == 0 || moves_quantiles(held) {
                    self.learnt.set(self.sketch.quantile(quantile).unwrap_or(0));
                }
            }
        }
        hedged
    }
}

/// The copies that are under way.
struct Copies<'a, Fut, E> {
    first: Option<Pin<&'a mut Fut>>,
    others: Vec<(u32, Pin<Box<Fut>>)>,
    made: u32,
    error: Option<E>,
}

impl<Fut: Future<Output = Result<T, E>>, T, E> Copies<'_, Fut, E> {
    /// Polls all of them. Ready with the first success; or with the first error, once all have failed.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Hedged<T>, E>> {
        let copies = self.made;
        if let Some(Poll::Ready(ended)) = self.first.as_mut().map(|first| first.as_mut().poll(context)) {
            self.first = None;
            match ended {
                Ok(value) => return Poll::Ready(Ok(Hedged { value, copy: 1, copies })),
                Err(error) => self.error = self.error.take().or(Some(error)),
            }
        }
        let mut index = 0;
        while let Some((copy, other)) = self.others.get_mut(index) {
            match other.as_mut().poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(Ok(value)) => return Poll::Ready(Ok(Hedged { value, copy: *copy, copies })),
                Poll::Ready(Err(error)) => {
                    self.others.swap_remove(index);
                    self.error = self.error.take().or(Some(error));
                }
            }
        }
        match self.error.take() {
            Some(error) if self.first.is_none() && self.others.is_empty() => Poll::Ready(Err(error)),
            waiting => {
                self.error = waiting;
                Poll::Pending
            }
        }
    }
}

impl<C> fmt::Debug for Hedge<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge")
            .field("told", &self.told)
            .field("delay", &self.delay())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use core::cell::{Cell, RefCell};
    use core::task::Waker;

    use super::*;
    use crate::retry::{Allowed, Budget};
    use crate::time::{Clock as _, Instant, ManualClock};

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn now(clock: &ManualClock) -> Duration {
        clock.now().saturating_since(Instant::ORIGIN)
    }

    /// Polls it, and lets a millisecond pass, in turn.
    fn drive<F: Future>(clock: &ManualClock, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return output;
            }
            clock.advance(millis(1));
            assert!(now(clock) < millis(100_000), "it never ends");
        }
    }

    /// Copies that take so long each and end so; says how many were begun, and how many dropped before their end.
    fn run(
        hedge: &Hedge<&ManualClock>,
        clock: &ManualClock,
        budget: &Budget,
        takes: &[(u64, Result<u32, u32>)],
    ) -> (Result<Hedged<u32>, u32>, usize, usize) {
        struct Under<'a>(&'a Cell<usize>, bool);
        impl Drop for Under<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + usize::from(!self.1));
            }
        }
        let (begun, dropped) = (Cell::new(0), Cell::new(0));
        let call = || {
            let (took, result) = takes.get(begun.get()).copied().unwrap_or((0, Err(99)));
            begun.set(begun.get() + 1);
            let mut under = Under(&dropped, false);
            async move {
                clock.sleep(millis(took)).await;
                let Under(_, over) = &mut under;
                *over = true;
                result
            }
        };
        let ended = drive(clock, hedge.run(&clock, budget, call));
        (ended, begun.get(), dropped.get())
    }

    /// What the copies take => which wins, when, how many were made, how many dropped.
    type Row<'a> = (&'a [(u64, Result<u32, u32>)], Result<(u32, u32), u32>, u64, usize, usize);

    fn tokens(tokens: f64) -> Budget {
        Budget::new(Allowed::ratio(0.1).initial(tokens).constant())
    }

    #[test]
    fn the_first_success_wins_and_the_others_are_dropped() {
        let hedging = Hedging::after(millis(10)).copies(3).constant();
        let rows: [Row<'_>; 7] = [
            (&[(5, Ok(7))], Ok((7, 1)), 5, 1, 0),
            (&[(5, Err(1))], Err(1), 5, 1, 0),
            (&[(50, Ok(7)), (5, Ok(8))], Ok((8, 2)), 15, 2, 1),
            (&[(50, Ok(7)), (50, Ok(8)), (5, Ok(9))], Ok((9, 3)), 25, 3, 2),
            (&[(12, Ok(7)), (50, Ok(8))], Ok((7, 1)), 12, 2, 1),
            (&[(12, Err(1)), (6, Ok(8))], Ok((8, 2)), 16, 2, 0),
            (&[(12, Err(1)), (5, Err(2)), (9, Err(3))], Err(1), 15, 2, 0),
        ];
        for (takes, expected, at, made, dropped) in rows {
            let clock = ManualClock::new();
            let hedge = Hedge::with_clock(hedging, &clock);
            let (ended, begun, gone) = run(&hedge, &clock, &tokens(9.0), takes);
            let ended = ended.map(|hedged| (hedged.value, hedged.copy));
            assert_eq!((ended, now(&clock), begun, gone), (expected, millis(at), made, dropped), "{takes:?}");
        }
    }

    #[test]
    fn each_further_copy_takes_a_token_and_without_one_is_not_made() {
        let clock = ManualClock::new();
        let hedge = Hedge::with_clock(Hedging::after(millis(10)).copies(4).constant(), &clock);
        let budget = tokens(1.0);
        let (ended, begun, _) = run(&hedge, &clock, &budget, &[(50, Ok(7)), (90, Ok(8)), (1, Ok(9))]);
        assert_eq!((ended.map(|hedged| hedged.copies), begun), (Ok(2), 2));
        assert!(budget.look().balance < 0.2);
        assert_eq!(budget.look().refused, 1);
    }

    #[test]
    fn the_delay_follows_the_quantile() {
        let clock = ManualClock::new();
        let hedge = Hedge::with_clock(Hedging::after(millis(500)).at_quantile(0.5).constant(), &clock);
        let told = RefCell::new(std::vec::Vec::new());
        for _ in 0..20 {
            told.borrow_mut().push(hedge.delay());
            assert!(run(&hedge, &clock, &tokens(0.0), &[(40, Ok(7))]).0.is_ok());
        }
        assert!(told.borrow().iter().all(|delay| *delay == millis(500)), "until twenty are known");
        assert!((millis(40)..=millis(45)).contains(&hedge.delay()), "{:?}", hedge.delay());
        // One that is overtaken took as long as was waited for it.
        for _ in 0..60 {
            assert!(run(&hedge, &clock, &tokens(1.0), &[(4_000, Ok(7)), (40, Ok(8))]).0.is_ok());
        }
        assert!(hedge.delay() > millis(45), "{:?}", hedge.delay());
    }

    #[test]
    fn what_can_never_work_is_refused_by_name() {
        let field = |hedging: HedgingBuilder| hedging.build().unwrap_err().field();
        assert_eq!(field(Hedging::after(millis(1)).copies(0)), "copies");
        assert_eq!(field(Hedging::after(millis(1)).copies(17)), "copies");
        for bad in [0.0, -0.5, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(field(Hedging::after(millis(1)).at_quantile(bad)), "quantile", "{bad}");
        }
    }
}
