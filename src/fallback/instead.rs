//! A value, or a function, where the primary gives no answer.

use crate::fallback::served::{Missed, Served, Why};

/// An answer of a primary that may have failed: a plain `Result<T, E>`, or one that a cache already stood in for,
/// `Result<Served<T>, Missed<E>>`.
pub trait Primary<T> {
    /// Its error, of which the caller chooses.
    type Error;

    /// What it served, or its error.
    fn into_served(self) -> Result<Served<T>, Self::Error>;
}

impl<T, E> Primary<T> for Result<T, E> {
    type Error = E;

    fn into_served(self) -> Result<Served<T>, E> {
        self.map(Served::live)
    }
}

impl<T, E> Primary<T> for Result<Served<T>, Missed<E>> {
    type Error = Missed<E>;

    fn into_served(self) -> Self {
        self
    }
}

/// The primary's answer, or this value for the errors that `choose` names a reason for.
///
/// [`Why::always`], [`Why::of`], [`Why::if_refused`] and [`Missed::why`] choose; so does any closure.
///
/// # Errors
/// The primary's, where it is not chosen.
///
/// # Examples
/// ```
/// use fusebox::fallback::{self, Why};
///
/// #[derive(Debug, PartialEq)]
/// enum Failure { Down, NoSuchUser }
/// let when_down = |failure: &Failure| (*failure == Failure::Down).then_some(Why::Failed);
///
/// let served = fallback::or_value(Err(Failure::Down), when_down, "guest")?;
/// assert_eq!((served.value, served.is_live()), ("guest", false));
/// assert_eq!(fallback::or_value(Err(Failure::NoSuchUser), when_down, "guest"), Err(Failure::NoSuchUser));
/// assert!(fallback::or_value(Ok("ada"), when_down, "guest")?.is_live());
/// # Ok::<(), Failure>(())
/// ```
pub fn or_value<T, P: Primary<T>>(
    primary: P,
    choose: impl FnOnce(&P::Error) -> Option<Why>,
    value: T,
) -> Result<Served<T>, P::Error> {
    or_else(primary, choose, |_| value)
}

/// As [`or_value`], with a function that is called only where it is needed, and told why it is.
///
/// # Errors
/// The primary's, where it is not chosen.
///
/// # Examples
/// ```
/// use fusebox::fallback::{self, Missed, Served, Why};
///
/// let missed: Result<Served<String>, Missed<&str>> = Err(Missed::Shared(Why::TimedOut));
/// let served = fallback::or_else(missed, Missed::why, |why| format!("no price: {why}"))?;
/// assert_eq!(served.value, "no price: timed out");
/// # Ok::<(), Missed<&str>>(())
/// ```
pub fn or_else<T, P: Primary<T>>(
    primary: P,
    choose: impl FnOnce(&P::Error) -> Option<Why>,
    make: impl FnOnce(Why) -> T,
) -> Result<Served<T>, P::Error> {
    let error = match primary.into_served() {
        Ok(served) => return Ok(served),
        Err(error) => error,
    };
    match choose(&error) {
        Some(why) => Ok(Served::default(make(why), why)),
        None => Err(error),
    }
}

/// As [`or_else`], where another service is asked instead.
///
/// # Errors
/// The primary's, where it is not chosen.
///
/// # Examples
/// ```
/// use fusebox::fallback::{self, Why};
///
/// # async fn run() -> Result<(), &'static str> {
/// let primary: Result<u32, &str> = Err("down");
/// let served = fallback::or_else_async(primary, Why::always, |_| async { 41 + 1 }).await?;
/// assert_eq!((served.value, served.why), (42, Some(Why::Failed)));
/// # Ok(())
/// # }
/// # futures::executor::block_on(run()).unwrap();
/// ```
pub async fn or_else_async<T, P: Primary<T>, F: Future<Output = T>>(
    primary: P,
    choose: impl FnOnce(&P::Error) -> Option<Why>,
    make: impl FnOnce(Why) -> F,
) -> Result<Served<T>, P::Error> {
    let error = match primary.into_served() {
        Ok(served) => return Ok(served),
        Err(error) => error,
    };
    match choose(&error) {
        Some(why) => Ok(Served::default(make(why).await, why)),
        None => Err(error),
    }
}
