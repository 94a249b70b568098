//! The fuzz targets of all crates. Each is a function that panics if an input breaks a rule, and lives beside the code that
//! it tries, in the module `fuzzing` of its crate.
//!
//! `tests/bounded.rs` runs every target briefly; `run` lets libFuzzer search for inputs.

use common::fuzzing::Target;

/// Every target.
pub fn targets() -> impl Iterator<Item = Target> {
    let of_formats = common::fuzzing::TARGETS.into_iter().chain(store::fuzzing::TARGETS);
    let of_programs = backend::fuzzing::TARGETS.into_iter().chain(tui::fuzzing::TARGETS);
    of_formats.chain(of_programs)
}
