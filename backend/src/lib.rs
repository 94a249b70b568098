//! The bookstore's services: catalog, order and front-end.
//!
//! `http` is the only part that knows the web framework, `store` the only part that blocks.

pub mod all;
pub mod beacon;
pub mod catalog;
pub mod cli;
pub mod commands;
mod descriptors;
#[cfg(feature = "fault-injection")]
mod fault_injection;
pub mod frontend;
pub mod http;
pub mod order;
mod run;
pub mod service;

pub use run::run;
pub use store;
