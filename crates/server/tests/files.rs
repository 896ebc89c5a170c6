//! The file tools through a conversation, as any client has it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

#[path = "files/described.rs"]
mod described;
#[path = "files/full.rs"]
mod full;
#[path = "files/hostile.rs"]
mod hostile;
#[path = "files/listing.rs"]
mod listing;
#[path = "files/race.rs"]
mod race;
#[path = "files/reading.rs"]
mod reading;
#[path = "files/searching.rs"]
mod searching;
#[path = "files/talk.rs"]
mod talk;
#[path = "files/writing.rs"]
mod writing;
