//! Tables of what is judged how, and laws that hold for any text.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod path;
mod path_argument;
mod schema;
mod secret;
mod text;
