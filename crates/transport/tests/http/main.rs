//! Requests over real sockets: what is answered, and what comes of the rest.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod elsewhere;
mod fetching;
mod frames;
mod hostile;
mod messages;
mod rebinding;
mod second;
mod serving;
mod site;
mod upstream;
