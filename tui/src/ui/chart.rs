//! The stock of a book over time; the right edge is the current time.

use autopilot::axis;
use common::ItemNumber;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::area::skip_rows;
use super::canvas::Canvas;
use crate::format;

/// The chart's name and range, and whether the stock is unchanged.
pub(super) fn title(canvas: &Canvas<'_>, name: &str, item: ItemNumber) -> Line<'static> {
    let history = canvas.app.books.history(item);
    let unchanged = match history.is_some_and(|history| history.points.len() > 1) {
        true => "",
        false => ", unchanged",
    };
    let range = match canvas.app.shop.chart_range() {
        Some(range) => format!(", last {}", format::duration(range)),
        None => ", since first seen".to_owned(),
    };
    Span::styled(format!("{name}{range}{unchanged}"), canvas.palette().dim).into()
}

/// Draws bars, their scale on the left, the current number on the right, and an axis row below.
pub(super) fn stock(canvas: &mut Canvas<'_>, area: Rect, item: ItemNumber) {
    let app = canvas.app;
    let palette = canvas.palette();
    let Some(history) = app.books.history(item) else { return };
    let stock_now = app.books.get(item).map_or(0, |book| book.stock.get());
    let all = history.points.iter().map(|(_, stock)| *stock);
    let (low, high) = (all.clone().min().unwrap_or(0), all.max().unwrap_or(0));
    // An unchanged stock is drawn as a line instead of full bars.
    let is_flat = low == high;
    let (bottom, top) = if is_flat { (low, high) } else { bounds(low, high) };
    let [top_label, bottom_label, now_label] = [top, bottom, stock_now].map(format::thousands);
    let left = top_label.len().max(bottom_label.len());
    let bars = usize::from(area.width).saturating_sub(left + now_label.len() + 2);
    let rows = area.height.saturating_sub(1);
    if bars == 0 || rows == 0 {
        return;
    }
    let values = history.sample(app.shop.chart_range(), bars, app.now.elapsed);
    // A bar's height in eighths of a row.
    let height_of = |stock: u32| {
        if is_flat {
            return 1;
        }
        let height = u64::from(stock.saturating_sub(bottom)) * u64::from(rows) * 8 / u64::from(top - bottom);
        // A stock above 0 shows at least one eighth.
        usize::try_from(height.max(u64::from(stock > 0))).unwrap_or(usize::MAX)
    };
    let lowest = usize::from(rows) - 1;
    let rows_below_now = (height_of(stock_now).saturating_sub(1) / 8).min(lowest);
    for (row, row_area) in area.rows().take(rows.into()).enumerate() {
        let label = match row {
            0 if !is_flat => top_label.as_str(),
            row if row == lowest => bottom_label.as_str(),
            _ => "",
        };
        let rows_below = lowest - row;
        let filled = |stock: &Option<u32>| stock.map_or(0, height_of).saturating_sub(rows_below * 8).min(8);
        let text: String = values.iter().map(|stock| canvas.glyphs().bars[filled(stock)]).collect();
        let now_label = if rows_below == rows_below_now {
            now_label.as_str()
        } else {
            ""
        };
        let line = Line::from(vec![
            Span::styled(format::align_right(label, left), palette.dim),
            Span::raw(" "),
            Span::styled(text, palette.chart),
            Span::raw(" "),
            Span::styled(now_label, palette.strong),
        ]);
        canvas.line(row_area, &line);
    }
    let start = match app.shop.chart_range() {
        Some(range) => format!("-{}", format::duration(range)),
        None => "start".to_owned(),
    };
    let axis = format!("{:left$} {start:<width$}now", "", width = bars.saturating_sub(3));
    canvas.text(skip_rows(area, rows), &axis, palette.dim);
}

/// The bounds of the axis: multiples of a step of 1, 2 or 5 times a power of ten.
fn bounds(low: u32, high: u32) -> (u32, u32) {
    let range = high.saturating_sub(low).max(1);
    let step = step(range);
    let bottom = if u64::from(low) * 2 < u64::from(high) {
        0
    } else {
        (low / step).saturating_sub(1) * step
    };
    let top = high.div_ceil(step).max(1).saturating_mul(step);
    (bottom.min(top.saturating_sub(1)), top)
}

/// The smallest such step that covers the range in at most four steps.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 1 to the range"
)]
fn step(range: u32) -> u32 {
    let marks = axis::marks(f64::from(range), 4);
    marks.get(1).map_or(1, |step| step.round().max(1.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_steps_of_one_two_or_five() {
        assert_eq!([1, 4, 5, 9, 20, 21, 400].map(step), [1, 1, 2, 5, 5, 10, 100]);
        assert_eq!(bounds(496, 500), (495, 500));
        assert_eq!(bounds(0, 500), (0, 600));
        assert_eq!(bounds(0, 0), (0, 1));
        assert_eq!(bounds(1_000_000_000, 1_000_000_000), (999_999_999, 1_000_000_000));
    }
}
