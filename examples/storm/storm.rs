//! One storm: a fleet of one kind, and the service that it calls, from calm over the outage to calm, if that comes.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::agenda::{Agenda, Event};
use crate::clients::{Call, Kind, Process, process};
use crate::service::{Death, Service};
use crate::tally::Tally;
use crate::world::{AFTER, BEFORE, CLIENTS, OUTAGE, PAUSE, PROCESSES, nanos};

pub fn run(kind: Kind, death: Death, seed: u64) -> anyhow::Result<Tally> {
    let agenda = Agenda::new();
    let service = Service::new(&agenda, death, seed);
    // All chance but that of the work and of the jitter: so every kind of fleet makes the same calls.
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let fleet: Vec<Process> = (0..PROCESSES)
        .map(|_| process(kind, &agenda, &service, chance.random()))
        .collect::<anyhow::Result<_>>()?;
    let pause = nanos(PAUSE);
    for client in 0..CLIENTS {
        agenda.plan(chance.random_range(0..pause), Event::Calls { client });
    }
    agenda.plan(nanos(BEFORE), Event::Dies);
    agenda.plan(nanos(BEFORE + OUTAGE), Event::Returns);
    let end = nanos(length());

    let mut calls: Vec<Option<Call>> = Vec::new();
    let mut begun: Vec<u64> = Vec::new();
    let mut succeeded: Vec<u64> = Vec::new();
    // Every call has an end, and so has this.
    while let Some(event) = agenda.next() {
        let call = match event {
            Event::Calls { client } => {
                let next = agenda.now() + chance.random_range(pause / 2..pause * 3 / 2);
                if next < end {
                    agenda.plan(next, Event::Calls { client });
                }
                let Some(process) = fleet.get((client % PROCESSES) as usize) else { continue };
                calls.push(Some(process()));
                begun.push(agenda.now());
                calls.len() - 1
            }
            Event::Wakes { call } => call,
            Event::Works { job } => {
                service.works(job);
                continue;
            }
            Event::Dies => {
                service.dies();
                continue;
            }
            Event::Returns => {
                service.returns();
                continue;
            }
        };
        // It may have ended before it wakes.
        let Some(Some(future)) = calls.get_mut(call) else { continue };
        if let std::task::Poll::Ready(success) = agenda.poll(call, future.as_mut()) {
            if let Some(place) = calls.get_mut(call) {
                *place = None;
            }
            succeeded.extend(begun.get(call).filter(|_| success));
        }
    }
    drop((calls, fleet));
    Ok(Tally::new(kind, death, &begun, &succeeded, &service.reached()))
}

pub fn length() -> Duration {
    BEFORE + OUTAGE + AFTER
}
