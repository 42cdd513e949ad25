//! The transition table row by row.
