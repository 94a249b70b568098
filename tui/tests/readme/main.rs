//! The tour in README.md prints what it shows, and the targets of references in documents exist.
#![cfg(test)]

mod links;
mod page;
mod shell;
mod tour;
