//! `bookstore`: the terminal shop, the one-shot commands and the autopilot.
//!
//! Everything here talks to a front-end through `common`'s typed client; nothing decides about stock.

pub mod autopilot;
pub mod backoff;
pub mod settle;
