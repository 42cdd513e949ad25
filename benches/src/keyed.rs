//! One contestant among the keyed limiters: a quota for each of many keys, asked about one key after the other.

use std::{
    hint::black_box,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    contest::{Batch, Contestant, Identity, Unfit},
    crew::apart,
    keys::{New, Sequence, Uniform, Zipf, numbered},
    limiting::Allowance,
    memory::weigh,
};

/// A keyed limiter that threads share.
pub trait Keyed: Send + Sync + 'static {
    /// One that gives each key this allowance, with room for so many keys where the crate has a bound.
    fn with_room(allowance: Allowance, keys: u32) -> Self;

    /// Takes a cell of a key's quota, as a user of the crate does; whether there was one. Every implementation first
    /// passes itself through [`black_box`].
    fn admits(&self, key: u64) -> bool;

    /// How many of the keys that came, each once, it has not forgotten, where the crate tells.
    fn known(&self, came: usize) -> Option<usize>;
}

/// The keys of the rows with many.
pub const MILLION: u32 = 1_000_000;

/// The bound of the row in which every key is new.
const BOUND: u32 = 100_000;

/// A limiter without a bound is made anew when so many keys flooded it, so that the run stays within its memory.
const FLOODED: u64 = 2_000_000;

/// Two cells, and no third for an hour: what each key of the trial has.
const TWO: Allowance = Allowance { rate: 1, period: Duration::from_hours(1), burst: 2 };

/// What each key of a flood has. It comes once, and is live until long after the bound is reached.
const FLOODING: Allowance = Allowance { rate: 10, period: Duration::from_mins(1), burst: 20 };

/// Which keys a row asks about.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// So many, all known.
    Known(u32),
    /// A million, all known, a few of them most of the time.
    Favourites,
    /// Each time a new one.
    New,
    /// Nothing is timed: what a million known keys weigh.
    Weighed,
}

/// What a crate does with more keys than are good for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It forgets some.
    Bounded,
    /// It keeps them.
    Unbounded,
}

impl Asked {
    /// Puts a limiter on trial, and gives the contestant.
    pub fn contestant<K: Keyed>(self, who: Identity, memory: Memory) -> Result<Contestant, Unfit> {
        tells_keys_apart::<K>().map_err(|what| who.unfit(what))?;
        Ok(match self {
            Self::Known(keys) => known::<K, _>(who, steady(keys), keys, Uniform(keys)),
            Self::Favourites => known::<K, _>(who, FAVOURED, Zipf::KEYS, Zipf::drawn()),
            Self::New => flooded::<K>(who, memory),
            Self::Weighed => Contestant::weighed(who, bytes_a_key::<K>),
        })
    }
}

/// An allowance whose burst outlasts every run, and whose keys are all live all the time: each is asked about about as
/// often as it gets a cell. It is full after 4 000 s, where ours is still exact to the nanosecond.
fn steady(keys: u32) -> Allowance {
    let rate = (MILLION / keys).max(1);
    Allowance { rate, period: Duration::from_secs(1), burst: 4_000 * rate }
}

/// The favourite takes an eighth of all cells, and must not run out of them.
const FAVOURED: Allowance =
    Allowance { rate: 100_000, period: Duration::from_secs(1), burst: 4_000 * 100_000 };

/// Each key has its own two cells.
fn tells_keys_apart<K: Keyed>() -> Result<(), String> {
    const KEYS: u64 = 500;
    let limiter = K::with_room(TWO, 2_000);
    for (round, admitted) in [true, true, false].into_iter().enumerate() {
        let right = (0..KEYS).filter(|&number| limiter.admits(numbered(number)) == admitted).count() as u64;
        // Two keys may share a quota, where only a part of their hashes is kept: of ours a pair in some eighty trials. Three
        // pairs are no chance.
        if right + 4 < KEYS {
            return Err(format!(
                "of {KEYS} keys with two cells each {right} had their check {} answered {admitted}",
                round + 1
            ));
        }
    }
    Ok(())
}

/// A limiter, and how many positions of its sequence were asked about.
struct Stand<K> {
    limiter: K,
    /// Of those that it was warmed with.
    known: Option<usize>,
    position: AtomicU64,
}

impl<K: Keyed> Stand<K> {
    /// A limiter that knows the first `keys` keys, made by a thread that is gone afterwards.
    fn warmed(allowance: Allowance, room: u32, keys: u32) -> Arc<Self> {
        apart(|| {
            let limiter = K::with_room(allowance, room);
            for number in 0..keys {
                black_box(limiter.admits(numbered(number.into())));
            }
            let known = limiter.known(keys as usize);
            Arc::new(Self { limiter, known, position: AtomicU64::new(keys.into()) })
        })
    }

    fn ask(&self, count: u64, sequence: impl Sequence) {
        let first = self.position.fetch_add(count, Relaxed);
        repeat(&self.limiter, first, count, sequence);
    }
}

/// What is timed, compiled once for each contestant and sequence, with the check in the loop.
#[inline(never)]
fn repeat<K: Keyed>(limiter: &K, first: u64, count: u64, sequence: impl Sequence) {
    for position in first..first + count {
        black_box(limiter.admits(sequence.key(position)));
    }
}

/// The limiter of a contestant, made when its first sample begins: a trial alone needs no million keys.
type Place<K> = Arc<Mutex<Option<Arc<Stand<K>>>>>;

/// Asks about keys that it knows.
fn known<K: Keyed, S: Sequence>(who: Identity, allowance: Allowance, keys: u32, sequence: S) -> Contestant {
    let place: Place<K> = Arc::default();
    let shared = Arc::clone(&place);
    let begin = move || -> Batch {
        let mut place = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let stand = Arc::clone(place.get_or_insert_with(|| Stand::warmed(allowance, keys, keys)));
        Arc::new(move |count| stand.ask(count, sequence))
    };
    let afterwards = move || {
        let place = place.lock().unwrap_or_else(PoisonError::into_inner);
        place.as_ref().map_or(Ok(()), |stand| all_known(stand, keys))
    };
    Contestant::of(who, begin, afterwards)
}

/// Every key was known before the first round (where it tells: but for one in a hundred, for whom hashes left no place),
/// and after the last one it still has cells.
fn all_known<K: Keyed>(stand: &Stand<K>, keys: u32) -> Result<(), String> {
    let Stand { limiter, known, .. } = stand;
    if let Some(known) = known.filter(|&known| known < keys as usize - keys as usize / 100) {
        return Err(format!("of {keys} keys it knew {known} before the first round"));
    }
    match (0..keys).filter(|&number| !limiter.admits(numbered(number.into()))).count() {
        0 => Ok(()),
        denied => Err(format!("after the last round {denied} of {keys} keys had no cells left")),
    }
}

/// Asks about new keys, with twice as many behind it as it has room for.
fn flooded<K: Keyed>(who: Identity, memory: Memory) -> Contestant {
    let place: Place<K> = Arc::default();
    let shared = Arc::clone(&place);
    let begin = move || -> Batch {
        let mut place = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if memory == Memory::Unbounded {
            // The old one goes before the new one comes.
            place.take_if(|stand| stand.position.load(Relaxed) > FLOODED);
        }
        let stand = Arc::clone(place.get_or_insert_with(|| Stand::warmed(FLOODING, BOUND, 2 * BOUND)));
        Arc::new(move |count| stand.ask(count, New))
    };
    let afterwards = move || {
        let place = place.lock().unwrap_or_else(PoisonError::into_inner);
        // Where the memory is bounded, most of the keys that came before the first round are forgotten already.
        match place.as_ref().and_then(|stand| stand.known) {
            Some(known) if memory == Memory::Bounded && known > BOUND as usize * 9 / 5 => {
                Err(format!("with room for {BOUND} keys it kept {known} of twice as many"))
            }
            _ => Ok(()),
        }
    };
    Contestant::of(who, begin, afterwards)
}

/// The heap's bytes over a million keys, all known.
fn bytes_a_key<K: Keyed>() -> f64 {
    apart(|| {
        let (limiter, bytes) = weigh(|| {
            let limiter = K::with_room(steady(MILLION), MILLION);
            for number in 0..MILLION {
                black_box(limiter.admits(numbered(number.into())));
            }
            limiter
        });
        drop(limiter);
        bytes as f64 / f64::from(MILLION)
    })
}
