//! Where things stand in the last frame, so that a click finds them and a list scrolls on from where it was.

use ratatui::layout::{Position, Rect};

use super::dialog::DialogField;
use super::shop::Focus;
use crate::command::Command;
use crate::screen::Screen;

/// The last frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameLayout {
    /// What can be clicked, the topmost last.
    pub targets: Vec<(Rect, Target)>,
    /// The topics' list.
    pub topics: Viewport,
    /// The books' list.
    pub books: Viewport,
    /// The orders' list.
    pub orders: Viewport,
    /// The palette's list.
    pub palette: Viewport,
}

/// The part of a list that is visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Viewport {
    /// Its first row.
    pub first: usize,
    /// How many rows there is room for.
    pub rows: usize,
}

impl Viewport {
    /// The window for that selection: moved no further than it must be.
    pub fn around(self, selected: usize, rows: usize, all: usize) -> Self {
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
pub enum Breakpoint {
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
    pub fn of(size: (u16, u16)) -> Self {
        match size {
            (0..40, _) | (_, 0..10) => Self::TooSmall,
            (40..80, _) => Self::OnePane,
            (80..120, _) => Self::TwoPanes,
            _ => Self::ThreePanes,
        }
    }
}

/// What a click means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To that screen.
    Tab(Screen),
    /// That command.
    Command(Command),
    /// To that pane.
    Pane(Focus),
    /// That topic.
    Topic(usize),
    /// That row of books.
    Book(usize),
    /// That order.
    Order(usize),
    /// That field of the buying dialog.
    Field(DialogField),
    /// That row of the palette.
    Palette(usize),
    /// The text of an overlay, which can be scrolled.
    Overlay,
    /// Behind an overlay: nothing.
    Nothing,
}

impl FrameLayout {
    /// What stands there.
    pub fn at(&self, column: u16, row: u16) -> Option<Target> {
        let place = Position::new(column, row);
        self.targets
            .iter()
            .rev()
            .find(|(area, _)| area.contains(place))
            .map(|(_, target)| *target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_scrolls_no_further_than_it_must() {
        let window = Viewport { first: 10, rows: 5 };
        assert_eq!(window.around(12, 5, 100).first, 10);
        assert_eq!(window.around(15, 5, 100).first, 11);
        assert_eq!(window.around(3, 5, 100).first, 3);
        assert_eq!(window.around(3, 50, 20).first, 0);
        assert_eq!(window.around(0, 0, 0).first, 0);
    }

    #[test]
    fn what_lies_on_top_takes_the_click() {
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
