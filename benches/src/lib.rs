//! The harness that measures fusebox beside its peers and beside the machine's floors.
//!
//! | module | question it answers |
//! |---|---|
//! | [`contest`] | what is one contestant, and what exactly is timed |
//! | [`checks`] | does a contestant do the work it is timed for |
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
pub mod machine;
pub mod operations;
pub mod ours;
pub mod peers;
pub mod report;
pub mod statistics;
pub mod variants;
