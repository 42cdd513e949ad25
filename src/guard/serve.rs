//! A guarded call with the last good value of each key behind it.

use alloc::borrow::ToOwned;
use core::borrow::Borrow;
use core::fmt;
use core::future::{pending, poll_fn};
use core::hash::Hash;
use core::pin::pin;
use core::task::Poll;

use crate::breaker::Classify as Judge;
use crate::deadline::Deadline;
use crate::fallback::{self, By, LastGood, Missed, Served, Why};
use crate::guard::Guard;
use crate::guard::counts::{Counting, Kind};
use crate::guard::error::Error;
use crate::guard::event::Event;
use crate::guard::layers::{BreakerLayer, ClassifyLayer, LimitLayer, LimiterLayer, RetryLayer, ShedderLayer};
use crate::observe::Observer;
use crate::retry::Class;
use crate::sleep::Sleep;
use crate::sync::Shown;
use crate::time::{Clock, Instant, TimeSource};

/// A guard with the last good value of each key behind it; made by [`Guard::backed_by`].
pub struct Backed<'a, G, M> {
    guard: &'a G,
    cache: &'a M,
}

impl<D, L, B, T, R, S, J, O, N, C> Guard<D, L, B, T, R, S, J, O, N, C> {
    /// This guard, with the last good value of each key behind it.
    ///
    /// A key whose value is fresh is served from the cache, and nobody is asked; of all who want the same key at once, one asks. Where
    /// the call is refused, times out or fails, the value that is held stands in, unless it is beyond its stale limit. Errors
    /// that are permanent for the retry are answers ("no such user"): nothing stands in for them. A breaker that refuses is not waited
    /// for. (To refresh in the background what is not fresh any more, see
    /// [`serve_refreshing_with`](LastGood::serve_refreshing_with).)
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::breaker::{CircuitBreaker, Policy as Breaking};
    /// use fusebox::fallback::{Freshness, LastGood};
    /// use fusebox::guard::Guard;
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    ///
    /// static BREAKER: CircuitBreaker = CircuitBreaker::new(Breaking::consecutive_failures(5).constant());
    /// let guard = Guard::builder("identity").breaker(&BREAKER).sleep(sleep).build()?;
    /// let owners = LastGood::<String, u32>::new(Freshness::of(10_000).stale(Duration::from_secs(600)).build()?);
    ///
    /// # futures::executor::block_on(async {
    /// let served = guard.backed_by(&owners).call("token", || async { Ok::<_, &str>(7) }).await.unwrap();
    /// assert!(served.is_live());
    ///
    /// BREAKER.force_open();
    /// let served = guard.backed_by(&owners).call("token", || async { Err::<u32, _>("never asked") }).await.unwrap();
    /// assert_eq!(served.value, 7);
    /// println!("{:?} old, since: {:?}", served.age().unwrap(), served.why.unwrap());
    /// # });
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    pub const fn backed_by<'a, K, V, C2, O2, N2>(
        &'a self,
        cache: &'a LastGood<K, V, C2, O2, N2>,
    ) -> Backed<'a, Self, LastGood<K, V, C2, O2, N2>> {
        Backed { guard: self, cache }
    }
}

impl<D, L, B, T, R, S, J, O, N, C> Guard<D, L, B, T, R, S, J, O, N, C>
where
    D: ShedderLayer,
    L: LimiterLayer,
    B: BreakerLayer,
    T: LimitLayer,
    R: RetryLayer,
    O: Observer<Event>,
    N: Counting,
    C: TimeSource,
{
    /// As [`call`](Self::call), and where that is refused, times out or fails, with what `instead` makes of the reason. For errors that
    /// are permanent for the retry nothing stands in.
    ///
    /// # Errors
    /// A permanent one.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::By;
    /// use fusebox::guard::Guard;
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    ///
    /// # futures::executor::block_on(async {
    /// let guard = Guard::builder("prices").sleep(sleep).build().unwrap();
    /// let served = guard.call_or_else(|| async { Err::<u32, _>("down") }, |why| { eprintln!("{why}"); 0 }).await.unwrap();
    /// assert_eq!((served.value, served.by), (0, By::Default));
    /// # });
    /// ```
    pub async fn call_or_else<F, Fut, V, E>(
        &self,
        call: F,
        instead: impl FnOnce(Why) -> V,
    ) -> Result<Served<V>, Error<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<V, E>>,
        R: ClassifyLayer<E>,
        S: Sleep,
        J: Judge<V, E>,
    {
        let ending = self.begin();
        let error = match self.run((Deadline::NONE, None), true, call).await {
            Ok(value) => {
                ending.counted_as(Kind::Succeeded);
                return Ok(Served::live(value));
            }
            Err(error) => error,
        };
        let Some(why) = self.stands_in(&error) else {
            let answer = Err(error);
            ending.ended(&answer);
            return answer;
        };
        let value = instead(why);
        ending.counted_as(Kind::Defaulted);
        Ok(Served { value, by: By::Default, why: Some(why) })
    }

    /// Why something may stand in for this error; nothing where it is an answer.
    fn stands_in<E>(&self, error: &Error<E>) -> Option<Why>
    where
        R: ClassifyLayer<E>,
    {
        let permanent = |inner: &E| self.layers.retry.classify(inner) == Class::Permanent;
        if error.inner().is_some_and(permanent) { None } else { Some(error.why()) }
    }
}

impl<D, L, B, T, R, S, J, O, N, C, K, V, C2, O2, N2>
    Backed<'_, Guard<D, L, B, T, R, S, J, O, N, C>, LastGood<K, V, C2, O2, N2>>
where
    D: ShedderLayer,
    L: LimiterLayer,
    B: BreakerLayer,
    T: LimitLayer,
    R: RetryLayer,
    O: Observer<Event>,
    N: Counting,
    C: TimeSource,
    K: Eq + Hash,
    V: Clone,
    C2: Clock,
    O2: Observer<fallback::Event>,
    N2: fallback::Counting,
{
    /// Serves the key: live, or with the last good value and the reason.
    ///
    /// Who waits for the call of another waits until its own deadline at most.
    ///
    /// # Errors
    /// Why there is no value: nothing is held that may stand in, or the error is an answer.
    pub async fn call<Q, F, Fut, E>(&self, key: &Q, call: F) -> Result<Served<V>, Error<E>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<V, E>>,
        R: ClassifyLayer<E>,
        S: Sleep,
        J: Judge<V, E>,
    {
        let ending = self.guard.begin();
        let wait = Wait { leads: Shown::zero(), began: Shown::zero() };
        let live = || {
            // From here on its own deadline ends it, and the breaker learns of that; unless it has passed while it waited.
            let until = self.guard.deadline_since(wait.began());
            let in_time = until == Deadline::NONE || !self.guard.has_passed(until);
            wait.leads.set(if in_time { LEADS } else { TOO_LATE });
            async move {
                if !in_time {
                    // Dropped at once, so that another leads.
                    pending::<()>().await;
                }
                self.guard.run((until, None), true, call).await
            }
        };
        let choose = |error: &Error<E>| self.guard.stands_in(error);
        let served = self.cache.serve_with(choose, key, live);
        let result = match self.in_time(&wait, served).await {
            Some(Ok(served)) => Ok(served),
            Some(Err(Missed::Failed(error))) => Err(error),
            Some(Err(Missed::Shared(why))) => Err(Error::Shared(why)),
            None => match self.cache.get(key) {
                Some(held) => {
                    let by = By::Cached { age: held.age };
                    Ok(Served { value: held.value, by, why: Some(Why::TimedOut) })
                }
                None => Err(Error::Shared(Why::TimedOut)),
            },
        };
        match &result {
            Ok(served) if served.is_live() => ending.counted_as(Kind::Succeeded),
            Ok(_) => ending.counted_as(Kind::Cached),
            Err(_) => ending.ended(&result),
        }
        result
    }

    /// What is served, unless this caller waits for another's call until its deadline.
    async fn in_time<F: Future>(&self, wait: &Wait, served: F) -> Option<F::Output>
    where
        S: Sleep,
    {
        let guard = self.guard;
        let mut served = pin!(served);
        let mut sleep = pin!(None::<S::Wait>);
        poll_fn(|context| {
            if let Poll::Ready(output) = served.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            if wait.leads.get() == TOO_LATE {
                return Poll::Ready(None);
            }
            let Some(longest) = guard.settings.deadline.filter(|_| wait.leads.get() == 0) else {
                return Poll::Pending;
            };
            if sleep.is_none() {
                if let Some(now) = guard.layers.clock.time() {
                    wait.began.set(now.as_nanos().max(1));
                }
                sleep.set(Some(guard.layers.sleeper.sleep(longest)));
            }
            match sleep.as_mut().as_pin_mut() {
                Some(sleep) => sleep.poll(context).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl<D, L, B, T, R, S, J, O, N, C: TimeSource> Guard<D, L, B, T, R, S, J, O, N, C> {
    fn has_passed(&self, until: Deadline) -> bool {
        self.layers.clock.time().is_some_and(|now| until.is_over_at(now))
    }
}

impl<D, L, B, T, R, S, J, O, N, C> Guard<D, L, B, T, R, S, J, O, N, C> {
    /// The deadline of a call that began to wait then.
    fn deadline_since(&self, began: Option<Instant>) -> Deadline {
        match (self.settings.deadline, began) {
            (Some(longest), Some(began)) => Deadline::after(longest, began),
            _ => Deadline::NONE,
        }
    }
}

/// It makes its own call.
const LEADS: u64 = 1;
/// It came to lead after its deadline, and asks nobody.
const TOO_LATE: u64 = 2;

/// One who waits for another's call, until it makes its own.
struct Wait {
    /// [`LEADS`], [`TOO_LATE`], or zero: it waits.
    leads: Shown,
    /// Since when it waits; zero if it does not.
    began: Shown,
}

impl Wait {
    fn began(&self) -> Option<Instant> {
        match self.began.get() {
            0 => None,
            began => Some(Instant::from_nanos(began)),
        }
    }
}

impl<G: fmt::Debug, M> fmt::Debug for Backed<'_, G, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backed").field("guard", &self.guard).finish_non_exhaustive()
    }
}
