//! The services as real processes, over real sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod baskets;
mod bookstored;
mod client;
mod commands;
mod connections;
mod crashes;
mod events;
mod fixture;
mod full_disk;
mod limits;
mod lost_ledger;
mod origins;
mod processes;
mod rate_limit;
mod request_ids;
mod shopkeeper;
mod shopping;
mod store_files;
