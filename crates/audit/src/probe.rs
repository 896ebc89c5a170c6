//! What touches the world, and brings home evidence.

pub mod live;
pub mod source;
