//! Every face of a breaker, called at any time: nothing panics, nothing overflows, the counts add up, and waiting as
//! long as a rejection says suffices.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use arbitrary::Arbitrary;
use fusebox::breaker::{
    CircuitBreaker, Counters, Error, Event, FailureKind, Permit, Plan, Rejected, State, Verdict,
};
use fusebox::observe::Observer;
use fusebox::time::{Instant, ManualClock};
use futures_core::Stream;

/// A breaker that reads a clock which is set by hand.
pub type Subject<'a, P, O = Formatting> = CircuitBreaker<P, &'a ManualClock, O, Counters>;

/// Something to do, and what the clock shows then.
#[derive(Arbitrary, Clone, Debug)]
pub struct Step {
    when: When,
    act: Act,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum When {
    Stay,
    Millis(u8),
    Later(u32),
    Earlier(u32),
    At(u64),
    End,
}

#[derive(Arbitrary, Clone, Debug)]
enum Act {
    Acquire,
    AcquireHere,
    Finish(u8, End),
    Call(End),
    CallAsync { end: End, polls: u8 },
    Stream { items: Vec<bool>, taken: u8, at_end: bool },
    ForceOpen,
    Disable,
    Reset,
    Shadow(bool),
    Look(u64),
    Snapshot { wall: u64, later: u64 },
    WarmUp,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum End {
    Success,
    Error,
    Fail(Kind),
    Ignored,
    Cancelled,
    Panicked,
    PanickedHere(u64),
    TimedOut,
    Forgotten,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Error,
    Slow,
    Timeout,
    Panic,
}

/// An observer that looks at all it is told.
#[derive(Debug)]
pub struct Formatting;

impl Observer<Event> for Formatting {
    fn notice(&self, event: &Event) {
        assert!(!format!("{event} {event:?}").is_empty());
    }
}

/// Does all of it.
pub fn exercise<P: Plan + 'static, O: Observer<Event>>(
    breaker: &Subject<'_, P, O>,
    clock: &ManualClock,
    steps: &[Step],
) {
    // What was never said at all is in flight for ever.
    let forgotten = breaker.counts().in_flight();
    let mut held = Vec::new();
    for step in steps {
        step.when.set(clock);
        act(breaker, clock, &step.act, &mut held);
        let counts = breaker.counts();
        assert_eq!(counts.in_flight(), forgotten + held.len() as u64, "{counts:?}");
        assert_eq!(counts.hook_panics, 0, "{counts:?}");
        assert!(!format!("{breaker:?} {:?}", breaker.look()).is_empty());
    }
    held.into_iter().flatten().for_each(drop);
}

/// A permit that is out; nothing where it was forgotten.
type Out<'a, P, O> = Option<Permit<&'a Subject<'a, P, O>>>;

fn act<'a, P: Plan + 'static, O: Observer<Event>>(
    breaker: &'a Subject<'a, P, O>,
    clock: &'a ManualClock,
    act: &Act,
    held: &mut Vec<Out<'a, P, O>>,
) {
    use fusebox::time::Clock as _;
    let now = clock.now();
    match act {
        Act::Acquire => match breaker.acquire() {
            Ok(permit) => held.push(Some(permit)),
            Err(rejected) => wait(breaker, now, rejected, held),
        },
        Act::AcquireHere => held.extend(breaker.acquire_at(now).ok().map(Some)),
        Act::Finish(which, end) => {
            let Some(last) = held.len().checked_sub(1) else { return };
            let which = usize::from(*which).min(last);
            if let Some(permit) = held.swap_remove(which) {
                match end {
                    End::Forgotten => {
                        core::mem::forget(permit);
                        held.push(None);
                    }
                    _ => end.of(permit),
                }
            } else {
                held.push(None);
            }
        }
        Act::Call(end) => call(breaker, *end),
        Act::CallAsync { end, polls } => call_async(breaker, *end, *polls),
        Act::Stream { items, taken, at_end } => stream(breaker, items, *taken, *at_end),
        Act::ForceOpen => breaker.force_open(),
        Act::Disable => breaker.disable(),
        Act::Reset => breaker.reset(),
        Act::Shadow(on) => breaker.set_shadow(*on),
        Act::Look(at) => assert!(!format!("{:?}", breaker.look_at(Instant::from_nanos(*at))).is_empty()),
        Act::Snapshot { wall, later } => {
            let wall = Duration::from_nanos(*wall);
            let snapshot = breaker.snapshot_at(now, wall);
            let restored = breaker.restore_at(&snapshot, now, wall + Duration::from_nanos(*later));
            assert_eq!(restored, Ok(()), "a breaker's own snapshot: {snapshot:?}");
        }
        Act::WarmUp => breaker.warm_up(),
    }
}

/// Asks again when a rejection said to: then, and not a nanosecond before, there is a permit.
fn wait<'a, P: Plan, O: Observer<Event>>(
    breaker: &'a Subject<'a, P, O>,
    now: Instant,
    rejected: Rejected,
    held: &mut Vec<Out<'a, P, O>>,
) {
    assert!(!format!("{rejected} {rejected:?}").is_empty());
    let open = rejected.state() == State::Open;
    assert_eq!(rejected.retry_after().is_some(), open, "{rejected:?}");
    let Some(wait) = rejected.retry_after() else { return };
    let until = now.saturating_add(wait);
    // An instant that the clock never shows is not waited for; nor is one on a clock that has stepped back.
    if until == Instant::from_nanos(u64::MAX) || rejected.open_for() == Some(Duration::ZERO) {
        return;
    }
    assert!(!wait.is_zero(), "{rejected:?}");
    let before = Instant::from_nanos(until.as_nanos() - 1);
    assert!(breaker.acquire_at(before).is_err(), "before {wait:?} were over");
    match breaker.acquire_at(until) {
        Ok(permit) => held.push(Some(permit)),
        Err(again) => panic!("after {wait:?}: {again:?}"),
    }
}

fn call<P: Plan, O: Observer<Event>>(breaker: &Subject<'_, P, O>, end: End) {
    let verdict = |_: &Result<(), ()>| match end {
        End::Ignored => Verdict::Ignored,
        End::Fail(kind) => Verdict::Failure(kind.into()),
        End::TimedOut => Verdict::Failure(FailureKind::Timeout),
        End::Error => Verdict::Failure(FailureKind::Error),
        _ => Verdict::Success,
    };
    let panics = matches!(end, End::Panicked | End::PanickedHere(_));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let made = breaker.call_with(verdict, || if panics { resume_unwind(Box::new(())) } else { Ok(()) });
        assert!(matches!(made, Ok(()) | Err(Error::Rejected(_))));
    }));
    assert!(unwound.is_ok() || panics);
}

fn call_async<P: Plan, O: Observer<Event>>(breaker: &Subject<'_, P, O>, end: End, polls: u8) {
    let mut left = polls % 4;
    let pending = core::future::poll_fn(move |_| match left.checked_sub(1) {
        Some(less) => {
            left = less;
            Poll::Pending
        }
        None if matches!(end, End::Panicked) => resume_unwind(Box::new(())),
        None => Poll::Ready(if matches!(end, End::Error) { Err(()) } else { Ok(()) }),
    });
    let mut call = Box::pin(breaker.call_async(pending));
    let mut context = Context::from_waker(Waker::noop());
    // Dropped in the middle, where it is to be cancelled.
    let most = if matches!(end, End::Cancelled) { 1 } else { 5 };
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        (0..most).find(|_| call.as_mut().poll(&mut context).is_ready());
        drop(call);
    }));
    assert!(unwound.is_ok() || matches!(end, End::Panicked));
}

/// A stream of these items: successes and errors.
struct Items<'a>(core::slice::Iter<'a, bool>);

impl Stream for Items<'_> {
    type Item = Result<(), ()>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(|good| if *good { Ok(()) } else { Err(()) }))
    }
}

fn stream<P: Plan, O: Observer<Event>>(breaker: &Subject<'_, P, O>, items: &[bool], taken: u8, at_end: bool) {
    let Ok(guarded) = breaker.guard_stream(Items(items.iter())) else { return };
    let mut guarded = core::pin::pin!(if at_end { guarded.succeed_at_end() } else { guarded });
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..taken.min(8) {
        if guarded.as_mut().poll_next(&mut context) == Poll::Ready(None) {
            break;
        }
    }
}

impl When {
    fn set(self, clock: &ManualClock) {
        use fusebox::time::Clock as _;
        let now = clock.now();
        clock.set(match self {
            Self::Stay => now,
            Self::Millis(millis) => now.saturating_add(Duration::from_millis(millis.into())),
            Self::Later(nanos) => now.saturating_add(Duration::from_nanos(nanos.into())),
            Self::Earlier(nanos) => Instant::from_nanos(now.as_nanos().saturating_sub(nanos.into())),
            Self::At(nanos) => Instant::from_nanos(nanos),
            Self::End => Instant::from_nanos(u64::MAX),
        });
    }
}

impl End {
    fn of<P: Plan, O: Observer<Event>>(self, permit: Permit<&Subject<'_, P, O>>) {
        match self {
            Self::Success => permit.success(),
            Self::Error => permit.failure(),
            Self::Fail(kind) => permit.fail(kind.into()),
            Self::Ignored => permit.ignore(),
            Self::Cancelled | Self::Forgotten => drop(permit),
            Self::Panicked => permit.panicked(),
            Self::PanickedHere(at) => permit.panicked_at(Instant::from_nanos(at)),
            Self::TimedOut => permit.timed_out(),
        }
    }
}

impl From<Kind> for FailureKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Error => Self::Error,
            Kind::Slow => Self::Slow,
            Kind::Timeout => Self::Timeout,
            Kind::Panic => Self::Panic,
        }
    }
}
