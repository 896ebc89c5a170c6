//! Tables of what is judged how, and laws that hold for any text.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod command;
mod egress;
mod egress_formats;
mod hidden;
mod instructions;
mod leak;
mod path;
mod path_argument;
mod schema;
mod secret;
mod sql;
mod text;
mod url;
