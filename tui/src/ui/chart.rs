//! A book's stock over time, with the present at the right edge and the numbers beside it.

use autopilot::axis;
use common::ItemNumber;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use crate::format;

/// What a chart shows and how far back.
pub(super) fn title(canvas: &Canvas<'_>, what: &str) -> Line<'static> {
    let window = match canvas.app.shop.chart_range() {
        Some(window) => format!(", last {}", format::duration(window)),
        None => ", since first seen".to_owned(),
    };
    Line::from(vec![Span::styled(format!("{what}{window}"), canvas.palette().dim)])
}

/// Draws bars over an axis row.
pub(super) fn stock(canvas: &mut Canvas<'_>, area: Rect, item: ItemNumber) {
    let app = canvas.app;
    let palette = canvas.palette();
    let Some(track) = app.books.history(item) else { return };
    let now_stock = app.books.get(item).map_or(0, |book| book.stock.get());
    let all = track.points.iter().map(|(_, stock)| *stock);
    let (low, high) = (all.clone().min().unwrap_or(0), all.max().unwrap_or(0));
    let (bottom, top) = bounds(low, high);
    let labels = [top, bottom].map(|number| format::thousands(u64::from(number)));
    let now_label = format::thousands(u64::from(now_stock));
    let left = labels.iter().map(|label| format::width(label)).max().unwrap_or(0);
    let right = format::width(&now_label);
    let bars = usize::from(area.width).saturating_sub(left + right + 2);
    let rows = area.height.saturating_sub(1);
    if bars == 0 || rows == 0 {
        return;
    }
    let values = track.sample(app.shop.chart_range(), bars, app.now.elapsed);
    let cut = canvas.glyphs().ellipsis;
    let level_of = |stock: u32| {
        let levels = u64::from(rows) * 8;
        let share = u64::from(stock.saturating_sub(bottom)) * levels / u64::from(top - bottom).max(1);
        // What is not nothing shows at least a trace.
        share.max(u64::from(stock > 0))
    };
    for row in 0..rows {
        let label = match row {
            0 => labels[0].as_str(),
            row if row + 1 == rows => labels[1].as_str(),
            _ => "",
        };
        let floor = u64::from(rows - 1 - row) * 8;
        let text: String = values
            .iter()
            .map(|stock| {
                let filled = stock.map_or(0, level_of).saturating_sub(floor).min(8);
                usize::try_from(filled)
                    .ok()
                    .and_then(|filled| canvas.glyphs().bars.get(filled))
                    .copied()
                    .unwrap_or(" ")
            })
            .collect();
        let now_level = level_of(now_stock).saturating_sub(1) / 8;
        let here = now_level.min(u64::from(rows - 1)) == u64::from(rows - 1 - row);
        let line = Line::from(vec![
            Span::styled(format::align_right(label, left, cut), palette.dim),
            Span::raw(" "),
            Span::styled(text, palette.chart),
            Span::raw(" "),
            Span::styled(if here { now_label.clone() } else { String::new() }, palette.strong),
        ]);
        canvas.line(
            Rect {
                y: area.y + row,
                height: 1,
                ..area
            },
            &line,
        );
    }
    let window = match app.shop.chart_range() {
        Some(window) => format!("-{}", format::duration(window)),
        None => "start".to_owned(),
    };
    let axis = format!("{} {window}", " ".repeat(left));
    let gap = (left + 1 + bars).saturating_sub(format::width(&axis) + 3);
    let axis = format!("{axis}{}now", " ".repeat(gap));
    canvas.text(
        Rect {
            y: area.y + rows,
            height: 1,
            ..area
        },
        &axis,
        palette.dim,
    );
}

/// Round numbers around a range, in steps of 1, 2 or 5 times a power of ten.
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

/// The smallest such step that crosses the range in at most four steps.
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
    fn an_axis_goes_in_steps_of_one_two_and_five() {
        assert_eq!([1, 4, 5, 9, 20, 21, 400].map(step), [1, 1, 2, 5, 5, 10, 100]);
        assert_eq!(bounds(496, 500), (495, 500));
        assert_eq!(bounds(0, 500), (0, 600));
        assert_eq!(bounds(0, 0), (0, 1));
        assert_eq!(bounds(1_000_000_000, 1_000_000_000), (999_999_999, 1_000_000_000));
    }
}
