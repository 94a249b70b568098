//! `bookstore`: the terminal shop, the one-shot commands and the autopilot.
//!
//! Everything here talks to a front-end through `common`'s typed client; nothing decides about stock.

mod app;
mod basket_file;
mod cli;
mod columns;
mod command;
mod commands;
mod config;
mod connect;
mod dispatch;
mod effect;
mod event_forwarder;
mod format;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod fuzzy;
mod input;
mod journal;
mod keymap;
mod message;
mod now;
mod receipt;
mod runtime;
#[cfg(feature = "sshd")]
mod sshd;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod ui;

pub use dispatch::main;
