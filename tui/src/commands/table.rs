//! Aligned columns in plain text, as wide as the terminal.

use std::io::IsTerminal as _;

use common::text;
use unicode_width::UnicodeWidthStr;

use crate::columns::{Shrinking, fit, wanted};
use crate::format;

/// Widest column of texts if the output is not a terminal. A longer text is not truncated, but does not widen its column.
const UNBOUNDED_TEXT_COLUMNS: usize = 60;
const GAP: usize = 2;

/// A column's name, and how it shrinks. Texts are left-aligned, all other columns right-aligned.
pub(super) type Column = (&'static str, Shrinking);

/// The width of the terminal on standard output, in cells; `None` if it is not a terminal.
pub(super) fn terminal_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    crossterm::terminal::size()
        .ok()
        .map(|(columns, _)| usize::from(columns))
        .filter(|columns| *columns > 0)
}

/// A table with a header row, without a final line break, at most `width` cells wide. Every cell is sanitized.
pub(super) fn table<const N: usize>(
    columns: [Column; N],
    rows: impl Iterator<Item = [String; N]>,
    width: Option<usize>,
) -> String {
    let header = columns.map(|(name, _)| name.to_owned());
    let rows: Vec<_> = std::iter::once(header)
        .chain(rows)
        .map(|row| row.map(|cell| text::sanitize(&cell).into_owned()))
        .collect();
    let is_text = |shrinking: Shrinking| matches!(shrinking, Shrinking::Truncate { .. });
    let wanted = wanted(columns.map(|(_, shrinking)| shrinking), rows.iter(), |cell| {
        cell.width()
    })
    .map(|(shrinking, widest)| {
        let is_bounded = width.is_none() && is_text(shrinking);
        (
            shrinking,
            if is_bounded {
                widest.min(UNBOUNDED_TEXT_COLUMNS)
            } else {
                widest
            },
        )
    });
    let widths = fit(wanted, GAP, width.unwrap_or(usize::MAX));
    let line = |row: &[String; N]| {
        let cells = row
            .iter()
            .zip(widths)
            .zip(columns)
            .filter(|((_, columns), _)| *columns > 0);
        let cells: Vec<String> = cells
            .map(|((cell, columns), (_, shrinking))| match (is_text(shrinking), width) {
                (true, Some(_)) => format::align_left(cell, columns, "…"),
                (true, None) => format::align_left(cell, columns.max(cell.width()), ""),
                (false, _) => format::align_right(cell, columns),
            })
            .collect();
        cells.join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Shrinking = Shrinking::Truncate { min: 8, rank: 0 };

    #[test]
    fn columns_align_by_display_width_and_control_characters_do_not_break_lines() {
        let columns = [("ITEM", Shrinking::Never), ("TITLE", TEXT), ("STOCK", Shrinking::Never)];
        let rows = [["1", "戰爭", "400"], ["12", "a\nb\u{1b}[2J", "0"]];
        assert_eq!(
            table(columns, rows.into_iter().map(|row| row.map(str::to_owned)), None),
            "ITEM  TITLE    STOCK\n   1  戰爭       400\n  12  a b\u{fffd}[2J      0"
        );
    }

    #[test]
    fn a_long_title_is_whole_in_a_pipe_and_pads_no_other_row() {
        let columns = [("TITLE", TEXT), ("STOCK", Shrinking::Never)];
        let long = "title ".repeat(100);
        let rows = [[long.trim(), "400"], ["Short", "1,250"]];
        let text = table(columns, rows.into_iter().map(|row| row.map(str::to_owned)), None);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].starts_with(long.trim()) && lines[1].ends_with("  400"));
        assert_eq!(lines[2].len(), 60 + 2 + 5);
    }

    #[test]
    fn a_number_is_never_cut_at_any_width() {
        let columns = [
            ("ITEM", Shrinking::Never),
            ("TITLE", Shrinking::Truncate { min: 16, rank: 0 }),
            ("AUTHOR", Shrinking::Truncate { min: 10, rank: 1 }),
            ("TOPIC", Shrinking::Truncate { min: 10, rank: 2 }),
            ("COST", Shrinking::Never),
            ("STOCK", Shrinking::Never),
        ];
        let title = "letters ".repeat(75);
        let rows = || {
            let rows = [
                [
                    "9781402894626",
                    title.trim(),
                    "An Author",
                    "a topic",
                    "1742.50",
                    "1000000000",
                ],
                ["7", "Short", "-", "t", "0.05", "12"],
            ];
            rows.into_iter().map(|row| row.map(str::to_owned))
        };
        for width in 40..=200 {
            let text = table(columns, rows(), Some(width));
            for line in text.lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
            for number in ["9781402894626", "1742.50", "1000000000", "0.05", "12"] {
                assert!(
                    text.split_whitespace().any(|cell| cell == number),
                    "{width}: no {number} in\n{text}"
                );
            }
        }
    }
}
