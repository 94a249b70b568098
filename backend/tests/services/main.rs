//! The services as real processes, over real sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod baskets;
mod books;
mod bookstored;
mod client;
mod commands;
mod configuration;
mod connections;
mod crashes;
mod database;
mod documents;
mod events;
mod failure_logs;
mod fake;
mod fixture;
mod foreign_answers;
mod full_disk;
mod limits;
mod logs;
mod lost_ledger;
mod manual;
mod metrics;
mod monitoring;
mod openapi;
mod origins;
mod processes;
mod rate_limit;
mod readiness;
mod refusals;
mod replaced_history;
mod request_ids;
mod restarts;
mod reverse_proxy;

mod service_token;
mod shopkeeper;
mod shopping;
mod signals;
mod store_files;
mod tls;
mod tokens;
#[cfg(feature = "otel")]
mod traces;
