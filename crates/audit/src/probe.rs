//! What touches the world, and brings home evidence.

pub mod bundle;
mod clock;
pub mod config;
mod dice;
mod doing;
pub mod http;
pub mod live;
mod machine;
mod old;
mod ordinary;
pub mod package;
mod scratch;
pub mod source;

pub use doing::Doing;
