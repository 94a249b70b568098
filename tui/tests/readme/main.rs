//! The tour in README.md works: every command, in the printed order, with the printed output.

// The attribute tells the lints that these are tests.
#[cfg(test)]
mod page;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod tour;
