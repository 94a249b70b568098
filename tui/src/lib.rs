//! `bookstore`: the terminal shop, the one-shot commands and the autopilot.
//!
//! Everything here talks to a front-end through `common`'s typed client; nothing decides about stock.

pub mod autopilot;
pub mod backoff;
pub mod cli;
pub mod commands;
pub mod duration;
pub mod own_store;
pub mod place;
pub mod settle;
pub mod shop;
