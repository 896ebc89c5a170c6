//! What makes an MCP server hard to misuse, for its author.
//!
//! A server is a [`Toolbox`]: tools that implement [`TypedTool`] (or [`Tool`], when
//! their schema is only known at run time), directories they may touch ([`Roots`]),
//! and limits. Around every call stands the same layer ([`Layer`]): the arguments
//! are judged against the tool's own schema, the call is counted, recorded before
//! and after, ended at its deadline, and what an error gives away is taken out. A
//! server that is written already on the official SDK gets the layer with
//! [`Guarded`].
//!
//! ```no_run
//! use portcullis_kit::{Bounded, Call, Hints, Refusal, Toolbox, TypedTool};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Words { text: Bounded<4096> }
//!
//! #[derive(serde::Serialize, schemars::JsonSchema)]
//! struct Count { words: usize }
//!
//! #[derive(Debug)]
//! struct CountWords;
//!
//! impl TypedTool for CountWords {
//!     type Arguments = Words;
//!     type Output = Count;
//!     const NAME: &'static str = "count_words";
//!     const TITLE: &'static str = "Count words";
//!     const DESCRIPTION: &'static str = "Counts the words of a text.";
//!     const HINTS: Hints = Hints::reads();
//!     async fn run(&self, words: Words, _call: &Call) -> Result<Count, Refusal> {
//!         Ok(Count { words: words.text.split_whitespace().count() })
//!     }
//! }
//!
//! fn main() -> Result<(), portcullis_kit::StartError> {
//!     Toolbox::new("counter", "1.0.0").tool(CountWords).serve_stdio()
//! }
//! ```
//!
//! A tool that says nothing about what it does is no tool:
//!
//! ```compile_fail
//! # use portcullis_kit::{Call, Refusal, TypedTool};
//! #[derive(Debug)]
//! struct Silent;
//! impl TypedTool for Silent {
//!     type Arguments = serde_json::Value;
//!     type Output = serde_json::Value;
//!     const NAME: &'static str = "silent";
//!     const TITLE: &'static str = "Silent";
//!     const DESCRIPTION: &'static str = "Has no hints, so this does not compile.";
//!     async fn run(&self, it: serde_json::Value, _: &Call) -> Result<serde_json::Value, Refusal> {
//!         Ok(it)
//!     }
//! }
//! ```
//!
//! Reading order: [`tool`] is what an author writes, [`arguments`] what may stand in
//! its arguments, [`call`] what it is given, [`roots`] where it may act, [`layer`] what
//! happens around it, [`toolbox`] how it is served.
#![forbid(unsafe_code)]

pub mod arguments;
pub mod call;
pub mod evidence;
pub mod guarded;
pub mod hints;
pub mod layer;
pub mod rate;
pub mod refusal;
pub mod roots;
pub mod tool;
pub mod toolbox;

mod protocol;
mod serve;
mod start;

pub use arguments::{Argv, Bounded, NamedQuery, SafeUrl, UnderRoot};
pub use call::{Call, Stopped};
pub use evidence::Evidence;
pub use guarded::Guarded;
pub use hints::Hints;
pub use layer::{Layer, Limits};
pub use refusal::Refusal;
pub use roots::{Ceiling, Roots};
pub use serve::StartError;
pub use start::Start;
pub use tool::{Answer, Definition, Tool, TypedTool};
pub use toolbox::Toolbox;
