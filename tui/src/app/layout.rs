//! The layout of the last frame: the targets of clicks, and the scroll position of each list.

use ratatui::layout::{Position, Rect};

use super::buy_dialog::BuyField;
use super::change_dialog::ChangeField;
use super::run_dialog::RunField;
use super::shop::Focus;
use crate::command::{Command, Screen};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FrameLayout {
    /// The areas that react to clicks, the topmost last.
    pub(crate) targets: Vec<(Rect, Target)>,
    pub(crate) topics: Viewport,
    pub(crate) books: Viewport,
    pub(crate) orders: Viewport,
    pub(crate) receipt: ScrolledText,
    pub(crate) detail: ScrolledText,
    pub(crate) palette: Viewport,
    pub(crate) basket: Viewport,
}

/// The part of a list that is visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Viewport {
    pub(crate) first: usize,
    /// The number of rows that fit.
    pub(crate) rows: usize,
}

/// The scroll range of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ScrolledText {
    /// The number of rows that fit.
    pub(crate) rows: usize,
    /// Largest scroll position, in lines.
    pub(crate) scroll_max: usize,
}

impl Viewport {
    /// The viewport that shows the selection with the least scrolling.
    pub(crate) fn around(self, selected: usize, rows: usize, all: usize) -> Self {
        let lowest = (selected + 1).saturating_sub(rows);
        let first = self
            .first
            .clamp(lowest, selected.max(lowest))
            .min(all.saturating_sub(rows));
        Self { first, rows }
    }
}

/// How many panes fit the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breakpoint {
    /// Under 40 × 10 cells.
    TooSmall,
    /// Under 80 columns.
    OnePane,
    /// From 80 columns.
    TwoPanes,
    /// From 120 columns.
    ThreePanes,
}

impl Breakpoint {
    /// The breakpoint of a frame of that width and height.
    pub(crate) fn of(size: (u16, u16)) -> Self {
        match size {
            (0..40, _) | (_, 0..10) => Self::TooSmall,
            (40..80, _) => Self::OnePane,
            (80..120, _) => Self::TwoPanes,
            _ => Self::ThreePanes,
        }
    }
}

/// The meaning of a click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Tab(Screen),
    Command(Command),
    Pane(Focus),
    Topic(usize),
    /// Selects a row of books.
    Book(usize),
    Order(usize),
    /// Selects a line of the basket.
    BasketLine(usize),
    BuyField(BuyField),
    RunField(RunField),
    ChangeField(ChangeField),
    Palette(usize),
    /// The text of an overlay, which can be scrolled.
    Overlay,
    /// The screen behind an overlay, where a click has no effect.
    Nothing,
}

impl FrameLayout {
    pub(crate) fn at(&self, column: u16, row: u16) -> Option<Target> {
        let position = Position::new(column, row);
        self.targets
            .iter()
            .rev()
            .find(|(area, _)| area.contains(position))
            .map(|(_, target)| *target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_scrolls_only_as_far_as_needed() {
        let window = Viewport { first: 10, rows: 5 };
        assert_eq!(window.around(12, 5, 100).first, 10);
        assert_eq!(window.around(15, 5, 100).first, 11);
        assert_eq!(window.around(3, 5, 100).first, 3);
        assert_eq!(window.around(3, 50, 20).first, 0);
        assert_eq!(window.around(0, 0, 0).first, 0);
    }

    #[test]
    fn the_topmost_area_takes_the_click() {
        let all = Rect::new(0, 0, 10, 10);
        let view = FrameLayout {
            targets: vec![(all, Target::Topic(1)), (Rect::new(2, 2, 2, 2), Target::Nothing)],
            ..FrameLayout::default()
        };
        assert_eq!(view.at(0, 0), Some(Target::Topic(1)));
        assert_eq!(view.at(3, 3), Some(Target::Nothing));
        assert_eq!(view.at(30, 3), None);
    }
}
