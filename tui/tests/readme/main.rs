//! The documents are right: the tour in README.md prints what it says, and what documents refer to exists.

// The attribute tells the lints that these are tests.
#[cfg(test)]
mod links;
#[cfg(test)]
mod page;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod tour;
