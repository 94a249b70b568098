//! Parts of rectangular areas.

use ratatui::layout::{Margin, Offset, Rect, Size};

/// An area of this size in the middle of `within`, clamped to it.
pub(super) fn middle(within: Rect, columns: u16, rows: u16) -> Rect {
    let (width, height) = (columns.min(within.width), rows.min(within.height));
    let (x, y) = ((within.width - width) / 2, (within.height - height) / 2);
    Rect::new(within.x + x, within.y + y, width, height)
}

/// The area without its first rows.
pub(super) fn skip_rows(area: Rect, rows: u16) -> Rect {
    area.offset(Offset::new(0, rows.into())).intersection(area)
}

/// The area without its first columns.
pub(super) fn skip_columns(area: Rect, columns: u16) -> Rect {
    area.offset(Offset::new(columns.into(), 0)).intersection(area)
}

/// The first columns of an area, at most its width.
pub(super) fn first_columns(area: Rect, columns: u16) -> Rect {
    area.resize(Size::new(columns.min(area.width), area.height))
}

/// The first rows of an area, at most its height.
pub(super) fn first_rows(area: Rect, rows: u16) -> Rect {
    area.resize(Size::new(area.width, rows.min(area.height)))
}

/// The area without its first and last column.
pub(super) fn padded(area: Rect) -> Rect {
    area.inner(Margin::new(1, 0))
}
