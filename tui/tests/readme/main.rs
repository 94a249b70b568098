//! The documents are right: the tour in README.md prints what it says, and what documents refer to exists.
#![cfg(test)]

mod links;
mod page;
mod shell;
mod tour;
