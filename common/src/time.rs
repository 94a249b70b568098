//! Moments: RFC 3339 in UTC with six decimals on the wire, Unix milliseconds in a deadline's header.

mod calendar;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::item::parse_digits;
use crate::{limits, serde_display};

/// A text that is no moment; says what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct Error(&'static str);

/// A moment in whole microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The system clock's moment.
    pub fn now() -> Self {
        Self(i64::try_from(since_epoch().as_micros()).unwrap_or(i64::MAX))
    }

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Appends its text, without asking for memory.
    pub fn write_to(self, text: &mut Vec<u8>) {
        match calendar::write(self.0) {
            Some(moment) => text.extend_from_slice(&moment),
            None => text.extend_from_slice(self.to_string().as_bytes()),
        }
    }

    /// The same moment in whole milliseconds, rounded down; 0 before the epoch.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.div_euclid(1_000)).unwrap_or(0)
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(micros) = text.as_bytes().try_into().ok().and_then(calendar::read) {
            return Ok(Self(micros));
        }
        let moment: jiff::Timestamp = text
            .parse()
            .map_err(|_| Error("a time like 2026-01-31T12:00:00.000000Z"))?;
        Ok(Self(moment.as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
        if let Some(text) = calendar::write(self.0) {
            return f.pad(str::from_utf8(&text).map_err(|_| fmt::Error)?);
        }
        let moment = jiff::Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        f.write_str(&PRINTER.timestamp_to_string(&moment))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match calendar::write(self.0) {
            Some(text) => serializer.serialize_str(str::from_utf8(&text).unwrap_or_default()),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_display::deserialize(deserializer)
    }
}

/// The last moment at which a purchase may still happen, in Unix milliseconds (header `Bookstore-Deadline`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = u64, example = 1_800_000_000_000_u64)]
pub struct Deadline(u64);

impl Deadline {
    /// That far from now by this machine's clock.
    pub fn after(patience: Duration) -> Self {
        Self(unix_millis(since_epoch() + patience))
    }

    /// From Unix milliseconds.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// The deadline a front-end sets: the client's own, never further away than the longest one; the default without.
    #[must_use]
    pub fn clamped(asked: Option<Self>) -> Self {
        asked.map_or_else(
            || Self::after(limits::DEADLINE_DEFAULT),
            |asked| asked.min(Self::after(limits::DEADLINE_MAX)),
        )
    }

    /// Whether the moment has gone by at `now`.
    pub fn has_passed_at(self, now: Timestamp) -> bool {
        self.0 < now.as_millis()
    }

    /// Whether the moment has gone by on this machine's clock.
    pub fn has_passed(self) -> bool {
        self.has_passed_at(Timestamp::now())
    }

    /// How long it still is on this machine's clock; nothing once it has passed.
    pub fn remaining(self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(unix_millis(since_epoch())))
    }
}

impl FromStr for Deadline {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_digits(text)
            .map(Self)
            .ok_or(Error("a moment in Unix milliseconds"))
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads a length of time: seconds, or a number with a unit like `500ms`, `10s`, `5m`, `2h`.
///
/// # Errors
/// Says what is expected.
pub fn parse_duration(text: &str) -> Result<Duration, Error> {
    const EXPECTED: Error = Error("a length of time, like 10s, 500ms or 5m");
    if let Some(seconds) = parse_digits(text) {
        return Ok(Duration::from_secs(seconds));
    }
    let signed: jiff::SignedDuration = text.parse().map_err(|_| EXPECTED)?;
    Duration::try_from(signed).map_err(|_| EXPECTED)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn unix_millis(since_epoch: Duration) -> u64 {
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_six_decimals_and_read_back_equal() {
        let at = Timestamp::from_micros(1_769_860_800_000_000);
        assert_eq!(at.to_string(), "2026-01-31T12:00:00.000000Z");
        assert_eq!(at.to_string().parse(), Ok(at));
        let odd = Timestamp::from_micros(1_769_860_800_000_001);
        assert_eq!(odd.to_string(), "2026-01-31T12:00:00.000001Z");
    }

    #[test]
    fn every_moment_is_written_and_read_as_the_calendar_has_it() {
        let second = 1_000_000_i64;
        let moments = (-719_528..=2_932_890)
            .step_by(97)
            .map(|day| day * 86_400 * second + day.rem_euclid(86_400) * second + day.rem_euclid(999_983))
            .chain([0, -1, 253_402_207_199_999_999, -62_167_219_200_000_000]);
        for micros in moments {
            let at = Timestamp::from_micros(micros);
            let text = at.to_string();
            let known = jiff::Timestamp::from_microsecond(micros).unwrap();
            assert_eq!(text, format!("{known:.6}"));
            assert_eq!(text.parse(), Ok(at), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
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
            assert!(text.parse::<Timestamp>().is_err(), "{text:?} was taken");
        }
        assert_eq!(
            "2024-02-29T12:00:00.5Z".parse::<Timestamp>(),
            "2024-02-29T12:00:00.500000Z".parse()
        );
    }

    #[test]
    fn a_length_of_time_is_seconds_or_has_a_unit() {
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
            assert!(parse_duration(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_deadline_is_never_further_away_than_half_a_minute() {
        let bounded = Deadline::clamped(Some(Deadline::from_millis(u64::MAX)));
        assert!(bounded <= Deadline::after(limits::DEADLINE_MAX));
        assert!(!bounded.has_passed());
        assert!(Deadline::clamped(Some(Deadline::from_millis(1))).has_passed());
    }
}
