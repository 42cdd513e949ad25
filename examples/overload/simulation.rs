//! One simulated service with its clients, in virtual time: an event after the other, none of them in a hurry.
//!
//! A client asks. The guard lets it in or not. Whoever is let in waits for a server in the order of coming, and is answered
//! when the server has done its work. Who is turned away, or not answered in time, pauses and asks again, a few times.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use fusebox::pressure::{Outcome, Priority};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::arrivals::{Arrival, Arrivals, Process};
use crate::guard::{Guard, Pass};
use crate::tally::{Loss, Tally};
use crate::world::{PATIENCE, SERVERS, TRIES, pause};

/// The stream of chance that the pauses are drawn from.
const PAUSES: u64 = 1;

/// Under what it runs.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    pub process: Process,
    /// Arrivals a second.
    pub rate: f64,
    /// Whether the guard is told the priorities, or that all is critical.
    pub priorities: bool,
    pub seed: u64,
}

pub struct Simulation<'a> {
    guard: &'a Guard,
    priorities: bool,
    arrivals: Arrivals,
    /// Who comes next.
    coming: Option<Arrival>,
    pauses: ChaCha8Rng,
    /// Of two at the same instant, the one that was made first.
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    made: u64,
    clients: Vec<Client>,
    queue: VecDeque<Job<'a>>,
    servers: Vec<Option<Job<'a>>>,
    idle: Vec<usize>,
    /// By how much the work takes longer than usual.
    pub slowness: u64,
    /// Whether who comes now counts.
    pub measuring: bool,
    pub tally: Tally,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives,
    Done { server: usize },
    Impatient { client: usize, tried: u8 },
    AsksAgain { client: usize },
}

struct Client {
    priority: Priority,
    work: u64,
    tried: u8,
    answered: bool,
    measured: bool,
}

/// A try that was let in.
struct Job<'a> {
    client: usize,
    asked: u64,
    work: u64,
    pass: Pass<'a>,
}

impl<'a> Simulation<'a> {
    pub fn new(guard: &'a Guard, under: Conditions) -> anyhow::Result<Self> {
        let mut pauses = ChaCha8Rng::seed_from_u64(under.seed);
        // Other numbers than those of the arrivals, so that these are the same whoever asks again.
        pauses.set_stream(PAUSES);
        let servers = SERVERS as usize;
        let mut simulation = Self {
            guard,
            priorities: under.priorities,
            arrivals: Arrivals::new(under.process, under.rate, under.seed)?,
            coming: None,
            pauses,
            events: BinaryHeap::new(),
            made: 0,
            clients: Vec::new(),
            queue: VecDeque::new(),
            servers: (0..servers).map(|_| None).collect(),
            idle: (0..servers).rev().collect(),
            slowness: 1,
            measuring: false,
            tally: Tally::new(),
        };
        simulation.next_arrival();
        Ok(simulation)
    }

    /// Lives until this instant.
    pub fn run_to(&mut self, until: Duration) {
        let until = nanos(until);
        while self.events.peek().is_some_and(|Reverse((at, ..))| *at < until) {
            let Some(Reverse((now, _, event))) = self.events.pop() else { return };
            match event {
                Event::Arrives => self.arrives(now),
                Event::Done { server } => self.done(server, now),
                Event::Impatient { client, tried } => self.impatient(client, tried, now),
                Event::AsksAgain { client } => self.ask(client, now),
            }
        }
    }

    /// The work that is not done by now has taken this long at least.
    pub fn finish(mut self, now: Duration) -> Tally {
        let now = nanos(now);
        for job in self.servers.iter().flatten().chain(&self.queue) {
            if self.clients.get(job.client).is_some_and(|client| client.measured) {
                self.tally.answered(now.saturating_sub(job.asked));
            }
        }
        self.tally
    }

    fn plan(&mut self, at: u64, event: Event) {
        self.made += 1;
        self.events.push(Reverse((at, self.made, event)));
    }

    fn next_arrival(&mut self) {
        self.coming = self.arrivals.next();
        if let Some(Arrival { at, .. }) = self.coming {
            self.plan(at, Event::Arrives);
        }
    }

    fn arrives(&mut self, now: u64) {
        if let Some(Arrival { priority, work, .. }) = self.coming {
            let measured = self.measuring;
            if measured {
                self.tally.arrived(priority, self.guard.limit());
            }
            self.clients.push(Client { priority, work, tried: 0, answered: false, measured });
            self.ask(self.clients.len() - 1, now);
        }
        self.next_arrival();
    }

    fn ask(&mut self, number: usize, now: u64) {
        let Some(client) = self.clients.get_mut(number) else { return };
        client.tried += 1;
        let (tried, work, measured) = (client.tried, client.work, client.measured);
        let told = if self.priorities { client.priority } else { Priority::Critical };
        let pass = self.guard.admit(told, now);
        if measured {
            self.tally.tries += 1;
            self.tally.admitted += u64::from(pass.is_some());
        }
        let Some(pass) = pass else { return self.in_vain(number, Loss::Shed, now) };
        self.plan(now + nanos(PATIENCE), Event::Impatient { client: number, tried });
        let job = Job { client: number, asked: now, work, pass };
        match self.idle.pop() {
            Some(server) => self.serve(server, job, now),
            None => self.queue.push_back(job),
        }
    }

    fn serve(&mut self, server: usize, job: Job<'a>, now: u64) {
        self.plan(now + job.work * self.slowness, Event::Done { server });
        if let Some(place) = self.servers.get_mut(server) {
            *place = Some(job);
        }
    }

    fn done(&mut self, server: usize, now: u64) {
        let Some(job) = self.servers.get_mut(server).and_then(Option::take) else { return };
        let took = now - job.asked;
        let in_time = took < nanos(PATIENCE);
        // The service knows how long its clients wait: an answer that nobody reads is a sign of overload.
        job.pass.give_back(if in_time { Outcome::Success } else { Outcome::Overload }, now);
        if let Some(client) = self.clients.get_mut(job.client) {
            client.answered |= in_time;
            if client.measured {
                self.tally.answered(took);
                if in_time {
                    self.tally.served(client.priority);
                }
            }
        }
        match self.queue.pop_front() {
            Some(next) => self.serve(server, next, now),
            None => self.idle.push(server),
        }
    }

    fn impatient(&mut self, number: usize, tried: u8, now: u64) {
        let waits = self.clients.get(number).is_some_and(|it| it.tried == tried && !it.answered);
        if waits {
            self.in_vain(number, Loss::Late, now);
        }
    }

    /// A try was no good: the client pauses and asks again, or has had enough.
    fn in_vain(&mut self, number: usize, loss: Loss, now: u64) {
        let Some(client) = self.clients.get(number) else { return };
        if client.tried < TRIES {
            let mean = nanos(pause(client.tried));
            let pause = self.pauses.random_range(mean / 2..mean * 3 / 2);
            self.plan(now + pause, Event::AsksAgain { client: number });
        } else if client.measured {
            self.tally.lost(client.priority, loss);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
