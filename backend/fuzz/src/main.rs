//! The program that libFuzzer drives; `BOOKSTORE_FUZZ` names the target.
#![no_main]
#![expect(clippy::panic, reason = "only a programmer runs it")]

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let wanted = std::env::var("BOOKSTORE_FUZZ").unwrap_or_default();
    match fuzz::targets().find(|(name, _)| *name == wanted) {
        Some((_, target)) => target,
        None => panic!("BOOKSTORE_FUZZ={wanted:?} is not a target"),
    }
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| TARGET(input));
