//! Draining: how a shedder, or a whole process, comes to rest.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;

use crate::observe::Observer;
use crate::pressure::LoadShedder;
use crate::pressure::counts::Counting;
use crate::pressure::event::Event;
use crate::pressure::form::Form;
use crate::sleep::Sleep;
use crate::time::TimeSource;

/// The time was over before all slots were free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Slots still taken.
    pub depth: u32,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls were still in flight when the time to drain was over", self.depth)
    }
}

impl core::error::Error for Left {}

impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> LoadShedder<F, C, O, N> {
    /// Closes it, and waits until all permits are back, for so long at most.
    ///
    /// # Errors
    /// How many slots are still taken when the time is over.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// let shedder = LoadShedder::new(Capacity::of(4).constant());
    /// let permit = shedder.admit(Priority::Normal).unwrap();
    /// let sleeper = |wait: Duration| async move { std::thread::sleep(wait) }; // a runtime's own sleep, in earnest
    /// let drained = futures::executor::block_on(shedder.drain(&sleeper, Duration::from_millis(1)));
    /// assert_eq!(drained.unwrap_err().depth, 1);
    /// drop(permit);
    /// assert!(futures::executor::block_on(shedder.drain(&sleeper, Duration::ZERO)).is_ok());
    /// ```
    pub async fn drain<S: Sleep>(&self, sleeper: &S, longest: Duration) -> Result<(), Left> {
        self.close();
        empty_or_over(self, pin!(sleeper.sleep(longest))).await;
        match self.slots().depth {
            0 => Ok(()),
            depth => Err(Left { depth }),
        }
    }

    /// As [`drain`](Self::drain), for a thread that may block.
    ///
    /// # Errors
    /// How many slots are still taken when the time is over.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::pressure::{Capacity, LoadShedder, Priority};
    ///
    /// static SLOTS: LoadShedder = LoadShedder::new(Capacity::of(4).constant());
    /// let permit = SLOTS.admit(Priority::Normal).unwrap();
    /// let other = std::thread::spawn(|| SLOTS.drain_blocking(Duration::from_secs(10)));
    /// drop(permit);
    /// assert!(other.join().unwrap().is_ok());
    /// ```
    #[cfg(all(feature = "std", not(target_family = "wasm"), not(fusebox_loom)))]
    pub fn drain_blocking(&self, longest: Duration) -> Result<(), Left> {
        use event_listener::Listener;

        self.close();
        let began = std::time::Instant::now();
        loop {
            let rung = self.drained.listen();
            let depth = self.slots().depth;
            let left = longest.saturating_sub(began.elapsed());
            if depth == 0 {
                return Ok(());
            }
            if left.is_zero() {
                return Err(Left { depth });
            }
            rung.wait_timeout(left);
        }
    }
}

/// Waits until a closed part is empty, or the time is over; says whether it is.
async fn empty_or_over<P: Part + ?Sized, W: Future<Output = ()>>(part: &P, mut time: Pin<&mut W>) -> bool {
    loop {
        // First listening, then looking: the last release rings after it has freed its slot.
        let mut rung = part.listen();
        if part.depth() == 0 {
            return false;
        }
        let over = poll_fn(|context| {
            if rung.as_mut().poll(context).is_ready() {
                return Poll::Ready(false);
            }
            time.as_mut().poll(context).map(|()| true)
        });
        if over.await {
            return true;
        }
    }
}

/// What a shutdown needs of a shedder, whatever its parameters.
trait Part {
    fn close(&self);
    fn depth(&self) -> u32;
    fn listen(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<F: Form, C: TimeSource, O: Observer<Event>, N: Counting> Part for LoadShedder<F, C, O, N> {
    fn close(&self) {
        LoadShedder::close(self);
    }

    fn depth(&self) -> u32 {
        self.slots().depth
    }

    fn listen(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.drained.listen())
    }
}

/// The graceful stop of a whole process: all its shedders are closed at once, and drained with one deadline.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::pressure::{Capacity, LoadShedder, Priority, Shutdown};
///
/// static REQUESTS: LoadShedder = LoadShedder::new(Capacity::of(256).constant());
/// static JOBS: LoadShedder = LoadShedder::new(Capacity::of(8).constant());
///
/// let job = JOBS.admit(Priority::Background).unwrap();
/// core::mem::forget(job); // one that never ends
/// let sleeper = |wait: Duration| async move { std::thread::sleep(wait) };
/// let stop = Shutdown::new().part("requests", &REQUESTS).part("jobs", &JOBS);
/// let stopped = futures::executor::block_on(stop.stop(&sleeper, Duration::from_millis(1)));
/// assert_eq!(stopped.to_string(), "requests: drained; jobs: 1 left");
/// ```
#[derive(Default)]
pub struct Shutdown<'a> {
    parts: Vec<(&'a str, &'a (dyn Part + Sync))>,
}

/// How a process came to rest: each part by its name, and how many calls it left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped<'a> {
    parts: Vec<(&'a str, u32)>,
}

impl<'a> Shutdown<'a> {
    /// Of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { parts: Vec::new() }
    }

    /// And of this.
    #[must_use]
    pub fn part<F, C, O, N>(mut self, name: &'a str, shedder: &'a LoadShedder<F, C, O, N>) -> Self
    where
        F: Form + Sync,
        C: TimeSource + Sync,
        O: Observer<Event> + Sync,
        N: Counting + Sync,
    {
        self.parts.push((name, shedder));
        self
    }

    /// Closes all parts, then waits until all of them are empty, for so long at most.
    pub async fn stop<S: Sleep>(self, sleeper: &S, longest: Duration) -> Stopped<'a> {
        for (_, part) in &self.parts {
            part.close();
        }
        let mut time = pin!(sleeper.sleep(longest));
        let mut over = false;
        let mut parts = Vec::with_capacity(self.parts.len());
        for (name, part) in self.parts {
            over = over || empty_or_over(part, time.as_mut()).await;
            parts.push((name, part.depth()));
        }
        Stopped { parts }
    }
}

impl<'a> Stopped<'a> {
    /// Each part, and how many calls it left behind.
    pub fn parts(&self) -> impl Iterator<Item = (&'a str, u32)> {
        self.parts.iter().copied()
    }

    /// How many calls were left behind in all.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.parts.iter().map(|(_, left)| u64::from(*left)).sum()
    }
}

impl fmt::Display for Stopped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, left)) in self.parts.iter().enumerate() {
            let comma = if number == 0 { "" } else { "; " };
            match left {
                0 => write!(f, "{comma}{name}: drained")?,
                left => write!(f, "{comma}{name}: {left} left")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Shutdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|(name, _)| name)).finish()
    }
}
