//! The interactive shop without its network and terminal, driven by events.

mod buying;
mod catalog;
pub(crate) mod fixture;
mod input;
mod loading;
mod orders;
mod screens;
