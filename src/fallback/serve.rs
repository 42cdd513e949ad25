//! Serving: the value that is held, or one call for all who ask at once.

use alloc::borrow::ToOwned;
use core::borrow::Borrow;
use core::hash::Hash;

use crate::fallback::cache::LastGood;
use crate::fallback::counts::{Counting, Kind};
use crate::fallback::event::Event;
use crate::fallback::seat::{Landing, Seat};
use crate::fallback::served::{By, Missed, Served, Why};
use crate::observe::Observer;
use crate::time::Clock;

impl<K, V, C, O, N> LastGood<K, V, C, O, N>
where
    K: Eq + Hash,
    V: Clone,
    C: Clock,
    O: Observer<Event>,
    N: Counting,
{
    /// Serves the key: by the value that is held while it is fresh, else by the call, which is made once for all who ask at the
    /// same time; and where that fails, by the value that is held, unless it is beyond its stale limit.
    ///
    /// Whose call it is gets its own error; who waited for it gets [`Missed::Shared`], and does not ask again. If the caller
    /// whose call it is gives up (its future is dropped), or its call panics, another of those who wait makes its own. They
    /// wait for as long as the call takes: give it a limit, and do not keep a future that you no longer poll. A call that serves its
    /// own key waits for itself.
    ///
    /// # Errors
    /// No value may stand in: the call's error, or that the call of another failed.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::{Freshness, LastGood, Why};
    ///
    /// # async fn run() -> Result<(), fusebox::fallback::Missed<&'static str>> {
    /// let told = Freshness::of(100).fresh(Duration::from_secs(5)).stale(Duration::from_secs(600)).constant();
    /// let users = LastGood::<String, u32>::new(told);
    /// assert!(users.serve("ada", || async { Ok(36) }).await?.is_live());
    /// let served = users.serve("ada", || async { unreachable!("it is fresh") }).await?;
    /// assert_eq!((served.value, served.why), (36, Some(Why::Fresh)));
    /// # Ok(())
    /// # }
    /// # futures::executor::block_on(run()).unwrap();
    /// ```
    pub async fn serve<Q, E, F, Fut>(&self, key: &Q, call: F) -> Result<Served<V>, Missed<E>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        self.serve_with(Why::always, key, call).await
    }

    /// As [`serve`](Self::serve), where `choose` says for which errors a value that is held may stand in, and why; an error that
    /// it names no reason for goes to the caller as it is ("no such user"). It forgets nothing: that is for the caller to say,
    /// with [`forget`](Self::forget). Those who waited for such a call get `Missed::Shared(Why::Failed)`.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::{Freshness, LastGood, Why};
    ///
    /// #[derive(Debug, PartialEq)]
    /// enum Failure { Down, NoSuchUser }
    ///
    /// fn when_down(failure: &Failure) -> Option<Why> {
    ///     (*failure == Failure::Down).then_some(Why::Failed)
    /// }
    ///
    /// # async fn run() {
    /// let users = LastGood::<u64, &str>::new(Freshness::of(100).stale(Duration::from_secs(600)).constant());
    /// users.put(7, "ada");
    /// let served = users.serve_with(when_down, &7, || async { Err(Failure::Down) }).await;
    /// assert_eq!(served.unwrap().value, "ada");
    /// let missed = users.serve_with(when_down, &7, || async { Err(Failure::NoSuchUser) }).await;
    /// assert_eq!(missed.unwrap_err().into_error(), Some(Failure::NoSuchUser));
    /// # }
    /// # futures::executor::block_on(run());
    /// ```
    pub async fn serve_with<Q, E, F, Fut>(
        &self,
        choose: impl Fn(&E) -> Option<Why>,
        key: &Q,
        call: F,
    ) -> Result<Served<V>, Missed<E>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        let asked = Asked { counters: &self.counters, answered: false };
        if let Some(fresh) = self.fresh(key) {
            return self.answered(asked, Ok(fresh));
        }
        let mut seat = self.flights.seat(key);
        let answer = if let Some(landing) = seat.board().await {
            self.shared(key, landing)
        } else if let Some(fresh) = self.fresh(key) {
            // Somebody landed between the look and the seat.
            Ok(fresh)
        } else {
            let result = call().await;
            self.landed(key.to_owned(), seat, result, choose)
        };
        self.answered(asked, answer)
    }

    /// As [`serve`](Self::serve), for a thread that may block: it makes its own call, or waits for the call of another, for so
    /// long at most. When that is over, the value that is held stands in, because of [`Why::TimedOut`].
    ///
    /// # Errors
    /// As there; and `Missed::Shared(Why::TimedOut)`.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::{Freshness, LastGood, Missed};
    ///
    /// let told = Freshness::of(100).stale(Duration::from_secs(600)).constant();
    /// let prices = LastGood::<String, u32>::new(told);
    /// let longest = Duration::from_secs(1);
    /// assert!(prices.serve_blocking("tea", longest, || Ok::<_, &str>(3))?.is_live());
    /// assert_eq!(prices.serve_blocking("tea", longest, || Err("down"))?.value, 3);
    /// # Ok::<(), Missed<&str>>(())
    /// ```
    #[cfg(all(not(target_family = "wasm"), not(fusebox_loom)))]
    pub fn serve_blocking<Q, E, F>(
        &self,
        key: &Q,
        longest: core::time::Duration,
        call: F,
    ) -> Result<Served<V>, Missed<E>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Result<V, E>,
    {
        let asked = Asked { counters: &self.counters, answered: false };
        if let Some(fresh) = self.fresh(key) {
            return self.answered(asked, Ok(fresh));
        }
        let mut seat = self.flights.seat(key);
        let answer = match seat.board_blocking(longest) {
            Ok(Some(landing)) => self.shared(key, landing),
            Ok(None) => match self.fresh(key) {
                Some(fresh) => Ok(fresh),
                None => self.landed(key.to_owned(), seat, call(), Why::always),
            },
            Err(_) => self.stands_in(key, Some(Why::TimedOut)).ok_or(Missed::Shared(Why::TimedOut)),
        };
        self.answered(asked, answer)
    }

    /// The value that is held, if it is fresh.
    pub(super) fn fresh<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Served<V>>
    where
        K: Borrow<Q>,
    {
        let held = self.look_at(key, self.clock().now()).filter(|held| held.is_fresh)?;
        Some(held.served(Why::Fresh))
    }

    /// The value that is held, if there is a reason why it may stand in.
    fn stands_in<Q: Eq + Hash + ?Sized>(&self, key: &Q, why: Option<Why>) -> Option<Served<V>>
    where
        K: Borrow<Q>,
    {
        let why = why?;
        Some(self.look_at(key, self.clock().now())?.served(why))
    }

    /// The answer to one who waited for the call of another.
    fn shared<Q: Eq + Hash + ?Sized, E>(&self, key: &Q, landing: Landing<V>) -> Result<Served<V>, Missed<E>>
    where
        K: Borrow<Q>,
    {
        match landing {
            Landing::Good(value) => Ok(Served::live(value)),
            Landing::Failed(why) => {
                self.stands_in(key, why).ok_or(Missed::Shared(why.unwrap_or(Why::Failed)))
            }
        }
    }

    /// The answer to the one whose call has ended.
    fn landed<E>(
        &self,
        key: K,
        seat: Seat<K, V>,
        result: Result<V, E>,
        choose: impl Fn(&E) -> Option<Why>,
    ) -> Result<Served<V>, Missed<E>> {
        match self.land(key, seat, result, choose) {
            Ok(value) => Ok(Served::live(value)),
            Err(Failure { key, error, why }) => self.stands_in(&key, why).ok_or(Missed::Failed(error)),
        }
    }

    /// A call has ended: what it brought is stored, and all who wait for it know.
    pub(super) fn land<E>(
        &self,
        key: K,
        mut seat: Seat<K, V>,
        result: Result<V, E>,
        choose: impl Fn(&E) -> Option<Why>,
    ) -> Result<V, Failure<K, E>> {
        match result {
            Ok(value) => {
                let stored = seat.is_known().then(|| self.store(key, value.clone(), self.clock().now()));
                let known = seat.land(|| Landing::Good(value.clone()));
                match stored {
                    Some(_) if known => self.tell(|| Event::Stored),
                    // Forgotten since the call began.
                    Some(at) => self.take_back(seat.key(), at),
                    None => {}
                }
                Ok(value)
            }
            Err(error) => {
                let why = choose(&error);
                seat.land(|| Landing::Failed(why));
                Err(Failure { key, error, why })
            }
        }
    }

    /// Counts and tells an answer.
    pub(super) fn answered<E>(
        &self,
        mut asked: Asked<'_, N>,
        answer: Result<Served<V>, Missed<E>>,
    ) -> Result<Served<V>, Missed<E>> {
        asked.answered = true;
        self.counters.add(match &answer {
            Ok(Served { by: By::Live, .. }) => Kind::Live,
            Ok(_) => Kind::Cached,
            Err(Missed::Failed(_)) => Kind::Missed,
            Err(Missed::Shared(_)) => Kind::Shared,
        });
        match &answer {
            Ok(Served { by: By::Cached { age }, why: Some(why), .. }) => {
                self.tell(|| Event::Cached { age: *age, why: *why });
            }
            Ok(_) => {}
            Err(missed) => self.tell(|| Event::Missed { why: missed.why().unwrap_or(Why::Failed) }),
        }
        answer
    }
}

/// A call that failed, and why a value may stand in for it.
pub(super) struct Failure<K, E> {
    key: K,
    error: E,
    pub(super) why: Option<Why>,
}

/// Somebody who asked, and is counted as gone if there is no answer.
pub(super) struct Asked<'a, N: Counting> {
    pub(super) counters: &'a N,
    pub(super) answered: bool,
}

impl<N: Counting> Drop for Asked<'_, N> {
    fn drop(&mut self) {
        if !self.answered {
            self.counters.add(Kind::Cancelled);
        }
    }
}
