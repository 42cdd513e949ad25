//! Calls that block, with a limit: each on a helper thread, of which there is never more than a fixed number.

use core::fmt;
use core::panic::AssertUnwindSafe;
use core::time::Duration;

use alloc::sync::Arc;
use std::io::ErrorKind;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use crate::bits::Field;
use crate::cell::{Cell, Meaning};
use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};
use crate::refusal::{By, MayRefuse, Refusal};
use crate::sync::Once;
use crate::timeout::TimedOut;

/// Gives calls that block a limit, each on a helper thread of its own.
///
/// A thread cannot be stopped from outside. At the limit the caller goes on, and the call stays where it is: its helper is out until
/// the call ends by itself, and drops what it gives. So that a dependency that hangs does not take all threads of the machine, there
/// are so many helpers *at most, those that are still stuck included*; when all are out, a call is refused at once.
///
/// Costs the start of a thread per call, which dwarfs all else here, and a few allocations. No thread is
/// kept idle. Where the dependency has time-outs of its own, set them too: only they end its work.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::{HelperError, Helpers};
///
/// static RESOLVING: Helpers = Helpers::constant(1);
/// let limit = Duration::from_secs(5);
/// assert_eq!(RESOLVING.call(limit, "resolve", || 7), Ok(7));
///
/// let hangs = || std::thread::sleep(Duration::from_secs(60));
/// let late = RESOLVING.call(Duration::from_millis(5), "resolve", hangs).unwrap_err();
/// assert!(late.timed_out().is_some());
/// assert_eq!(RESOLVING.call(limit, "resolve", || 7), Err(HelperError::Busy { running: 1 }));
/// ```
pub struct Helpers {
    most: u32,
    // Helpers outlive the caller's borrow.
    out: Once<Arc<Cell>>,
}

/// Why a blocking call gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HelperError {
    /// It had not ended at its limit. It goes on by itself, and what it gives is dropped.
    TimedOut(TimedOut),
    /// It was not made: all helpers are out, some perhaps stuck in calls that timed out.
    Busy {
        /// How many are out.
        running: u32,
    },
    /// It was not made: the system gave no thread.
    NoThread(ErrorKind),
}

/// How many helpers are out.
#[derive(Clone, Copy, Debug)]
struct Out(u64);

const OUT: Field = Field::lowest(32);

impl Meaning for Out {
    fn encode(self) -> u64 {
        OUT.put(self.0)
    }

    fn decode(word: u64) -> Self {
        Self(OUT.get(word))
    }
}

impl Out {
    #[expect(clippy::cast_possible_truncation, reason = "the field has 32 bits")]
    const fn number(self) -> u32 {
        self.0 as u32
    }
}

/// A helper's place: given back when it is dropped, wherever that is.
struct Place(Arc<Cell>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.take_one_off::<Out>();
    }
}

impl Helpers {
    /// So many helpers at most.
    ///
    /// # Examples
    /// ```
    /// use fusebox::timeout::Helpers;
    ///
    /// assert_eq!(Helpers::new(0).unwrap_err().to_string(), "most = 0: must be a helper at least");
    /// ```
    ///
    /// # Errors
    /// There must be one at least.
    pub const fn new(most: u32) -> Result<Self, InvalidPolicy> {
        match checked(most) {
            Ok(most) => Ok(Self { most, out: Once::new() }),
            Err(invalid) => Err(invalid),
        }
    }

    /// So many helpers at most, for const items: none do not compile.
    #[must_use]
    pub const fn constant(most: u32) -> Self {
        match checked(most) {
            Ok(most) => Self { most, out: Once::new() },
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }

    /// Makes a call on a helper, and waits for it so long. It must not borrow from the caller, for it may outlive it.
    ///
    /// A panic of the call goes on in the caller, if it still waits; else it ends with the helper. With `panic = "abort"` it
    /// ends the process, as everywhere. A limit of zero is over at once, and the call is not made.
    ///
    /// # Errors
    /// The limit was reached, or no helper could be had.
    ///
    /// # Panics
    /// With the call's own panic, and with no other.
    pub fn call<T: Send + 'static>(
        &self,
        limit: Duration,
        operation: &'static str,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HelperError> {
        let late = HelperError::TimedOut(TimedOut::new(operation, limit));
        if limit.is_zero() {
            return Err(late);
        }
        let place = self.place()?;
        let (send, receive) = channel();
        let helper = move || {
            let ended = catch_unwind(AssertUnwindSafe(call));
            // The place goes with what the call gave: it is free once somebody has taken that, or dropped it.
            if let Err(nobody) = send.send((ended, place)) {
                drop_quietly(nobody.0);
            }
        };
        let spawned = thread::Builder::new().name("fusebox-helper".into()).spawn(helper);
        spawned.map_err(|error| HelperError::NoThread(error.kind()))?;
        match receive.recv_timeout(limit) {
            Ok((Ok(value), _)) => Ok(value),
            Ok((Err(panic), place)) => {
                drop(place);
                resume_unwind(panic)
            }
            Err(RecvTimeoutError::Timeout) => Err(late),
            // A helper always sends; should the system end it, nothing comes.
            Err(RecvTimeoutError::Disconnected) => Err(HelperError::NoThread(ErrorKind::Interrupted)),
        }
    }

    /// How many helpers are out, those stuck in calls that timed out included.
    ///
    /// # Examples
    /// ```
    /// use fusebox::timeout::Helpers;
    ///
    /// let helpers = Helpers::new(4)?;
    /// assert_eq!((helpers.running(), helpers.most()), (0, 4));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn running(&self) -> u32 {
        self.out.get().map_or(0, |out| out.view::<Out>().number())
    }

    /// How many may be out at once.
    #[must_use]
    pub const fn most(&self) -> u32 {
        self.most
    }

    fn place(&self) -> Result<Place, HelperError> {
        let out = self.out.get_or_make(|| Arc::new(Cell::fresh()));
        let taken = out.attempt(|Out(out)| (out < self.most.into()).then_some(Out(out + 1)));
        match taken {
            Ok(_) => Ok(Place(Arc::clone(out))),
            Err(out) => Err(HelperError::Busy { running: out.number() }),
        }
    }
}

const fn checked(most: u32) -> Result<u32, InvalidPolicy> {
    refuse_unless!(most >= 1, "most", Value::Count(most as u64), "must be a helper at least");
    Ok(most)
}

/// Drops what nobody waits for any more; and then gives the place back. Its panic has nobody to go to.
fn drop_quietly<T>((ended, place): (thread::Result<T>, Place)) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(ended))) {
        // A payload may panic when it is dropped.
        core::mem::forget(panic);
    }
    drop(place);
}

impl HelperError {
    /// Whether, and how, its time was over.
    #[must_use]
    pub const fn timed_out(&self) -> Option<&TimedOut> {
        match self {
            Self::TimedOut(late) => Some(late),
            Self::Busy { .. } | Self::NoThread(_) => None,
        }
    }
}

impl fmt::Display for HelperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(late) => late.fmt(f),
            Self::Busy { running } => write!(f, "all {running} helper threads are out"),
            Self::NoThread(kind) => write!(f, "no helper thread: {kind}"),
        }
    }
}

/// Where no helper was free, nobody was asked.
impl MayRefuse for HelperError {
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::TimedOut(_) => None,
            Self::Busy { .. } | Self::NoThread(_) => Some(Refusal { by: By::Helpers, retry_after: None }),
        }
    }
}

impl core::error::Error for HelperError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::TimedOut(late) => Some(late),
            Self::Busy { .. } | Self::NoThread(_) => None,
        }
    }
}

impl fmt::Debug for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helpers")
            .field("most", &self.most)
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}
