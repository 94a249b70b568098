//! The bookstore's services: catalog, order and front-end.
//!
//! Only `http` uses the web framework, and only `store` blocks.

pub mod catalog;
pub mod cli;
mod client_response;
#[cfg(feature = "commands")]
pub mod commands;
pub mod config;
pub mod daemon;
mod dependencies;
mod descriptors;
mod detach_on_drop;
pub mod discovery;
#[cfg(feature = "fault-injection")]
mod fault_injection;
#[cfg(test)]
mod fixture;
pub mod frontend;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod http;
mod in_process;
mod listeners;
pub mod logging;
pub mod manual;
pub mod message;
mod order;
pub mod service;
pub mod settings;
mod signals;
mod systemd;
#[cfg(feature = "otel")]
mod telemetry;
mod token;

pub use descriptors::raise_limit as raise_limit_of_open_files;
pub use http::client_network;
pub use store;
