//! The threads that run the samples of one row, and the short-lived one that does everything else.
//!
//! They are new for each row and stay for all its rounds. Nobody else calls a breaker meanwhile: a crate may keep a
//! place for every living thread that ever called, and the places near the processor's are few.

use std::{
    hint,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use crate::{contest::Batch, machine::cores, statistics::median};

/// A sample is run in so many slices, of which the one in the middle counts: what interrupts a thread spoils a slice
/// or two, not the sample.
const SLICES: usize = 8;

/// How often a sample is run anew because its threads hardly ever ran at the same time, before it is taken as it is.
const PATIENCE: usize = 5;

/// Some threads that start together.
pub struct Crew {
    orders: Vec<SyncSender<Order>>,
    reports: Receiver<Report>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Clone)]
struct Order {
    batch: Batch,
    /// Operations a slice.
    count: u64,
    gates: Arc<[Gate]>,
}

/// One thread's slices, or why it panicked.
type Report = thread::Result<Vec<Slice>>;

#[derive(Clone, Copy)]
struct Slice {
    began: Instant,
    ended: Instant,
}

impl Crew {
    /// Starts `size` threads, which wait for orders.
    #[must_use]
    pub fn of(size: usize) -> Self {
        let (done, reports) = sync_channel(size);
        let (orders, threads) = (0..size)
            .map(|_| {
                let (order, orders) = sync_channel::<Order>(1);
                let done = done.clone();
                let thread = thread::spawn(move || obey(&orders, &done));
                (order, thread)
            })
            .unzip();
        Self { orders, reports, threads }
    }

    /// How many threads there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.threads.len()
    }

    /// Nanoseconds one operation took as the thread that made it saw it: the median of the slices of a sample.
    ///
    /// In each slice every thread makes the same number of operations, about `count` in all slices together, and all
    /// start together. A slice's figure is the mean of the threads' own times, over that number. A slice in which the
    /// threads did not run at the same time (the machine was busy with something else) says nothing of how they get
    /// in each other's way, and does not count.
    ///
    /// # Panics
    ///
    /// When the batch does, on any thread.
    #[must_use]
    pub fn sample(&self, batch: &Batch, count: u64) -> f64 {
        let count = count.div_ceil(SLICES as u64);
        let mut figures = self.figures(batch, count);
        for _ in 0..PATIENCE {
            if self.size() > cores() || figures.iter().filter(|figure| figure.together).count() >= SLICES / 2
            {
                break;
            }
            figures.extend(self.figures(batch, count));
        }
        let together: Vec<f64> =
            figures.iter().filter(|figure| figure.together).map(|figure| figure.nanos).collect();
        let all: Vec<f64> = figures.iter().map(|figure| figure.nanos).collect();
        median(if together.is_empty() { &all } else { &together })
    }

    fn figures(&self, batch: &Batch, count: u64) -> Vec<Figure> {
        let gates = (0..SLICES).map(|_| Gate::of(self.size())).collect();
        let order = Order { batch: Arc::clone(batch), count, gates };
        for thread in &self.orders {
            thread.send(order.clone()).expect("the threads of a crew outlive it");
        }
        let reports: Vec<Report> = self.reports.iter().take(self.size()).collect();
        let threads: Vec<Vec<Slice>> =
            reports.into_iter().map(|report| report.unwrap_or_else(|why| resume_unwind(why))).collect();
        (0..SLICES).map(|nth| Figure::of(threads.iter().map(|slices| slices[nth]), count)).collect()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.orders.clear();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so, and its sample has failed.
            let _ = thread.join();
        }
    }
}

/// What one slice came to.
struct Figure {
    nanos: f64,
    together: bool,
}

impl Figure {
    fn of(slices: impl Iterator<Item = Slice> + Clone, count: u64) -> Self {
        let threads = slices.clone().count() as f64;
        let total: f64 = slices.clone().map(|slice| nanos(slice.began, slice.ended)).sum();
        let outer =
            slices.clone().map(|slice| slice.began).min().zip(slices.clone().map(|slice| slice.ended).max());
        let inner = slices.clone().map(|slice| slice.began).max().zip(slices.map(|slice| slice.ended).min());
        let lasted = |span: Option<(Instant, Instant)>| span.map_or(0.0, |(from, to)| nanos(from, to));
        // Half, and not more: who is favoured by a lock is done sooner.
        Self { nanos: total / (threads * count as f64), together: lasted(inner) >= 0.5 * lasted(outer) }
    }
}

fn nanos(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_nanos() as f64
}

/// Runs a task on a thread of its own, which is gone when this returns.
///
/// # Panics
///
/// When the task does.
pub fn apart<T: Send>(task: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(task).join()).unwrap_or_else(|why| resume_unwind(why))
}

fn obey(orders: &Receiver<Order>, done: &SyncSender<Report>) {
    for Order { batch, count, gates } in orders {
        // Brings the thread's own memory and the code into its caches.
        let mut ran = catch_unwind(AssertUnwindSafe(|| batch(count)));
        let mut slices = Vec::with_capacity(gates.len());
        for gate in &*gates {
            // Whoever panicked comes to the gates too: the others must not wait for ever.
            gate.wait();
            let began = Instant::now();
            ran = ran.and_then(|()| catch_unwind(AssertUnwindSafe(|| batch(count))));
            slices.push(Slice { began, ended: Instant::now() });
        }
        if done.send(ran.map(|()| slices)).is_err() {
            return;
        }
    }
}

/// Lets all go when all have come, within nanoseconds of each other: a barrier of the operating system wakes one
/// after the other.
struct Gate {
    missing: AtomicUsize,
}

impl Gate {
    fn of(size: usize) -> Self {
        Self { missing: AtomicUsize::new(size) }
    }

    fn wait(&self) {
        self.missing.fetch_sub(1, SeqCst);
        let mut looked = 0_u32;
        while self.missing.load(SeqCst) > 0 {
            looked += 1;
            if looked.is_multiple_of(4096) { thread::yield_now() } else { hint::spin_loop() }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicU64, time::Duration};

    use super::*;

    #[test]
    fn every_thread_runs_the_slices_and_is_timed() {
        let crew = Crew::of(2);
        let ran = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&ran);
        let batch: Batch = Arc::new(move |count| {
            seen.fetch_add(count, SeqCst);
            thread::sleep(Duration::from_millis(2));
        });
        let nanos = crew.sample(&batch, 160);
        assert!(ran.load(SeqCst) >= 2 * (160 + 20));
        assert!(nanos >= 2e6 / 20.0, "{nanos}");
    }

    #[test]
    fn slices_that_hardly_overlap_are_not_together() {
        let start = Instant::now();
        let slice = |from: u64, to: u64| Slice {
            began: start + Duration::from_nanos(from),
            ended: start + Duration::from_nanos(to),
        };
        let figure = Figure::of([slice(0, 100), slice(10, 90)].into_iter(), 10);
        assert!(figure.together && (figure.nanos - 9.0).abs() < 1e-9);
        assert!(!Figure::of([slice(0, 100), slice(90, 190)].into_iter(), 10).together);
        assert!(!Figure::of([slice(0, 100), slice(200, 300)].into_iter(), 10).together);
    }

    #[test]
    #[should_panic(expected = "a peer's own bug")]
    fn a_panic_on_a_thread_ends_the_run_instead_of_hanging_it() {
        let first = AtomicU64::new(0);
        let batch: Batch = Arc::new(move |_| assert!(first.fetch_add(1, SeqCst) != 0, "a peer's own bug"));
        let _ = Crew::of(2).sample(&batch, 1);
    }
}
