//! Aligned columns in plain text.

use std::borrow::Cow;

use common::text;
use unicode_width::UnicodeWidthStr;

use crate::format;

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table with a header row. Every cell is sanitized.
#[derive(Debug)]
pub(super) struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(columns: [(&str, Align); N]) -> Self {
        Self {
            aligns: columns.iter().map(|(_, align)| *align).collect(),
            rows: vec![columns.iter().map(|(name, _)| (*name).to_owned()).collect()],
        }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: &[Cow<'_, str>; N]) {
        self.rows
            .push(cells.iter().map(|cell| text::sanitize(cell).into_owned()).collect());
    }

    /// The table's lines, without a final line break.
    pub(super) fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.aligns.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.width()).max().unwrap_or(0)
            })
            .collect();
        let lines: Vec<String> = self.rows.iter().map(|row| self.line(row, &widths)).collect();
        lines.join("\n")
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(widths).zip(&self.aligns);
        let cells: Vec<String> = cells
            .map(|((cell, width), align)| match align {
                Align::Left => format::align_left(cell, *width, ""),
                Align::Right => format::align_right(cell, *width, ""),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    }
}

/// One name and value a line; values are aligned and sanitized.
pub(super) fn pairs(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let lines: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("  {name:width$}  {}", text::sanitize(value)))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_display_width_and_control_characters_do_not_break_lines() {
        let mut table = Table::new([("ITEM", Align::Right), ("TITLE", Align::Left), ("STOCK", Align::Right)]);
        table.row(&["1".into(), "戰爭".into(), "400".into()]);
        table.row(&["12".into(), "a\nb\u{1b}[2J".into(), "0".into()]);
        assert_eq!(
            table.render(),
            "ITEM  TITLE    STOCK\n   1  戰爭       400\n  12  a b\u{fffd}[2J      0"
        );
    }
}
