//! A table of a report, as text and as HTML.

use std::fmt::{self, Display, Formatter};

use common::text::sanitize;
use maud::{Markup, Render, html};

/// Rows of cells; numeric columns are right-aligned.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    /// The value of the HTML meter of each row, 0 to 1; empty without meters.
    pub(super) meters: Vec<f64>,
}

impl Table {
    pub(super) fn new(columns: &'static [&'static str], rows: impl Iterator<Item = Vec<String>>) -> Self {
        Self {
            columns,
            rows: rows.collect(),
            meters: Vec::new(),
        }
    }

    fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| cell.chars().count());
        widths.max().unwrap_or(0).max(self.columns[column].len())
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let columns = (0..self.columns.len()).map(|column| (self.is_numeric(column), self.width(column)));
        let columns: Vec<_> = columns.collect();
        let head = self.columns.iter().map(|column| (*column).to_owned()).collect();
        for row in [&head].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (cell, (is_numeric, width)) in row.iter().zip(&columns) {
                let cell = sanitize(cell);
                line += &match is_numeric {
                    true => format!("{cell:>width$}  "),
                    false => format!("{cell:width$}  "),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Render for Table {
    fn render(&self) -> Markup {
        let class = |column| self.is_numeric(column).then_some("number");
        html! {
            table {
                tr {
                    @for (index, column) in self.columns.iter().enumerate() { th class=[class(index)] { (column) } }
                    @if !self.meters.is_empty() { th { "left" } }
                }
                @for (index, row) in self.rows.iter().enumerate() {
                    tr {
                        @for (column, cell) in row.iter().enumerate() { td class=[class(column)] { (sanitize(cell)) } }
                        @if let Some(value) = self.meters.get(index) { td { meter value=(value) {} } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_aligned_to_the_right_and_text_from_a_store_is_never_markup() {
        let hostile = "<script>alert(\"a & b\")</script>\u{202e}";
        let rows = [["1", hostile], ["10", "b"]].map(|row| row.map(str::to_owned).to_vec());
        let table = Table::new(&["item", "title"], rows.into_iter());
        assert!(table.to_string().starts_with("item  title\n   1  <script>"), "{table}");
        let markup = table.render().into_string();
        assert!(
            markup.contains("&lt;script&gt;alert(&quot;a &amp; b&quot;)&lt;/script&gt;"),
            "{markup}"
        );
        assert!(!markup.contains('\u{202e}') && !table.to_string().contains('\u{202e}'));
    }
}
