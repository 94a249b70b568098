//! The interactive shop without its network and terminal, driven by events.

mod autopilot;
mod basket;
mod buying;
pub(crate) mod catalog;
mod changing;
pub(crate) mod fixture;
mod input;
mod loading;
mod order_screen;
mod orders;
mod pseudo_terminal;
mod screens;
mod searching;
pub(crate) mod second_process;
mod tables;
