//! The service that everybody calls: so many servers with a queue before them, until it dies, and after it is back.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use fusebox::sleep::Sleep as _;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::agenda::{Agenda, Event};
use crate::world::{REFUSED_AFTER, SERVERS, WORK, nanos};

/// The stream of chance that the work is drawn from.
const WORKS: u64 = 1;

/// What its callers find when it is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Death {
    /// Nobody is there: each attempt fails at once.
    Refuses,
    /// It takes the call, and never answers.
    Hangs,
}

impl Death {
    pub const ALL: [Self; 2] = [Self::Refuses, Self::Hangs];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Refuses => "refuses",
            Self::Hangs => "hangs",
        }
    }
}

/// There was no answer, and will be none.
#[derive(Debug, Clone, Copy)]
pub struct Down;

pub struct Service<'a> {
    agenda: &'a Agenda,
    death: Death,
    inner: RefCell<Inner>,
}

struct Inner {
    up: bool,
    jobs: Vec<Job>,
    queue: VecDeque<usize>,
    serving: Vec<usize>,
    works: ChaCha8Rng,
    /// When each attempt reached it.
    reached: Vec<u64>,
}

/// An attempt that the living service took.
struct Job {
    call: usize,
    work: u64,
    fate: Fate,
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Pending,
    Answered,
    Lost,
}

impl<'a> Service<'a> {
    pub fn new(agenda: &'a Agenda, death: Death, seed: u64) -> Self {
        let mut works = ChaCha8Rng::seed_from_u64(seed);
        works.set_stream(WORKS);
        let inner = Inner {
            up: true,
            jobs: Vec::new(),
            queue: VecDeque::new(),
            serving: Vec::with_capacity(SERVERS),
            works,
            reached: Vec::new(),
        };
        Self { agenda, death, inner: RefCell::new(inner) }
    }

    /// One attempt. Who gives it up has cost the service the same: the work is done, for nobody.
    pub async fn ask(&self) -> Result<(), Down> {
        match (self.arrive(), self.death) {
            (Some(job), _) => poll_fn(|_| self.fate(job)).await,
            (None, Death::Refuses) => {
                self.agenda.sleep(REFUSED_AFTER).await;
                Err(Down)
            }
            (None, Death::Hangs) => std::future::pending().await,
        }
    }

    fn arrive(&self) -> Option<usize> {
        let mut inner = self.inner.borrow_mut();
        inner.reached.push(self.agenda.now());
        if !inner.up {
            return None;
        }
        let work = nanos(WORK);
        let work = inner.works.random_range(work / 2..work * 3 / 2);
        let job = inner.jobs.len();
        inner.jobs.push(Job { call: self.agenda.polled(), work, fate: Fate::Pending });
        inner.queue.push_back(job);
        self.serve(&mut inner);
        Some(job)
    }

    /// Gives work to the servers that have none.
    fn serve(&self, inner: &mut Inner) {
        while inner.serving.len() < SERVERS {
            let Some(job) = inner.queue.pop_front() else { return };
            inner.serving.push(job);
            let work = inner.jobs.get(job).map_or(0, |job| job.work);
            self.agenda.plan(self.agenda.now() + work, Event::Works { job });
        }
    }

    fn fate(&self, job: usize) -> Poll<Result<(), Down>> {
        match self.inner.borrow().jobs.get(job).map(|job| job.fate) {
            Some(Fate::Answered) => Poll::Ready(Ok(())),
            Some(Fate::Pending) => Poll::Pending,
            Some(Fate::Lost) | None => Poll::Ready(Err(Down)),
        }
    }

    /// A server has done its work, unless it died before.
    pub fn works(&self, job: usize) {
        let mut inner = self.inner.borrow_mut();
        if let Some(place) = inner.serving.iter().position(|serving| *serving == job) {
            inner.serving.swap_remove(place);
            self.tell(&mut inner, job, Fate::Answered);
            self.serve(&mut inner);
        }
    }

    fn tell(&self, inner: &mut Inner, job: usize, fate: Fate) {
        if let Some(job) = inner.jobs.get_mut(job) {
            job.fate = fate;
            self.agenda.plan(self.agenda.now(), Event::Wakes { call: job.call });
        }
    }

    /// All that it was asked and has not answered is lost.
    pub fn dies(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.up = false;
        let mut lost = std::mem::take(&mut inner.serving);
        lost.extend(inner.queue.drain(..));
        if self.death == Death::Refuses {
            for job in lost {
                self.tell(&mut inner, job, Fate::Lost);
            }
        }
    }

    pub fn returns(&self) {
        self.inner.borrow_mut().up = true;
    }

    /// When each attempt reached it, in nanoseconds.
    pub fn reached(self) -> Vec<u64> {
        self.inner.into_inner().reached
    }
}
