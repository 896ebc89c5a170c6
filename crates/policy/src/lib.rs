//! Who tries what on which object, and what we conclude.
//!
//! Read in this order: [`request`] names the parties, [`decision`] is the
//! algebra of saying yes, ask and no, [`permit`] turns a yes into something the
//! type system can ask for, [`rules`], [`names`] and [`extension`] are what an
//! operator may write without writing a policy, [`inspect`], [`input`] and [`channel`] too. Then how policies are judged: `lists` says the
//! lists of tools in Cedar, [`schema`] has the words that a policy may use, `load`
//! takes a policy in force or says what is wrong with it (`reading` and `argument`
//! for what it reads of a call, `owed` for its annotations, `examples` for the calls beside it), `slice` leaves out
//! what cannot matter, and [`policies`] judges.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

pub mod argument;
pub mod channel;
pub mod decision;
mod examples;
pub mod extension;
pub mod input;
pub mod inspect;
mod lists;
mod load;
pub mod names;
mod owed;
pub mod permit;
pub mod place;
pub mod policies;
mod reading;
pub mod request;
pub mod rules;
pub mod schema;
mod slice;

pub use channel::Channel;
pub use decision::{Because, Decision, Effect, Obligation};
pub use extension::{Extension, Extensions};
pub use input::{Elicitation, Opening, Review, Sampling};
pub use inspect::{Flow, Inspect, Treatment};
pub use lists::Base;
pub use load::{May, PolicyText, Rank, Rule, Unsound};
pub use names::{Names, Unlisted};
pub use permit::{Answer, Permit, Permitted};
pub use place::Place;
pub use policies::{CallFacts, Policies, ResourceFacts};
pub use request::{Principal, ServerName};
pub use rules::{Ask, Pattern, Rules, Tier};
