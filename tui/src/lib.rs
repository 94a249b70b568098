//! `bookstore`: the terminal shop, the one-shot commands and the autopilot.
//!
//! Everything here talks to a front-end through `common`'s typed client; nothing decides about stock.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod connect;
pub mod effect;
pub mod event;
pub mod format;
pub mod journal;
pub mod keymap;
pub mod live;
pub mod local_store;
pub mod message;
pub mod runtime;
pub mod terminal;
pub mod theme;
pub mod ui;
