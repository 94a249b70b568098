//! The bookstore's terminal: the interactive shop.

pub mod app;
pub mod effect;
pub mod event;
pub mod format;
pub mod journal;
pub mod keymap;
pub mod live;
pub mod message;
pub mod runtime;
pub mod terminal;
pub mod theme;
pub mod ui;
