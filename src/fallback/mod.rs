//! What to do instead: an answer from somewhere else when the primary gives none, and who served it.
//!
//! | part | what it is | needs |
//! |---|---|---|
//! | [`Served`] | an answer that says who served it, and why not the primary | nothing |
//! | [`or_value`], [`or_else`], [`or_else_async`] | a value, or a function, for the errors that the caller chooses | nothing |
//! | [`LastGoodTable`] | the last good value of each key, in fixed memory | nothing: it may stand in a `static` |
//! | `LastGood` | the same for any keys and values, where all who ask at once make one call | `cache` |
//!
//! Nothing here is ever served beyond its `stale` limit.

#[cfg(feature = "cache")]
mod cache;
#[cfg(feature = "cache")]
mod counts;
#[cfg(feature = "cache")]
mod event;
#[cfg(feature = "cache")]
#[cfg_attr(not(any(fusebox_loom, fusebox_fuzz)), allow(unreachable_pub, reason = "`proof` shows `Flight`"))]
pub(crate) mod flight;
#[cfg(feature = "cache")]
mod flights;
mod instead;
mod policy;
#[cfg(feature = "cache")]
mod refresh;
#[cfg(feature = "cache")]
mod seat;
#[cfg(feature = "cache")]
mod serve;
mod served;
mod table;
#[cfg(all(test, feature = "cache", not(any(fusebox_loom, fusebox_fuzz))))]
mod tests;

#[cfg(feature = "cache")]
pub use cache::LastGood;
#[cfg(feature = "cache")]
pub use counts::{Counters, Counting, Counts};
#[cfg(feature = "cache")]
pub use event::Event;
pub use instead::{Primary, or_else, or_else_async, or_value};
pub use policy::{Freshness, FreshnessBuilder};
pub use served::{By, Held, Missed, Served, Why};
pub use table::LastGoodTable;
