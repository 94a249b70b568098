//! The services as real processes, over real sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod baskets;
mod bookstored;
mod client;
mod commands;
mod connections;
mod crashes;
mod database;
mod events;
mod fixture;
mod limits;
mod origins;
mod processes;
mod rate_limit;
mod request_ids;
mod shopkeeper;
mod shopping;
