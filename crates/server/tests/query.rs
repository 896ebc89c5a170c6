//! Queries as tools, against real databases: what they give, and what gets through.
//!
//! `shop` is the configuration that the tests share; `servers` starts the databases
//! that are programs of their own.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

#[path = "query/mysql.rs"]
mod mysql;
#[path = "query/postgres.rs"]
mod postgres;
#[path = "query/servers.rs"]
mod servers;
#[path = "query/shop.rs"]
mod shop;
#[path = "query/sqlite.rs"]
mod sqlite;
