//! Numbers, times and titles as people read them.

use std::borrow::Cow;
use std::time::Duration;

use common::Timestamp;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A count with a comma between the thousands: `1,284`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount as the wire writes it (`1234.50`), with a comma between the thousands.
pub fn amount(cents: u64) -> String {
    format!("{}.{:02}", grouped(cents / 100), cents % 100)
}

/// `one` or many of a thing: `1 book`, `2 books`.
pub fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(number))
}

/// A length of time in its largest unit, or two: `850 ms`, `12 s`, `3 min`, `2 h 5 min`, `4 d 1 h`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A latency in the unit that leaves few digits: `0.25 ms`, `12 ms`, `1.5 s`.
pub fn latency(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// The time of day in UTC: `12:00:07`.
pub fn clock(at: Timestamp) -> String {
    at.to_string().get(11..19).unwrap_or_default().to_owned()
}

/// Day and time in UTC: `2026-01-31 12:00:07`.
pub fn moment(at: Timestamp) -> String {
    at.to_string().get(..19).unwrap_or_default().replace('T', " ")
}

/// The last eight digits of an order's id, which differ between orders made at the same moment.
pub fn short(order: common::OrderId) -> String {
    let id = order.to_string();
    id.get(id.len().saturating_sub(8)..).unwrap_or_default().to_owned()
}

/// How many cells a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// A number of cells as the screen counts them; what is wider than any screen is as wide as the widest.
pub fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Cuts a text to at most `columns` cells between whole characters; a cut one ends in `ellipsis` (one cell wide).
pub fn fit<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
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

/// Fits a text and fills it up with blanks on the right to exactly `columns` cells.
pub fn left(text: &str, columns: usize, ellipsis: &str) -> String {
    let mut fitted = fit(text, columns, ellipsis).into_owned();
    fitted.extend(std::iter::repeat_n(' ', columns.saturating_sub(fitted.width())));
    fitted
}

/// Fits a text and fills it up with blanks on the left to exactly `columns` cells.
pub fn right(text: &str, columns: usize, ellipsis: &str) -> String {
    let fitted = fit(text, columns, ellipsis);
    let mut padded: String = std::iter::repeat_n(' ', columns.saturating_sub(fitted.width())).collect();
    padded.push_str(&fitted);
    padded
}

/// Breaks a text between words into lines of at most `columns` cells; a longer word is cut. At most `lines_max` lines,
/// the last of which is cut where there is more.
pub fn wrap(text: &str, columns: usize, lines_max: usize, ellipsis: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && columns > 0 && lines.len() < lines_max {
        if lines.len() + 1 == lines_max || rest.width() <= columns {
            lines.push(fit(rest, columns, ellipsis).into_owned());
            break;
        }
        let (mut taken, mut end, mut blank) = (0, 0, None);
        for (place, grapheme) in rest.grapheme_indices(true) {
            if grapheme == " " {
                blank = Some(place);
            }
            taken += grapheme.width();
            if taken > columns {
                break;
            }
            end = place + grapheme.len();
        }
        let end = match blank {
            Some(blank) if blank > 0 => blank,
            _ => end.max(rest.graphemes(true).next().map_or(1, str::len)),
        };
        lines.push(rest.get(..end).unwrap_or_default().trim_end().to_owned());
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(amount(123_405), "1,234.05");
        assert_eq!(
            (counted(1, "book"), counted(0, "book")),
            ("1 book".into(), "0 books".into())
        );
    }

    #[test]
    fn a_title_is_cut_between_whole_characters() {
        assert_eq!(fit("戰爭與和平", 5, "…"), "戰爭…");
        assert_eq!(left("ab", 4, "…"), "ab  ");
        assert_eq!(right("ab", 4, "…"), "  ab");
        assert_eq!(fit("👩‍👩‍👧 family", 4, "~"), "👩‍👩‍👧 ~");
    }

    #[test]
    fn lines_break_between_words_and_long_words_are_cut() {
        assert_eq!(wrap("the art of surviving", 10, 9, "…"), ["the art of", "surviving"]);
        assert_eq!(wrap("abcdefgh", 3, 9, "…"), ["abc", "def", "gh"]);
        assert_eq!(wrap("one two three", 4, 2, "…"), ["one", "two…"]);
        assert_eq!(wrap("戰爭", 1, 3, "…").len(), 2);
    }

    #[test]
    fn times_are_told_in_their_largest_unit() {
        assert_eq!(span(Duration::from_secs(7_500)), "2 h 5 min");
        assert_eq!(latency(250), "0.25 ms");
        assert_eq!(latency(1_540_000), "1.5 s");
    }
}
