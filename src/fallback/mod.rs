//! What to do instead.
