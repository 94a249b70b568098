//! Numbers, times and titles as the screen shows them.

use std::borrow::Cow;
use std::time::Duration;

use common::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use textwrap::{Options, WordSplitter};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A number with a comma between thousands: `1,284`.
pub(crate) fn thousands(number: impl TryInto<u64>) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        number @ 0..1_000 => number.to_string(),
        number => format!("{},{:03}", thousands(number / 1_000), number % 1_000),
    }
}

/// How many copies a shop has: `1,284` or `none`.
pub(crate) fn stock(copies: u32) -> String {
    match copies {
        0 => "none".to_owned(),
        some => thousands(some),
    }
}

/// An amount of money: `1,234.50`.
pub(crate) fn amount(cents: impl Into<u64>) -> String {
    let cents = cents.into();
    format!("{}.{:02}", thousands(cents / 100), cents % 100)
}

/// A number with its noun, in the singular or the regular plural: `1 book`, `2 books`.
pub(crate) fn plural(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", thousands(number))
}

/// `1 copy`, `1,200 copies`.
pub(crate) fn copies(number: u32) -> String {
    match number {
        1 => "1 copy".to_owned(),
        many => format!("{} copies", thousands(many)),
    }
}

/// The first name and the number of the others, `Middlemarch and 2 more`, in at most `columns` cells. The name is truncated;
/// the number is never truncated, but left out.
pub(crate) fn first_of(names: &[String], columns: usize, ellipsis: &str) -> String {
    let first = names.first().map_or("", String::as_str);
    let more = match names.len() {
        0 | 1 => String::new(),
        all => format!(" and {} more", thousands(all - 1)),
    };
    let more = if more.width() > columns { "" } else { &more };
    let first = truncate(first, columns.saturating_sub(more.width()), ellipsis);
    format!("{first}{more}")
}

/// A duration in its largest one or two units: `850 ms`, `12 s`, `3 min`, `2 h 5 min`, `4 d 1 h`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A running time: `2:03` or `1:02:03`.
pub(crate) fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A latency in the unit that needs few digits: `0.25 ms`, `12 ms`, `1.5 s`.
pub(crate) fn latency(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// The time of day: `12:00:07`.
pub(crate) fn time_of_day(at: Timestamp, zone: &TimeZone) -> String {
    in_zone(at, zone).strftime("%H:%M:%S").to_string()
}

/// Date and time: `2026-01-31 12:00:07`.
pub(crate) fn date_time(at: Timestamp, zone: &TimeZone) -> String {
    in_zone(at, zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The time of a past event in a column: `12:00:07` today, `01-30 12:00` this year, otherwise `2025-01-30`.
pub(crate) fn past(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (in_zone(at, zone), in_zone(now, zone));
    let format = match (at.date() == now.date(), at.year() == now.year()) {
        (true, _) => "%H:%M:%S",
        (false, true) => "%m-%d %H:%M",
        (false, false) => "%Y-%m-%d",
    };
    at.strftime(format).to_string()
}

fn in_zone(at: Timestamp, zone: &TimeZone) -> DateTime {
    zone.to_datetime(jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or_default())
}

/// The width of a text, in cells.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// A number of cells as ratatui counts them; saturates.
pub(crate) fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Truncates a text to at most `columns` cells, between graphemes. A truncated text ends in `ellipsis`, one cell wide.
pub(crate) fn truncate<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let mut kept = String::new();
    let mut taken = 0;
    for grapheme in text.graphemes(true) {
        taken += grapheme.width();
        if taken >= columns {
            break;
        }
        kept.push_str(grapheme);
    }
    kept.push_str(ellipsis);
    Cow::Owned(kept)
}

/// Truncates or pads a text on the right to exactly `columns` cells.
pub(crate) fn align_left(text: &str, columns: usize, ellipsis: &str) -> String {
    let text = truncate(text, columns, ellipsis);
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// Pads a text on the left to `columns` cells, without truncation: for numbers.
pub(crate) fn align_right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(text.width())))
}

/// Wraps a text at words, and breaks words that are too long, into at most `lines_max` lines of at most `columns` cells. The
/// last line is truncated.
pub(crate) fn wrap(text: &str, columns: usize, lines_max: usize, ellipsis: &str) -> Vec<String> {
    if columns == 0 || lines_max == 0 || text.trim().is_empty() {
        return Vec::new();
    }
    let options = Options::new(columns).word_splitter(WordSplitter::NoHyphenation);
    let mut lines: Vec<String> = textwrap::wrap(text.trim(), options)
        .into_iter()
        .map(Cow::into_owned)
        .collect();
    if lines.len() > lines_max {
        let rest = lines.split_off(lines_max - 1).join(" ");
        lines.push(truncate(&rest, columns, ellipsis).into_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_comma_between_thousands() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(amount(123_405_u32), "1,234.05");
        assert_eq!(
            (plural(1, "book"), plural(0, "book")),
            ("1 book".into(), "0 books".into())
        );
    }

    #[test]
    fn a_title_is_cut_between_graphemes() {
        assert_eq!(truncate("戰爭與和平", 5, "…"), "戰爭…");
        assert_eq!(truncate("short", 5, "…"), "short");
        assert_eq!(truncate("longer", 5, "…"), "long…");
        assert_eq!(truncate("x", 0, "…"), "");
        assert_eq!(align_left("ab", 4, "…"), "ab  ");
        assert_eq!(
            (align_right("ab", 4).as_str(), align_right("1,234", 4).as_str()),
            ("  ab", "1,234")
        );
        assert_eq!(truncate("👩‍👩‍👧 family", 4, "~"), "👩‍👩‍👧 ~");
    }

    #[test]
    fn lines_break_between_words_and_long_words_are_cut() {
        assert_eq!(wrap("the art of surviving", 10, 9, "…"), ["the art of", "surviving"]);
        assert_eq!(wrap("abcdefgh", 3, 9, "…"), ["abc", "def", "gh"]);
        assert_eq!(wrap("one two three", 4, 2, "…"), ["one", "two…"]);
        assert_eq!(wrap("戰爭", 1, 3, "…").len(), 2);
    }

    #[test]
    fn a_past_time_has_its_date_unless_it_was_today_here() {
        let at = |micros| Timestamp::from_micros(micros);
        let now = at(1_769_860_800_000_000);
        let zone = TimeZone::fixed(jiff::tz::offset(-13));
        let shown = |at| past(at, now, &zone);
        assert_eq!(shown(now), "23:00:00");
        assert_eq!(shown(at(1_769_776_000_000_000)), "01-29 23:26");
        assert_eq!(shown(at(1_740_000_000_000_000)), "2025-02-19");
        assert_eq!(date_time(now, &zone), "2026-01-30 23:00:00");
        assert_eq!(date_time(now, &TimeZone::UTC), "2026-01-31 12:00:00");
    }

    #[test]
    fn times_are_shown_in_their_largest_units() {
        assert_eq!(duration(Duration::from_secs(7_500)), "2 h 5 min");
        assert_eq!(elapsed(Duration::from_secs(3_723)), "1:02:03");
        assert_eq!(latency(250), "0.25 ms");
        assert_eq!(latency(1_540_000), "1.5 s");
    }
}
