//! A seat in the flight of one key: whoever holds one leads the call, or waits for who does; and leaves it whatever happens.
//!
//! 1. A flight stands in the map as long as somebody sits in it, and it has not landed.
//! 2. The last one to leave takes it out: each leaves first, and then looks whether anybody is left, under the map's lock.
//! 3. Who finds its flight taken out by a `forget` flies on; what it brings is not stored.

use alloc::sync::Arc;
use core::hash::Hash;

use crate::fallback::flight::Flight;
use crate::fallback::flights::Flights;
use crate::fallback::served::Why;

/// What came of a flight.
#[derive(Clone, Debug)]
pub(super) enum Landing<V> {
    /// This value.
    Good(V),
    /// An error, for which a value that is held may stand in, for this reason; or may not.
    Failed(Option<Why>),
}

pub(super) type Shared<V> = Arc<Flight<Landing<V>>>;

/// A seat in the flight of a key.
pub(super) struct Seat<K: Eq + Hash, V> {
    flights: Arc<Flights<K, V>>,
    key: K,
    /// Nothing once it was left.
    flight: Option<Shared<V>>,
    leads: bool,
}

impl<K: Eq + Hash, V> Seat<K, V> {
    pub(super) const fn in_flight(flights: Arc<Flights<K, V>>, key: K, flight: Shared<V>) -> Self {
        Self { flights, key, flight: Some(flight), leads: false }
    }

    /// Takes the lead at once, or leaves.
    pub(super) fn lead(mut self) -> Option<Self> {
        self.leads = self.flight.as_ref()?.lead();
        self.leads.then_some(self)
    }

    /// The key.
    pub(super) const fn key(&self) -> &K {
        &self.key
    }

    /// Whether the key has not been forgotten since the call began.
    pub(super) fn is_known(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| self.flights.has(&self.key, flight))
    }

    /// The leader tells what came of it, if anybody waits to be told; who comes from now on flies anew. Whether the flight still
    /// stood in the map: if it did not, the key was forgotten.
    pub(super) fn land(&mut self, landing: impl FnOnce() -> Landing<V>) -> bool {
        self.leads = false;
        let Some(flight) = self.flight.take() else { return false };
        let (known, joined) = self.flights.retire(&self.key, flight);
        if joined.is_some() {
            // A clone of the value that panics drops this seat, and another leads.
            (self.flight, self.leads) = (joined, true);
            let landing = landing();
            self.leads = false;
            if let Some(flight) = self.flight.take() {
                flight.land(landing);
            }
        }
        known
    }
}

impl<K: Eq + Hash, V: Clone> Seat<K, V> {
    /// Waits until it is known what came of the flight; nothing for whoever leads it from now on.
    pub(super) async fn board(&mut self) -> Option<Landing<V>> {
        let landed = match &self.flight {
            Some(flight) => flight.board().await,
            None => None,
        };
        self.leads = landed.is_none();
        landed
    }

    /// As `board`, for a thread that may block, for so long at most.
    #[cfg(all(not(target_family = "wasm"), not(fusebox_loom)))]
    pub(super) fn board_blocking(
        &mut self,
        longest: core::time::Duration,
    ) -> Result<Option<Landing<V>>, crate::fallback::flight::TooLong> {
        let landed = match &self.flight {
            Some(flight) => flight.board_blocking(longest)?,
            None => None,
        };
        self.leads = landed.is_none();
        Ok(landed)
    }
}

impl<K: Eq + Hash, V> Drop for Seat<K, V> {
    fn drop(&mut self) {
        let Some(flight) = self.flight.take() else { return };
        if self.leads {
            flight.reopen();
        } else if flight.is_landed() {
            return;
        }
        drop(flight);
        // Only the map holds a flight in which nobody sits.
        self.flights.take_out(&self.key, |held| Arc::strong_count(held) == 1);
    }
}
