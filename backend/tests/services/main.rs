//! The services as real processes, asked over real sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod commands;
mod connections;
mod crashes;
mod events;
mod limits;
mod processes;
mod shop;
mod shopkeeper;
mod shopping;
