//! Live stock: gauge, peak, and the mark of a change.

use common::ItemNumber;
use ratatui::style::Style;
use ratatui::text::Span;

use super::canvas::Canvas;

impl Canvas<'_> {
    /// A gauge of `columns` cells that shows `part` of `whole`.
    pub(super) fn gauge(&self, part: u32, whole: u32, columns: usize) -> [Span<'static>; 2] {
        let (part, whole) = (u64::from(part), u64::from(whole).max(1));
        let cells = u64::try_from(columns).unwrap_or(0);
        // At least one cell is filled while a copy is left.
        let filled = ((part * cells + whole / 2) / whole).max(part.min(1)).min(cells);
        let filled = usize::try_from(filled).unwrap_or(columns);
        let style = match part {
            0 => self.palette().dim,
            _ if part * 10 <= whole => self.palette().warn,
            _ => self.palette().chart,
        };
        [
            Span::styled(self.glyphs().full.repeat(filled), style),
            Span::styled(self.glyphs().empty.repeat(columns - filled), self.palette().dim),
        ]
    }

    /// The highest known stock of a book: a full gauge.
    pub(super) fn stock_peak(&self, item: ItemNumber, stock: u32) -> u32 {
        let history = self.app.books.history(item);
        history.map_or(stock, |history| history.peak.max(stock))
    }

    /// The style and the sign of a stock that changed a moment ago.
    pub(super) fn stock_change(&self, item: ItemNumber) -> Option<(Style, &'static str)> {
        let (_, rose) = self.app.books.history(item)?.highlight?;
        Some(match rose {
            true => (self.palette().rising, self.glyphs().up),
            false => (self.palette().falling, self.glyphs().down),
        })
    }
}
