//! The bookstore's services: catalog, order and front-end.
//!
//! Only `http` names the web framework, and only `store` blocks.

pub mod all_in_one;
pub mod catalog;
pub mod cli;
pub mod commands;
pub mod daemon;
mod descriptors;
pub mod discovery;
#[cfg(feature = "fault-injection")]
mod fault_injection;
pub mod frontend;
pub mod http;
pub mod order;
pub mod service;
pub mod settings;

pub use store;
