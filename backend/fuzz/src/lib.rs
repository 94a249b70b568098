//! The fuzz targets of all crates. A target is a function that panics if an input breaks a rule; it is in the module `fuzzing`
//! of the crate that it tests.
//!
//! `tests/bounded.rs` runs every target briefly; `run` lets libFuzzer search for inputs.

use common::fuzzing::Target;

/// Every target.
pub fn targets() -> impl Iterator<Item = Target> {
    let of_formats = common::fuzzing::TARGETS.into_iter().chain(store::fuzzing::TARGETS);
    let of_programs = backend::fuzzing::TARGETS.into_iter().chain(tui::fuzzing::TARGETS);
    of_formats.chain(of_programs)
}
