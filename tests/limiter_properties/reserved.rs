//! Reservations, refunds, and quotas that change.

use core::time::Duration;

use fusebox::limiter::{RateLimiter, Refused, Reservation};
use proptest::collection::vec;
use proptest::prelude::*;

use super::config;
use super::driver::{Step, Tick, Time, agrees, between, level_agrees, nanos, same};
use super::model::{Fineness, Model, Record, Spec};
use super::strategies;
use super::subject::{FORMS, Form, Reserving, at};

/// What is done in a queue: a step that reserves, or checks; or a refund of one of those that were reserved.
#[derive(Clone, Copy, Debug)]
enum Act {
    Check(Step),
    /// Ready to wait for so many thousandths of an interval.
    Reserve(Step, u32),
    Refund(Tick, u8),
}

fn acts() -> BoxedStrategy<Vec<Act>> {
    let step =
        || (strategies::forward_ticks(), strategies::cells()).prop_map(|(tick, cells)| Step { tick, cells });
    let act = prop_oneof![
        2 => step().prop_map(Act::Check),
        5 => (step(), 0..50_000_u32).prop_map(|(step, wait)| Act::Reserve(step, wait)),
        2 => (strategies::forward_ticks(), any::<u8>()).prop_map(|(tick, which)| Act::Refund(tick, which)),
    ];
    vec(act, 1..40).boxed()
}

/// Whoever took cells: when, how many, and whether they were given back.
#[derive(Clone, Copy, Debug)]
struct Job {
    made: u64,
    /// The instant from which they may be used.
    due: u64,
    cells: u32,
    refunded: bool,
}

struct Queue<'a> {
    spec: &'a Spec,
    limiter: Box<dyn Reserving>,
    model: Model,
    jobs: Vec<Job>,
    held: Vec<(Reservation, usize, i128)>,
    refunds: usize,
    /// The state alone does not know how long a reservation stood in the queue, and gives back less.
    safely: bool,
}

impl Queue<'_> {
    fn check(&mut self, n: u32, now: u64) -> Result<(), String> {
        let decision = self.limiter.check(n, now);
        if decision.is_allowed() {
            self.took(n, now, now);
        }
        if self.refunds == 0 {
            agrees(self.spec, &mut self.model, &decision, n, now)?;
        }
        Ok(())
    }

    fn took(&mut self, n: u32, now: u64, due: u64) {
        self.jobs.push(Job { made: now, due, cells: n, refunded: false });
    }

    fn reserve(&mut self, n: u32, longest: u64, now: u64) -> Result<(), String> {
        let reserved = self.limiter.reserve(n, Duration::from_nanos(longest), now);
        let reserved_is = reserved.as_ref().map(|it| (nanos(it.wait()), it.due(), it.cells()));
        let expected = self.model.reserved(n, longest, now);
        if self.refunds == 0 {
            match (&reserved_is, expected) {
                (Err(Refused::NeverFits(_)), _) => same("never fits", n > self.spec.burst, true)?,
                (Err(Refused::Denied(denied)), Err(wait)) => {
                    same("wait refused", nanos(denied.retry_after()), wait)?
                }
                (Ok(told), Ok(wait)) => same("reservation", *told, (wait, at(now + wait), n))?,
                (seen, expected) => return Err(format!("reserved {seen:?}, which is not {expected:?}")),
            }
        }
        if let Ok(reservation) = reserved {
            self.took(n, now, reservation.due().as_nanos());
            self.model.took(n, now);
            let after = self.model.tat.unwrap_or(0);
            self.held.push((reservation, self.jobs.len() - 1, after));
        }
        Ok(())
    }

    fn refund(&mut self, which: u8, now: u64) -> Result<(), String> {
        if self.held.is_empty() {
            return Ok(());
        }
        let (reservation, job, after) = self.held.swap_remove(usize::from(which) % self.held.len());
        let cells = reservation.cells();
        let told = self.limiter.refund(reservation, now);
        self.jobs[job].refunded = true;
        self.refunds += 1;
        if self.refunds > 1 || self.safely {
            return if told <= cells { Ok(()) } else { Err(format!("{told} back of {cells}")) };
        }
        // The first one gives back exactly what is still to come of its own part of the queue; nothing while others wait
        // behind it, whose instants newcomers would get.
        let here = i128::from(now) * self.model.q;
        let tail = self.model.tat.is_none_or(|tat| tat == after);
        let waits = self.model.tat.is_some_and(|tat| tat > here + i128::from(self.spec.burst) * self.model.p);
        let most = if tail || !waits { i128::from(cells) * self.model.p } else { 0 };
        let left = (after - here).clamp(0, most);
        same("cells back", told, (left / self.model.p) as u32)?;
        self.model.tat = self.model.tat.map(|tat| tat - left);
        level_agrees(&self.model, self.limiter.level(now), now)
    }

    /// The queue of those that gave nothing back is never longer than the limiter's.
    fn frees_nobody_early(&self, now: u64) -> Result<(), String> {
        let mut others = Model::new(self.spec, self.model.fine);
        for job in self.jobs.iter().filter(|job| !job.refunded) {
            others.took(job.cells, job.made);
        }
        let (least, _) = others.full_in(now);
        let (_, most) = others.remaining(now);
        let level = self.limiter.level(now);
        between("full_in beside the others' own queue", level.full_in().as_nanos(), least, u128::MAX)?;
        between("remaining beside the others' own queue", level.remaining().into(), 0, most.into())
    }
}

impl Model {
    /// The wait for cells of which nobody else asks, if it is not too long; else the wait until it is worth asking again.
    fn reserved(&self, n: u32, longest: u64, now: u64) -> Result<u64, u64> {
        if self.choice(n, now).may_admit {
            return Ok(0);
        }
        let (wait, _) = self.retry_after(n, now);
        let wait = wait as u64;
        if wait <= longest { Ok(wait) } else { Err(wait) }
    }
}

/// Does all of it, up to so many refunds.
fn do_all(spec: &Spec, start: u64, acts: &[Act], form: usize, most_refunds: usize) -> Result<(), String> {
    let (limiter, model) = (FORMS[form].make(spec), Model::new(spec, Fineness::of_a_word(spec)));
    let (jobs, held, safely) = (Vec::new(), Vec::new(), matches!(FORMS[form], Form::State));
    let mut queue = Queue { spec, limiter, model, jobs, held, refunds: 0, safely };
    let mut time = Time::starting_at(start);
    for act in acts {
        let tick = match act {
            Act::Check(step) | Act::Reserve(step, _) => step.tick,
            Act::Refund(tick, _) => *tick,
        };
        time.pass(tick, spec, nanos(queue.limiter.level(time.now).full_in()));
        let now = time.now;
        let done = match act {
            Act::Check(step) => queue.check(step.cells.of(spec.burst), now),
            Act::Reserve(step, wait) => {
                queue.reserve(step.cells.of(spec.burst), thousandths(spec, *wait), now)
            }
            Act::Refund(..) if queue.refunds == most_refunds => break,
            Act::Refund(_, which) => queue.refund(*which, now),
        };
        done.and_then(|()| queue.frees_nobody_early(now))
            .map_err(|wrong| format!("{act:?} at {now} ns: {wrong}"))?;
    }
    // What is due between two nanoseconds may be used at the next one. What was refunded was not used.
    let mut used = Record::default();
    for job in queue.jobs.iter().filter(|job| !job.refunded) {
        used.add(job.due, job.cells);
    }
    used.keeps_the_bound_but_for(spec, 1)
}

/// So many thousandths of an interval in nanoseconds.
fn thousandths(spec: &Spec, many: u32) -> u64 {
    let (p, q) = spec.interval();
    (p * i128::from(many) / q / 1_000) as u64
}

/// A reservation that stood behind a refunded one moved forward in the queue, and was over before it was refunded itself.
#[test]
fn properties_a_refund_behind_a_refund_gives_back_nothing_that_is_refilled_already() {
    let spec = Spec { rate: 1, period: 16, burst: 3 };
    for form in FORMS {
        let mut limiter = form.make(&spec);
        assert!(limiter.check(1, 0).is_allowed());
        let mut reserve = || limiter.reserve(1, Duration::ZERO, 0).expect("it is free");
        let (first, second) = (reserve(), reserve());
        assert_eq!(limiter.refund(first, 0), 1);
        assert!(limiter.check(3, 32).is_allowed(), "{form:?}: full again");
        assert_eq!(limiter.refund(second, 32), 0, "{form:?}: its cell came back at 32");
        assert!(!limiter.check(1, 32).is_allowed(), "{form:?}: four cells at once, with a burst of three");
    }
}

proptest! {
    #![proptest_config(config())]

    /// A reservation waits exactly as long as a check would have to; the first refund takes back exactly its own.
    #[test]
    fn reservations_and_a_refund_do_what_a_queue_does(
        spec in strategies::moderate_and_exact(), start in 0..strategies::YEAR, acts in acts(), form in 0..3_usize
    ) {
        do_all(&spec, start, &acts, form, 1).map_err(TestCaseError::fail)?;
    }

    /// However many are refunded, nobody is freed earlier than in a queue in which they had never been.
    #[test]
    fn refunds_free_nobody_early(
        spec in strategies::moderate_and_exact(), start in 0..strategies::YEAR, acts in acts(), form in 0..3_usize
    ) {
        do_all(&spec, start, &acts, form, usize::MAX).map_err(TestCaseError::fail)?;
    }

    /// A change of the quota keeps the debt in cells, rounded up to the new one's parts.
    #[test]
    fn a_change_of_the_quota_keeps_the_debt_in_cells(
        quotas in vec((strategies::moderate_and_exact(), strategies::forward_steps()), 1..6), start in 0..strategies::YEAR
    ) {
        let (first, _) = &quotas[0];
        let limiter = RateLimiter::adjustable(first.quota()).expect("moderate");
        let (mut time, mut before) = (Time::starting_at(start), Model::new(first, Fineness::of_a_word(first)));
        for (spec, steps) in &quotas {
            limiter.set_quota_at(spec.quota(), at(time.now)).expect("moderate");
            let mut model = Model::new(spec, Fineness::of_a_word(spec));
            let debt = before.tat.map_or(0, |tat| (tat - i128::from(time.now) * before.q).max(0)) * model.p;
            let debt = debt / before.p + i128::from(debt % before.p > 0);
            model.tat = (debt > 0).then_some(i128::from(time.now) * model.q + debt);
            level_agrees(&model, limiter.peek_at(at(time.now)), time.now).map_err(TestCaseError::fail)?;
            for step in steps {
                time.pass(step.tick, spec, nanos(limiter.peek_at(at(time.now)).full_in()));
                let n = step.cells.of(spec.burst);
                let decision = limiter.check_n_at(n, at(time.now));
                time.note(&decision);
                agrees(spec, &mut model, &decision, n, time.now)
                    .map_err(|wrong| TestCaseError::fail(format!("{step:?}: {wrong} {model:?}")))?;
            }
            before = model;
        }
    }
}
