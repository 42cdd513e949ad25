//! Serving at once what is not fresh any more, and refreshing it in the background.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::hash::Hash;

use crate::fallback::cache::LastGood;
use crate::fallback::counts::{Counting, Kind};
use crate::fallback::event::Event;
use crate::fallback::seat::Seat;
use crate::fallback::serve::Asked;
use crate::fallback::served::{Missed, Served, Why};
use crate::observe::Observer;
use crate::spawn::Spawn;
use crate::time::Clock;

impl<K, V, C, O, N> LastGood<K, V, C, O, N>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Clock + Send + Sync + 'static,
    O: Observer<Event> + Send + Sync + 'static,
    N: Counting + Send + Sync + 'static,
{
    /// As [`serve`](Self::serve), and what is past `fresh`, but not beyond `stale`, serves at once while the call is made in the
    /// background: one at a time for each key. A refresh that fails changes nothing; the next who asks begins another.
    ///
    /// Where the call must be waited for, because nothing is held or it is beyond `stale`, it is not spawned.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use std::sync::Arc;
    /// use fusebox::fallback::{Freshness, LastGood, Why};
    /// use fusebox::spawn::Spawn;
    /// use fusebox::time::ManualClock;
    ///
    /// /// With tokio the body is `tokio::spawn(future);`.
    /// struct AtOnce;
    /// impl Spawn for AtOnce {
    ///     fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
    ///         futures::executor::block_on(future);
    ///     }
    /// }
    ///
    /// # async fn run() -> Result<(), fusebox::fallback::Missed<&'static str>> {
    /// let told = Freshness::of(100).fresh(Duration::from_secs(5)).stale(Duration::from_secs(600)).constant();
    /// let prices = Arc::new(LastGood::<String, u32>::new(told).with_clock(ManualClock::new()));
    /// assert!(prices.serve_refreshing("tea", &AtOnce, || async { Ok(3) }).await?.is_live());
    /// prices.clock().advance(Duration::from_secs(6));
    /// let served = prices.serve_refreshing("tea", &AtOnce, || async { Ok(4) }).await?;
    /// assert_eq!((served.value, served.why), (3, Some(Why::Refreshing)));
    /// let served = prices.serve_refreshing("tea", &AtOnce, || async { unreachable!("it is fresh") }).await?;
    /// assert_eq!((served.value, served.why), (4, Some(Why::Fresh)));
    /// # Ok(())
    /// # }
    /// # futures::executor::block_on(run()).unwrap();
    /// ```
    pub async fn serve_refreshing<Q, E, F, Fut>(
        self: &Arc<Self>,
        key: &Q,
        spawner: &impl Spawn,
        call: F,
    ) -> Result<Served<V>, Missed<E>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
        E: 'static,
    {
        let Some(held) = self.look_at(key, self.clock().now()) else {
            return self.serve(key, call).await;
        };
        let asked = Asked { counters: &self.counters, answered: false };
        if held.is_fresh {
            return self.answered(asked, Ok(held.served(Why::Fresh)));
        }
        if let Some(seat) = self.flights.seat(key).lead() {
            // Somebody may have landed between the look and the seat.
            if let Some(fresh) = self.fresh(key) {
                drop(seat);
                return self.answered(asked, Ok(fresh));
            }
            let refresh = Refresh { cache: Arc::clone(self), key: key.to_owned(), seat };
            let ended = Ended { cache: Arc::clone(self), how: Kind::RefreshCancelled };
            spawner.spawn(refresh.fly(ended, call));
        }
        self.answered(asked, Ok(held.served(Why::Refreshing)))
    }
}

/// A call in the background, of one who has the lead.
struct Refresh<K: Eq + Hash, V, C, O, N> {
    cache: Arc<LastGood<K, V, C, O, N>>,
    key: K,
    seat: Seat<K, V>,
}

impl<K: Eq + Hash, V: Clone, C: Clock, O: Observer<Event>, N: Counting> Refresh<K, V, C, O, N> {
    async fn fly<E, F, Fut>(self, mut ended: Ended<K, V, C, O, N>, call: F)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        let result = call().await;
        let Self { cache, key, seat } = self;
        let landed = cache.land(key, seat, result, Why::always);
        ended.how = if landed.is_ok() { Kind::Refreshed } else { Kind::RefreshFailed };
        drop(ended);
        if let Err(failure) = landed {
            cache.tell(|| Event::RefreshFailed { why: failure.why.unwrap_or(Why::Failed) });
        }
    }
}

/// A refresh that is counted when it ends, however that is.
struct Ended<K, V, C, O, N: Counting> {
    cache: Arc<LastGood<K, V, C, O, N>>,
    how: Kind,
}

impl<K, V, C, O, N: Counting> Drop for Ended<K, V, C, O, N> {
    fn drop(&mut self) {
        self.cache.counters.add(self.how);
    }
}
