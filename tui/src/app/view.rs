//! Where things stand in the last frame, so that a click finds them and a list scrolls on from where it was.

use ratatui::layout::{Position, Rect};

use super::{Command, Field, Focus, Screen};

/// The last frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// What can be clicked, the topmost last.
    pub places: Vec<(Rect, Target)>,
    /// The topics' list.
    pub topics: Window,
    /// The books' list.
    pub books: Window,
    /// The orders' list.
    pub orders: Window,
    /// The palette's list.
    pub palette: Window,
}

/// The part of a list that is visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Its first row.
    pub first: usize,
    /// How many rows there is room for.
    pub rows: usize,
}

impl Window {
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
    Field(Field),
    /// That row of the palette.
    Palette(usize),
    /// The text of an overlay, which can be scrolled.
    Overlay,
    /// The list of routes.
    Routes,
    /// Behind an overlay: nothing.
    Nothing,
}

impl View {
    /// What stands there.
    pub fn at(&self, column: u16, row: u16) -> Option<Target> {
        let place = Position::new(column, row);
        self.places
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
        let window = Window { first: 10, rows: 5 };
        assert_eq!(window.around(12, 5, 100).first, 10);
        assert_eq!(window.around(15, 5, 100).first, 11);
        assert_eq!(window.around(3, 5, 100).first, 3);
        assert_eq!(window.around(3, 50, 20).first, 0);
        assert_eq!(window.around(0, 0, 0).first, 0);
    }

    #[test]
    fn what_lies_on_top_takes_the_click() {
        let all = Rect::new(0, 0, 10, 10);
        let view = View {
            places: vec![(all, Target::Topic(1)), (Rect::new(2, 2, 2, 2), Target::Nothing)],
            ..View::default()
        };
        assert_eq!(view.at(0, 0), Some(Target::Topic(1)));
        assert_eq!(view.at(3, 3), Some(Target::Nothing));
        assert_eq!(view.at(30, 3), None);
    }
}
