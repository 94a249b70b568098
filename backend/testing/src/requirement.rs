//! Tests whose requirements are missing fail, unless the environment allows to skip them.

use std::io::Write as _;

/// The environment variable that lists, separated by commas, the requirements without which tests are skipped:
/// `nginx`, `pgbouncer`, `postgresql`, `promtool`, `python3`, `read-only-mount`, `small-disk`, `ssh`, `strace`.
pub const MAY_SKIP: &str = "BOOKSTORE_TESTS_MAY_SKIP";

/// Whether tests that require `what` may be skipped.
pub fn may_skip(what: &str) -> bool {
    std::env::var(MAY_SKIP).is_ok_and(|list| is_listed(&list, what))
}

/// Reports on standard error that the running test is skipped because `what` is missing. The caller then returns.
///
/// # Panics
/// If tests that require `what` may not be skipped. The message contains `remedy`, which says how to get `what`.
pub fn skip_or_fail(what: &str, remedy: &str) {
    assert!(
        may_skip(what),
        "this test requires {what}: {remedy}, or set {MAY_SKIP}={what} to skip such tests"
    );
    // The harness captures only what the print macros write, so this line is always visible.
    let _ = writeln!(std::io::stderr(), "skipped: {what} is missing and listed in {MAY_SKIP}");
}

fn is_listed(list: &str, what: &str) -> bool {
    list.split(',').any(|name| name.trim() == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_requirements_may_be_missing() {
        assert!(is_listed("strace, postgresql", "postgresql"));
        assert!(!is_listed("postgresql", "strace") && !is_listed("", "strace"));
    }
}
