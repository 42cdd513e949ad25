//! Steps in the order of their instants, all read before the first is done.

use serde_json::value::RawValue;

use crate::verdict::Failure;

/// When a step is done.
pub trait Timed {
    /// The instant, and whether time may have gone back to it.
    fn at(&self) -> (u64, bool);
}

/// Reads every step; each by `read`.
pub fn steps<S: Timed>(
    steps: &[Box<RawValue>],
    read: impl Fn(&str) -> Result<S, String>,
) -> Result<Vec<S>, Failure> {
    let mut latest = 0;
    let mut done = Vec::with_capacity(steps.len());
    for (number, step) in (1..).zip(steps) {
        let step = read(step.get()).map_err(|why| Failure::malformed(Some(number), why))?;
        let (at, clock_back) = step.at();
        if at < latest && !clock_back {
            return Err(Failure::malformed(Some(number), "time goes back without `clock_back`"));
        }
        latest = at;
        done.push(step);
    }
    Ok(done)
}
