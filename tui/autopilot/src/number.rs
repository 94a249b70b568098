//! The format of numbers in reports.

use std::time::Duration;

/// Operations per second, rounded to a tenth; 0 for an empty duration.
pub(crate) fn rate(requests: u64, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return 0.0;
    }
    (requests as f64 / seconds * 10.0).round() / 10.0
}

/// Formats microseconds as milliseconds with two decimals, or none from 100 ms on; `-` for 0.
pub fn ms(us: u64) -> String {
    match us {
        0 => "-".to_owned(),
        1..=99_999 => format!("{}.{:02}", us / 1_000, us % 1_000 / 10),
        _ => (us / 1_000).to_string(),
    }
}
