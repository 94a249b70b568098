//! The bookstore's services: catalog, order and front-end.
//!
//! Only `http` names the web framework, and only `store` blocks.

pub mod catalog;
pub mod cli;
#[cfg(feature = "commands")]
pub mod commands;
pub mod config;
mod continued;
pub mod daemon;
mod descriptors;
pub mod discovery;
#[cfg(feature = "fault-injection")]
mod fault_injection;
#[cfg(test)]
mod fixture;
pub mod frontend;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod http;
mod listeners;
mod local;
pub mod logging;
pub mod manual;
pub mod message;
mod neighbours;
mod order;
mod relay;
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
