//! The harness that measures fusebox beside its peers and beside the machine's floors.
//!
//! | module | question it answers |
//! |---|---|
//! | [`contest`], [`limiting`], [`keyed`], [`shedding`] | what is one contestant (breaker, limiter), and what exactly is timed |
//! | [`checks`] | does a breaker do the work it is timed for |
//! | [`keys`] | which key is asked about when |
//! | [`memory`] | what does a contestant weigh |
//! | [`ours`], [`peers`], [`floors`] | who takes part |
//! | [`operations`] | in which rows |
//! | [`crew`], [`duel`] | how is it measured: the threads, the rounds |
//! | [`statistics`] | what is made of the samples |
//! | [`expectations`] | what should come out |
//! | [`machine`], [`report`] | how is it told |
//! | [`variants`] | every operation of ours, for the criterion benches |

pub mod checks;
pub mod contest;
pub mod crew;
pub mod duel;
pub mod expectations;
pub mod floors;
pub mod keyed;
pub mod keys;
pub mod limiting;
pub mod machine;
pub mod memory;
pub mod operations;
pub mod ours;
pub mod peers;
pub mod report;
pub mod retrying;
pub mod shedding;
pub mod statistics;
pub mod variants;
