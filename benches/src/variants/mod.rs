//! Every operation of ours, each on a primitive that stays in the state it is named for: what the criterion benches
//! time.

pub mod breaker;
pub mod limiter;
pub mod pressure;

/// Who times an operation.
pub trait Measure {
    /// Times `operation` on `state`; `name` is `operation[/variant]`, without the primitive and the number of
    /// threads.
    fn measure<S, R>(
        &mut self,
        name: &str,
        state: S,
        operation: impl Fn(&S, u64) -> R + Send + Sync + 'static,
    ) where
        S: Send + Sync + 'static;
}
