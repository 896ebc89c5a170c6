//! How a credential for a remote server is got (OAuth 2.1 as a client), as a state machine.
//!
//! Nothing here fetches, waits, rolls dice or knows the time: whoever drives a [`Flow`] makes the
//! requests that it names, asks the person that it wants asked, and tells it what came. Reading
//! order: [`place`] (which addresses may be used at all), [`challenge`] (what a 401 or 403 says),
//! [`metadata`] (what a server and its authorization server say of themselves), [`client`] (who we
//! are there), [`scope`] (what is asked for, and how often), [`returned`] (what a browser brings
//! back), [`token`] (what is redeemed, and for what), [`flow`] (the order of all that), [`why`]
//! (what ends it).
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![forbid(unsafe_code)]

pub mod challenge;
pub mod client;
pub mod flow;
mod form;
mod json;
pub mod metadata;
pub mod place;
pub mod returned;
pub mod scope;
pub mod token;
pub mod why;

pub use challenge::Challenge;
pub use client::{Identity, Method, Registration};
pub use flow::{Answer, Ask, Asked, Consent, Flow, Grant, Means, Need, Purpose, Setup, Visit};
pub use place::Place;
pub use scope::{Elevations, Scopes};
pub use token::Tokens;
pub use why::Why;
