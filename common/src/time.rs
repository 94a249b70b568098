//! Times, which are RFC 3339 in UTC with six decimals on the wire, and durations.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::parse::{self, Error, parse_digits};

/// A time in whole microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
pub struct Timestamp(i64);

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
const MICROS_A_SECOND: i64 = 1_000_000;
/// The text after the decimal point at the start of a second.
const NO_MICROS: &str = "000000Z";

thread_local! {
    /// The second that was written last, and its text up to the decimal point: successive entries and receipts are often of
    /// the same second.
    static LAST_SECOND: RefCell<Option<(i64, Vec<u8>)>> = const { RefCell::new(None) };
}

impl Timestamp {
    /// The current time of the system clock.
    pub fn now() -> Self {
        Self(i64::try_from(since_epoch().as_micros()).unwrap_or(i64::MAX))
    }

    /// The time at these microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down; 0 before the epoch.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.div_euclid(1_000)).unwrap_or(0)
    }

    /// Appends the text of the time.
    pub fn write_to(self, text: &mut Vec<u8>) {
        let second = self.0.div_euclid(MICROS_A_SECOND);
        LAST_SECOND.with_borrow_mut(|last| {
            if last.as_ref().is_none_or(|(known, _)| *known != second) {
                *last = Some((second, until_decimals(second)));
            }
            let known = last.as_ref().map(|(_, known)| &**known);
            text.extend_from_slice(known.unwrap_or_default());
        });
        // Seven digits; the first one preserves leading zeros and is skipped.
        let micros = MICROS_A_SECOND + self.0.rem_euclid(MICROS_A_SECOND);
        let mut digits = itoa::Buffer::new();
        text.extend_from_slice(digits.format(micros).get(1..).unwrap_or_default().as_bytes());
        text.push(b'Z');
    }
}

/// The text of a second up to and including the decimal point.
fn until_decimals(second: i64) -> Vec<u8> {
    let mut text = Vec::with_capacity(32);
    let start = Timestamp(second.saturating_mul(MICROS_A_SECOND));
    // Writing into memory cannot fail.
    let _ = PRINTER.print_timestamp(&start.into(), &mut text);
    text.truncate(text.len().saturating_sub(NO_MICROS.len()));
    text
}

impl From<Timestamp> for jiff::Timestamp {
    /// Saturates outside the years −9999 to 9999.
    fn from(Timestamp(micros): Timestamp) -> Self {
        Self::from_microsecond(micros).unwrap_or(if micros < 0 { Self::MIN } else { Self::MAX })
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let time = parse_canonical(text).or_else(|| text.parse().ok());
        let time = time.ok_or(Error("a time like 2026-01-31T12:00:00.000000Z"))?;
        Ok(Self(time.as_microsecond()))
    }
}

/// Parses the form in which times are written, in a fifth of the time of the general parser; `None` for other forms.
fn parse_canonical(text: &str) -> Option<jiff::Timestamp> {
    const FORM: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
    let text: &[u8; 27] = text.as_bytes().try_into().ok()?;
    let has_form = |(byte, form): (&u8, &u8)| {
        if *form == b'0' {
            byte.is_ascii_digit()
        } else {
            byte == form
        }
    };
    if !text.iter().zip(FORM).all(has_form) {
        return None;
    }
    let number = |digits: Range<usize>| {
        let digits = text.get(digits).unwrap_or_default().iter();
        digits.fold(0, |number: i32, digit| number * 10 + i32::from(digit - b'0'))
    };
    let two = |at| i8::try_from(number(at..at + 2)).ok();
    let date = jiff::civil::Date::new(i16::try_from(number(0..4)).ok()?, two(5)?, two(8)?).ok()?;
    let time = jiff::civil::Time::new(two(11)?, two(14)?, two(17)?, number(20..26) * 1_000).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(time)).ok()
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PRINTER
            .print_timestamp(&(*self).into(), StdFmtWrite(f))
            .map_err(|_| fmt::Error)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse::deserialize(deserializer)
    }
}

/// Parses a duration: seconds, or a number with a unit like `500ms`, `10s`, `5m`, `2h`.
///
/// # Errors
/// Says what is expected.
pub fn parse_duration(text: &str) -> Result<Duration, Error> {
    const EXPECTED: Error = Error("a duration like 10s, 500ms or 5m");
    if let Some(seconds) = parse_digits(text) {
        return Ok(Duration::from_secs(seconds));
    }
    let signed: jiff::SignedDuration = text.parse().map_err(|_| EXPECTED)?;
    Duration::try_from(signed).map_err(|_| EXPECTED)
}

/// A new UUID that sorts by time (version 7); a random one (version 4) if the clock is before 1970, which version 7 cannot
/// express.
pub(crate) fn new_uuid(now: SystemTime) -> Uuid {
    match now < UNIX_EPOCH {
        true => Uuid::new_v4(),
        false => Uuid::now_v7(),
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_with_six_decimals() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_769_860_800_000_000, "2026-01-31T12:00:00.000000Z"),
            (1_769_860_800_000_001, "2026-01-31T12:00:00.000001Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (253_402_207_199_999_999, "9999-12-30T21:59:59.999999Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
        ] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(time.to_string(), text);
            assert_eq!(serde_json::to_value(time).unwrap(), text);
            let mut written = Vec::new();
            time.write_to(&mut written);
            assert_eq!(written, text.as_bytes());
        }
        assert!(Timestamp::from_micros(i64::MAX).to_string().starts_with("9999-12-30T"));
    }

    #[test]
    fn every_time_is_parsed_back_equal_and_texts_sort_as_times_do() {
        let mut previous = String::new();
        for day in (-719_528_i64..2_932_890).step_by(97) {
            let time =
                Timestamp::from_micros((day * 86_400 + day.rem_euclid(86_400)) * 1_000_000 + day.rem_euclid(999_983));
            let text = time.to_string();
            assert_eq!(text.parse(), Ok(time), "{text}");
            assert!(text.len() == 27 && text > previous, "{text}");
            previous = text;
        }
    }

    #[test]
    fn an_invalid_time_is_refused() {
        for text in [
            "2026-02-29T12:00:00.000000Z",
            "2026-00-10T12:00:00.000000Z",
            "2026-13-10T12:00:00.000000Z",
            "2026-04-31T12:00:00.000000Z",
            "2026-04-30T24:00:00.000000Z",
            "2026-04-30T23:60:00.000000Z",
            "2026-04-30T23:00:0x.000000Z",
            "2026-04-30 noon and some more",
            "",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text:?} was accepted");
        }
        assert_eq!(
            "2024-02-29T12:00:00.5Z".parse::<Timestamp>(),
            "2024-02-29T12:00:00.500000Z".parse()
        );
    }

    #[test]
    fn a_duration_is_in_seconds_or_has_a_unit() {
        for (text, millis) in [
            ("10", 10_000),
            ("10s", 10_000),
            ("500ms", 500),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "-1s", "soon", "10 parsecs"] {
            assert!(parse_duration(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_clock_before_1970_gives_an_id_too() {
        let versions =
            [UNIX_EPOCH - Duration::from_secs(1), SystemTime::now()].map(|now| new_uuid(now).get_version_num());
        assert_eq!(versions, [4, 7]);
    }
}
