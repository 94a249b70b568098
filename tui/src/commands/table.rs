//! Aligned columns in plain text.

use common::text;
use unicode_width::UnicodeWidthStr;

use crate::format;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table with a header row, without a final line break. Every cell is sanitized.
pub(super) fn table<const N: usize>(columns: [(&str, Align); N], rows: impl Iterator<Item = [String; N]>) -> String {
    let header = columns.map(|(name, _)| name.to_owned());
    let rows: Vec<_> = std::iter::once(header)
        .chain(rows)
        .map(|row| row.map(|cell| text::sanitize(&cell).into_owned()))
        .collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        let widths = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
        widths.max().unwrap_or(0)
    });
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).zip(columns);
        let cells: Vec<String> = cells
            .map(|((cell, width), (_, align))| match align {
                Align::Left => format::align_left(cell, width, ""),
                Align::Right => format::align_right(cell, width, ""),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_display_width_and_control_characters_do_not_break_lines() {
        let columns = [("ITEM", Align::Right), ("TITLE", Align::Left), ("STOCK", Align::Right)];
        let rows = [["1", "戰爭", "400"], ["12", "a\nb\u{1b}[2J", "0"]];
        assert_eq!(
            table(columns, rows.into_iter().map(|row| row.map(str::to_owned))),
            "ITEM  TITLE    STOCK\n   1  戰爭       400\n  12  a b\u{fffd}[2J      0"
        );
    }
}
