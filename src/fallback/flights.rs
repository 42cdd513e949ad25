//! The flights of the keys that are being asked for: a map in shards, each behind a lock that is held for one look or change.
//!
//! It grows with the calls in flight, and with nothing else but a spare flight a shard, so that a call which nobody joins
//! allocates none. It is not bounded by pushing flights out, for then two calls of
//! one key would fly. (And it is no `quick_cache`: that shows a value to those who wait for it before the value stands in
//! the map, so that a leader among them could not take its flight out again.)

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};
use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::fallback::flight::Flight;
use crate::fallback::seat::{Seat, Shared};
use crate::sync::parallelism;

struct Shard<K, V> {
    flying: HashMap<K, Shared<V>>,
    /// One that has flown, and that nobody else ever knew of.
    spare: Option<Shared<V>>,
}

pub(super) struct Flights<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    hasher: RandomState,
}

impl<K, V> Flights<K, V> {
    pub(super) fn none() -> Self {
        let shards = parallelism().saturating_mul(4).min(256);
        Self { shards: (0..shards).map(|_| Mutex::new(Shard::empty())).collect(), hasher: RandomState::new() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().fold(0, |sum, shard| sum + locked(shard).flying.len())
    }

    /// Takes all out.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let taken = core::mem::take(&mut locked(shard).flying);
            // Keys are dropped when the lock is free again: theirs may be anybody's code.
            drop(taken);
        }
    }
}

impl<K: Eq + Hash, V> Flights<K, V> {
    /// A seat in the flight of the key.
    pub(super) fn seat<Q>(self: &Arc<Self>, key: &Q) -> Seat<K, V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let Some(shard) = self.shard(key) else { return self.alone(key) };
        let mut shard = locked(shard);
        let flight = if let Some(flight) = shard.flying.get(key) {
            Arc::clone(flight)
        } else {
            let flight = shard.spare.take().unwrap_or_else(|| Arc::new(Flight::open()));
            Arc::clone(shard.flying.entry(key.to_owned()).or_insert(flight))
        };
        drop(shard);
        Seat::in_flight(Arc::clone(self), key.to_owned(), flight)
    }

    /// Whether this is the flight of the key.
    pub(super) fn has(&self, key: &K, flight: &Shared<V>) -> bool {
        let Some(shard) = self.shard(key) else { return false };
        locked(shard).flying.get(key).is_some_and(|held| Arc::ptr_eq(held, flight))
    }

    /// Takes the flight of the key out, if so; whether it did.
    pub(super) fn take_out<Q: Eq + Hash + ?Sized>(&self, key: &Q, so: impl FnOnce(&Shared<V>) -> bool) -> bool
    where
        K: Borrow<Q>,
    {
        let Some(shard) = self.shard(key) else { return false };
        let mut shard = locked(shard);
        let taken = if shard.flying.get(key).is_some_and(so) { shard.flying.remove_entry(key) } else { None };
        drop(shard);
        taken.is_some()
    }

    /// Takes this flight of the key out, which its leader has flown. Whether it was there; and the flight, if anybody else may sit
    /// in it.
    pub(super) fn retire(&self, key: &K, flight: Shared<V>) -> (bool, Option<Shared<V>>) {
        let Some(shard) = self.shard(key) else { return (false, Some(flight)) };
        let mut shard = locked(shard);
        let is_this = |held: &Shared<V>| Arc::ptr_eq(held, &flight);
        let taken =
            if shard.flying.get(key).is_some_and(is_this) { shard.flying.remove_entry(key) } else { None };
        let Some((key, held)) = taken else { return (false, Some(flight)) };
        drop(flight);
        // Out of the map nobody finds it: this count can only fall.
        let joined = if Arc::strong_count(&held) > 1 {
            Some(held)
        } else {
            held.renew();
            shard.spare.get_or_insert(held);
            None
        };
        drop(shard);
        // Keys are dropped when the lock is free again.
        drop(key);
        (true, joined)
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> Option<&Mutex<Shard<K, V>>> {
        #[expect(clippy::cast_possible_truncation, reason = "any of its bits will do")]
        self.shards.get(self.hasher.hash_one(key) as usize % self.shards.len().max(1))
    }

    /// A flight that nobody else finds: there always is a shard, and so it never comes to this.
    fn alone<Q: ToOwned<Owned = K> + ?Sized>(self: &Arc<Self>, key: &Q) -> Seat<K, V> {
        Seat::in_flight(Arc::clone(self), key.to_owned(), Arc::new(Flight::open()))
    }
}

impl<K, V> Shard<K, V> {
    fn empty() -> Self {
        Self { flying: HashMap::new(), spare: None }
    }
}

/// The shard. A panic of a key's own code under its lock leaves a map that holds.
fn locked<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
