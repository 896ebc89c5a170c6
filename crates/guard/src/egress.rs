//! What a server may reach by name: the judgement behind `--network HOST[:PORT],…`.
//!
//! Read in this order: [`host`] (which texts name a host at all), [`rule`] (what the
//! operator listed, and what of it a target meets), [`address`] (where a name must not
//! lead), [`web`] (addresses that we send to ourselves), then the four formats in which a server can ask: [`http`], [`tls`],
//! [`socks`] and [`dns`]. Each reads hostile bytes, in pieces or whole, and keeps
//! nothing. Dialling is somebody else's (`confine`).

pub mod address;
pub mod bytes;
pub mod chunks;
pub mod dns;
pub mod host;
pub mod http;
pub mod rule;
pub mod socks;
pub mod tally;
pub mod tls;
pub mod web;
pub mod why;

pub use address::inside;
pub use host::{Host, HostName, NotAHost, Target};
pub use rule::{NotARule, Reach, Route, Rule};
pub use tally::{Tally, Told};
pub use web::{NotAUrl, Origin, Url};
pub use why::{Denial, Why};

/// What a format made of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read<T> {
    /// They are a beginning.
    More,
    /// They are whole: the meaning, and how many of them it took.
    Whole(T, usize),
}
