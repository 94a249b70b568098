//! The `bookstore` executable against front-ends whose answers the tests define, and against its local store.
#![cfg(test)]

mod autopilot;
mod autopilot_screen;
mod basket;
mod commands;
#[cfg(feature = "fault-injection")]
mod fault_injection;
mod front_end;
mod hangup;
mod help;
mod https;
mod local_store;
mod opening;
mod orders;
mod screen;
mod sessions;
mod ssh;
mod terminal;
mod test_shop;
