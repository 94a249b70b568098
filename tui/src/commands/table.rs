//! Aligned columns in plain text.

use std::borrow::Cow;

use common::text;
use unicode_width::UnicodeWidthStr;

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A table with a head. Every cell is cleaned on its way in.
#[derive(Debug)]
pub(super) struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these columns.
    pub(super) fn new<const N: usize>(columns: [(&str, Side); N]) -> Self {
        Self {
            sides: columns.iter().map(|(_, side)| *side).collect(),
            rows: vec![columns.iter().map(|(name, _)| (*name).to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: &[Cow<'_, str>; N]) {
        self.rows
            .push(cells.iter().map(|cell| text::sanitize(cell).into_owned()).collect());
    }

    /// The lines, without a line end after the last.
    pub(super) fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.sides.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.width()).max().unwrap_or(0)
            })
            .collect();
        let lines: Vec<String> = self.rows.iter().map(|row| self.line(row, &widths)).collect();
        lines.join("\n")
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .zip(&self.sides)
            .map(|((cell, width), side)| {
                let blank = " ".repeat(width.saturating_sub(cell.width()));
                match side {
                    Side::Left => format!("{cell}{blank}"),
                    Side::Right => format!("{blank}{cell}"),
                }
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    }
}

/// Names and values, one pair a line, the values aligned and cleaned.
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
    fn columns_align_by_what_is_seen_and_hostile_cells_stay_in_their_line() {
        let mut table = Table::new([("ITEM", Side::Right), ("TITLE", Side::Left), ("STOCK", Side::Right)]);
        table.row(&["1".into(), "戰爭".into(), "400".into()]);
        table.row(&["12".into(), "a\nb\u{1b}[2J".into(), "0".into()]);
        assert_eq!(
            table.render(),
            "ITEM  TITLE    STOCK\n   1  戰爭       400\n  12  a b\u{fffd}[2J      0"
        );
    }
}
