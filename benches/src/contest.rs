//! One contestant; and for breakers, what is timed of it: a breaker that is called through one method, which is the method that is checked and the method
//! that is timed.

use std::{error::Error, fmt, hint::black_box, sync::Arc};

/// What the guarded work of every contestant fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the guarded work failed")
    }
}

impl Error for Failed {}

/// What the guarded work gives back.
pub type Outcome = Result<u64, Failed>;

/// What a breaker made of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The work ran and its success came back.
    Served,
    /// The work ran and its error came back.
    Failed,
    /// The work did not run.
    Rejected,
}

/// A breaker that many threads share.
pub trait Subject: Send + Sync + 'static {
    /// One thread's way into it, made outside of what is timed.
    type Caller<'a>: Caller
    where
        Self: 'a;

    /// The way in for the calling thread.
    fn caller(&self) -> Self::Caller<'_>;
}

/// One thread's way into a breaker.
pub trait Caller {
    /// The whole of what the crate answers; the loop keeps all of it alive.
    type Reply;

    /// Calls the work through the breaker, which every implementation first passes through [`black_box`], so that
    /// nothing known of it at compile time helps.
    fn call(&mut self, work: impl Fn() -> Outcome + Clone + Send + 'static) -> Self::Reply;

    /// What the reply means.
    fn read(reply: &Self::Reply) -> Answer;
}

/// A contestant does not do what it would be timed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The crate, and its version.
    pub who: String,
    /// What it did instead.
    pub what: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not do the work it would be timed for: {}", self.who, self.what)
    }
}

impl Error for Unfit {}

/// A batch of operations that every thread of a sample runs, each as often as it is told.
pub type Batch = Arc<dyn Fn(u64) + Send + Sync>;

/// Somebody to be timed: who it is, and what makes its batches.
pub struct Contestant {
    /// The name of the crate, or of the floor.
    pub name: &'static str,
    /// The version in `Cargo.lock`, empty for a floor.
    pub version: &'static str,
    /// No batch is longer: for those whose operations grow dearer with every one.
    pub longest_batch: u64,
    /// For those who are weighed and not timed: gives the bytes.
    pub weigh: Option<fn() -> f64>,
    begin: Box<dyn Fn() -> Batch + Send + Sync>,
    afterwards: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Contestant {
    /// A breaker made once, which every sample goes on using.
    pub fn lasting<S: Subject>(
        name: &'static str,
        version: &'static str,
        subject: S,
        work: impl Fn(u64) -> Outcome + Copy + Send + Sync + 'static,
        answer: Answer,
    ) -> Self {
        let subject = Arc::new(subject);
        let timed = Arc::clone(&subject);
        let batch: Batch = Arc::new(move |count| repeat(&mut timed.caller(), count, work));
        let who = Identity { name, version };
        Self::of(who, move || Arc::clone(&batch), move || still(&*subject, answer))
    }

    /// Somebody whose batches are made by `begin`, once a sample and outside of what is timed, and of whom `afterwards`
    /// says whether the timing left it as it had to be.
    pub fn of(
        who: Identity,
        begin: impl Fn() -> Batch + Send + Sync + 'static,
        afterwards: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: who.name,
            version: who.version,
            longest_batch: u64::MAX,
            weigh: None,
            begin: Box::new(begin),
            afterwards: Box::new(afterwards),
        }
    }

    /// Somebody who is weighed: there is nothing to repeat.
    #[must_use]
    pub fn weighed(who: Identity, weigh: fn() -> f64) -> Self {
        Self { weigh: Some(weigh), ..Self::of(who, || Arc::new(|_| ()), || Ok(())) }
    }

    /// A breaker made anew for every sample, by `make`, outside of what is timed.
    pub fn fresh<S: Subject>(
        name: &'static str,
        version: &'static str,
        longest_batch: u64,
        make: impl Fn() -> S + Send + Sync + 'static,
        work: impl Fn(u64) -> Outcome + Copy + Send + Sync + 'static,
    ) -> Self {
        let begin = move || -> Batch {
            let subject = make();
            Arc::new(move |count| repeat(&mut subject.caller(), count, work))
        };
        Self { longest_batch, ..Self::of(Identity { name, version }, begin, || Ok(())) }
    }

    /// A bare operation of the machine, on a state that the threads share.
    pub fn floor<T: Send + Sync + 'static, R>(
        name: &'static str,
        state: T,
        operation: impl Fn(&T) -> R + Send + Sync + 'static,
    ) -> Self {
        let batch: Batch = Arc::new(move |count| {
            for _ in 0..count {
                black_box(&operation(black_box(&state)));
            }
        });
        Self::of(Identity { name, version: "" }, move || Arc::clone(&batch), || Ok(()))
    }

    /// The batch of the next sample.
    #[must_use]
    pub fn begin(&self) -> Batch {
        (self.begin)()
    }

    /// Whether the timing left it in the state that was to be timed.
    pub fn check_afterwards(&self) -> Result<(), Unfit> {
        (self.afterwards)().map_err(|what| Unfit { who: format!("{} {}", self.name, self.version), what })
    }
}

/// What is timed. It is compiled once for each contestant, with its call in the loop; the only dynamic call is around
/// the whole batch. All of the reply must be there, where the call put it: by value, [`black_box`] would copy it.
#[inline(never)]
fn repeat<C: Caller>(
    caller: &mut C,
    count: u64,
    work: impl Fn(u64) -> Outcome + Copy + Send + Sync + 'static,
) {
    for index in 0..count {
        black_box(&caller.call(move || work(index)));
    }
}

/// A closed breaker that opened while it was timed, or an open one that let somebody in, was timed for something
/// else.
fn still<S: Subject>(subject: &S, answer: Answer) -> Result<(), String> {
    let reply = subject.caller().call(|| Ok(0));
    let found = <S::Caller<'_> as Caller>::read(&reply);
    if found == answer {
        Ok(())
    } else {
        Err(format!("a call after the last round was {found:?}, not {answer:?} as the calls timed had to be"))
    }
}

/// Work that succeeds, with a value the optimiser cannot see.
pub fn succeeding(_index: u64) -> Outcome {
    Ok(black_box(7))
}

/// Work that fails, but for one call in 1024: no row of failures then reaches a threshold of 65 535.
pub fn failing(index: u64) -> Outcome {
    if index.is_multiple_of(1024) { Ok(black_box(7)) } else { Err(Failed) }
}

/// A version handed over by the build script, with the crate it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The crate's name.
    pub name: &'static str,
    /// Its version in `Cargo.lock`.
    pub version: &'static str,
}

impl Identity {
    /// Names whom a check found wanting.
    #[must_use]
    pub fn unfit(self, what: String) -> Unfit {
        Unfit { who: format!("{} {}", self.name, self.version), what }
    }

    /// A lasting contestant of this crate.
    pub fn lasting<S: Subject>(
        self,
        subject: S,
        work: impl Fn(u64) -> Outcome + Copy + Send + Sync + 'static,
        answer: Answer,
    ) -> Contestant {
        Contestant::lasting(self.name, self.version, subject, work, answer)
    }
}
