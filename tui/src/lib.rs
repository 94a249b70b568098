//! `bookstore`: the terminal shop, the one-shot commands and the autopilot.
//!
//! Everything here talks to a front-end through `common`'s typed client; nothing decides about stock.

pub mod app;
pub mod cli;
pub mod command;
pub mod commands;
pub mod config;
pub mod effect;
pub mod format;
mod fuzzy;
pub mod input;
pub mod journal;
pub mod keymap;
pub mod live;
pub mod message;
pub mod own_store;
pub mod place;
pub mod runtime;
pub mod screen;
pub mod shop;
pub mod terminal;
pub mod theme;
pub mod ui;
