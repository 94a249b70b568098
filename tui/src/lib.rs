//! `bookstore`: the terminal shop, the one-shot commands and the autopilot.
//!
//! Everything here talks to a front-end through `common`'s typed client; nothing decides about stock.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod effect;
pub mod event;
pub mod format;
pub mod journal;
pub mod keymap;
pub mod live;
pub mod message;
pub mod own_store;
pub mod place;
pub mod runtime;
pub mod shop;
pub mod terminal;
pub mod theme;
pub mod ui;
