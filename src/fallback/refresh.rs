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
    /// background: one at a time for each key. A refresh that fails changes nothing; the next who asks begins another, at once:
    /// put a breaker into the call.
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
    /// /// For a test: a thread, and its end. With tokio the body is `tokio::spawn(future);`.
    /// struct AtOnce;
    /// impl Spawn for AtOnce {
    ///     fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
    ///         std::thread::spawn(|| futures::executor::block_on(future)).join().unwrap();
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
        self.serve_refreshing_with(Why::always, key, spawner, call).await
    }

    /// As [`serve_refreshing`](Self::serve_refreshing), where `choose` says for which errors a value that is held may stand in, and why,
    /// as in [`serve_with`](Self::serve_with).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    /// A guarded call in the background:
    /// ```
    /// use core::time::Duration;
    /// use std::sync::Arc;
    /// use fusebox::fallback::{Freshness, LastGood};
    /// use fusebox::guard::{Error, Guard};
    /// # use fusebox::spawn::Spawn;
    /// # struct Tokio;
    /// # impl Spawn for Tokio { fn spawn<F: Future<Output = ()> + Send + 'static>(&self, _: F) {} }
    ///
    /// # async fn price() -> Result<u32, std::io::Error> { Ok(3) }
    /// # async fn run(sleep: fn(Duration) -> core::future::Ready<()>) {
    /// let guard = Arc::new(Guard::builder("prices").limit(Duration::from_secs(1)).sleep(sleep).build().unwrap());
    /// let told = Freshness::of(100).fresh(Duration::from_secs(5)).stale(Duration::from_secs(600)).constant();
    /// let prices = Arc::new(LastGood::<String, u32>::new(told));
    ///
    /// let why = |error: &Error<std::io::Error>| Some(error.why());
    /// let call = move || async move { guard.call(price).await };
    /// let served = prices.serve_refreshing_with(why, "tea", &Tokio, call).await;
    /// # assert!(served.unwrap().is_live());
    /// # }
    /// # futures::executor::block_on(run(|_| core::future::ready(())));
    /// ```
    pub async fn serve_refreshing_with<Q, E, F, Fut>(
        self: &Arc<Self>,
        choose: impl Fn(&E) -> Option<Why> + Send + 'static,
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
            return self.serve_with(choose, key, call).await;
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
            spawner.spawn(refresh.fly(ended, choose, call));
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
    async fn fly<E, F, Fut>(
        self,
        mut ended: Ended<K, V, C, O, N>,
        choose: impl Fn(&E) -> Option<Why>,
        call: F,
    ) where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        let result = call().await;
        let Self { cache, key, seat } = self;
        let landed = cache.land(key, seat, result, choose);
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

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
#[allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]
mod tests {
    use std::future::{Future, ready};
    use std::pin::{Pin, pin};
    use std::sync::Mutex;
    use std::task::Poll;

    use futures::executor::block_on;

    use crate::fallback::tests::{at, cache, cached, is_at_rest, poll, secs};
    use crate::fallback::{Served, Why};
    use crate::spawn::Spawn;

    /// Keeps what it is to run.
    #[derive(Default)]
    struct Later(Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>);

    impl Spawn for Later {
        fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
            self.0.lock().unwrap().push(Box::pin(future));
        }
    }

    impl Later {
        fn waiting(&self) -> usize {
            self.0.lock().unwrap().len()
        }

        fn run(&self) {
            let all = std::mem::take(&mut *self.0.lock().unwrap());
            all.into_iter().for_each(block_on);
        }
    }

    #[test]
    fn a_stale_value_serves_at_once_while_one_refresh_flies() {
        let (cache, later) = (cache(), Later::default());
        cache.put_at("a".into(), 1, at(0));
        cache.clock().set(at(20));
        for _ in 0..3 {
            let served = block_on(cache.serve_refreshing("a", &later, || ready(Ok::<_, &str>(2))));
            assert_eq!(served.unwrap().why, Some(Why::Refreshing));
        }
        assert_eq!(later.waiting(), 1, "one refresh at a time");
        later.run();
        assert_eq!(cache.get("a").map(|held| (held.value, held.age)), Some((2, secs(0))));
        let counts = cache.counts();
        assert_eq!((counts.cached, counts.refreshes, counts.asked()), (3, 1, 3));
        is_at_rest(&cache, 3);
    }

    #[test]
    fn a_refresh_that_fails_or_is_dropped_leaves_the_value_and_the_way_free() {
        let (cache, later) = (cache(), Later::default());
        cache.put_at("a".into(), 1, at(0));
        cache.clock().set(at(20));
        for result in [Err("down"), Ok(2)] {
            let served = block_on(cache.serve_refreshing("a", &later, move || ready(result)));
            assert_eq!(served, cached(1, 20, Why::Refreshing));
            match result {
                Err(_) => later.run(),
                Ok(_) => later.0.lock().unwrap().clear(),
            }
            assert_eq!(cache.get("a").unwrap().value, 1);
            assert_eq!(cache.in_flight(), 0);
        }
        let counts = cache.counts();
        assert_eq!((counts.refreshes, counts.refresh_failures, counts.refreshes_cancelled), (0, 1, 1));
    }

    #[test]
    fn who_must_wait_for_a_refresh_of_another_gets_it() {
        let (cache, later) = (cache(), Later::default());
        cache.put_at("a".into(), 1, at(0));
        cache.clock().set(at(20));
        let _ = block_on(cache.serve_refreshing("a", &later, || ready(Ok::<_, &str>(2))));
        let mut asks = pin!(cache.serve("a", || ready(Err("not asked"))));
        assert!(poll(asks.as_mut()).is_pending());
        later.run();
        assert_eq!(poll(asks.as_mut()), Poll::Ready(Ok(Served::live(2))));
    }

    #[test]
    fn futures_may_move_between_threads() {
        fn is_send<T: Send>(_: &T) {}
        let (cache, later) = (cache(), Later::default());
        is_send(&cache.serve_refreshing("a", &later, || ready(Ok::<_, &str>(1))));
    }
}
