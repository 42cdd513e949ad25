//! Quantiles of what was seen, without a lock.
