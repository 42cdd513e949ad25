//! The hot paths whose instructions and allocations are counted, and the gate that compares them with what is
//! recorded.

pub mod calls;
pub mod gate;
pub mod limits;
pub mod paths;
pub mod slots;
