//! Times as people write them on a command line.

use std::time::Duration;

/// Reads a time like `500ms`, `30s`, `5m`, `2h` or `1h30m`.
///
/// # Errors
/// Says what was expected.
pub fn parse(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time like 500ms, 30s, 5m or 1h30m".to_owned();
    let mut sum_ms: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
        let (number, tail) = rest.split_at(digits);
        let (unit_ms, tail) = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)]
            .iter()
            .find_map(|(unit, ms)| Some((*ms, tail.strip_prefix(unit)?)))
            .ok_or_else(expected)?;
        let number: u64 = number.parse().map_err(|_| expected())?;
        sum_ms = number
            .checked_mul(unit_ms)
            .and_then(|ms| sum_ms.checked_add(ms))
            .ok_or_else(expected)?;
        rest = tail;
    }
    // A year is longer than any run and keeps sums of moments in range.
    match sum_ms {
        1..=31_536_000_000 => Ok(Duration::from_millis(sum_ms)),
        _ => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_its_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1m30s", 90_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "1d",
            "0s",
            "99999999999999999999s",
            "9999999h",
        ] {
            assert!(parse(text).is_err(), "{text:?} was taken");
        }
    }
}
