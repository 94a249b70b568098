//! `bookstore`: the terminal shop, the one-shot commands and the autopilot.
//!
//! Everything here talks to a front-end through `common`'s typed client; nothing decides about stock.

pub mod app;
pub mod cli;
pub mod command;
pub mod commands;
pub mod config;
pub mod connect;
pub mod effect;
pub mod format;
mod fuzzy;
pub mod input;
pub mod journal;
pub mod keymap;
pub mod live;
pub mod local_store;
pub mod message;
pub mod runtime;
pub mod screen;
pub mod terminal;
pub mod theme;
pub mod ui;
