//! The flights of the keys that are being asked for: a map in shards, each behind a lock that is held for one look or change.
//!
//! It grows with the calls in flight, and with nothing else. It is not bounded by pushing flights out, for then two calls of
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

type Shard<K, V> = HashMap<K, Shared<V>>;

pub(super) struct Flights<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    hasher: RandomState,
}

impl<K, V> Flights<K, V> {
    pub(super) fn none() -> Self {
        let shards = parallelism().saturating_mul(4).min(256);
        Self { shards: (0..shards).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().fold(0, |sum, shard| sum + locked(shard).len())
    }

    /// Takes all out.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let taken = core::mem::take(&mut *locked(shard));
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
        let flight = if let Some(flight) = shard.get(key) {
            Arc::clone(flight)
        } else {
            Arc::clone(shard.entry(key.to_owned()).or_insert_with(|| Arc::new(Flight::open())))
        };
        drop(shard);
        Seat::in_flight(Arc::clone(self), key.to_owned(), flight)
    }

    /// Whether this is the flight of the key.
    pub(super) fn has(&self, key: &K, flight: &Shared<V>) -> bool {
        let Some(shard) = self.shard(key) else { return false };
        locked(shard).get(key).is_some_and(|held| Arc::ptr_eq(held, flight))
    }

    /// Takes the flight of the key out, if so; whether it did.
    pub(super) fn take_out<Q: Eq + Hash + ?Sized>(&self, key: &Q, so: impl FnOnce(&Shared<V>) -> bool) -> bool
    where
        K: Borrow<Q>,
    {
        let Some(shard) = self.shard(key) else { return false };
        let mut shard = locked(shard);
        let taken = if shard.get(key).is_some_and(so) { shard.remove_entry(key) } else { None };
        drop(shard);
        taken.is_some()
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

/// The shard. A panic of a key's own code under its lock leaves a map that holds.
fn locked<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
