//! The shop's screen: topics, the books of one topic or those found, and one book.

use std::time::Duration;

use common::ItemNumber;
use tui_input::Input;

use super::listing::Listing;
use super::remote_data::RemoteData;

/// How far back the chart of a stock reaches, in seconds; nothing: as far as is known.
pub(super) const WINDOWS: [Option<u64>; 5] = [Some(30), Some(60), Some(300), Some(900), None];

/// The panes of the shop's screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Focus {
    /// The topics.
    #[default]
    Topics,
    /// The books.
    Books,
    /// One book.
    Detail,
}

/// The shop's screen.
#[derive(Debug, Clone)]
pub struct ShopScreen {
    /// The pane with the focus.
    pub focus: Focus,
    /// All topics.
    pub topics: RemoteData<Vec<Topic>>,
    /// The selected one.
    pub topic: usize,
    /// Its books.
    pub topic_listing: Option<Listing>,
    /// What is looked for, if anything.
    pub search: Option<Search>,
    /// The rows of the books' list.
    pub rows: Vec<ItemNumber>,
    /// How many of the rows come from the shelf; the others were found elsewhere in the shop.
    pub local_matches: usize,
    /// The selected row.
    pub cursor: usize,
    /// How the rows are sorted.
    pub sort: Sort,
    /// Which of the windows the charts show.
    pub chart_range: usize,
    pub(super) generations: u64,
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The text as it is being typed.
    pub input: Input,
    /// Whether keys go into the text; else they move in the list.
    pub editing: bool,
    /// What the whole shop has of it.
    pub results: Option<Listing>,
}

impl Search {
    /// The text without blanks around it.
    pub fn text(&self) -> &str {
        self.input.value().trim()
    }
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// As the shop writes it, for asking.
    pub name: String,
    /// Clean, for showing.
    pub display_name: String,
    /// How many books it has.
    pub books: u64,
}

/// How rows are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: Column,
    /// Largest first.
    pub reversed: bool,
}

/// What rows can be sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Column {
    /// The shop's order: by item number, or the best match first.
    #[default]
    Item,
    /// The title, without regard to case.
    Title,
    /// The cost.
    Cost,
    /// The stock as it is at this moment; rows do not jump when it moves.
    Stock,
}

impl Column {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Item => Self::Title,
            Self::Title => Self::Cost,
            Self::Cost => Self::Stock,
            Self::Stock => Self::Item,
        }
    }

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Item => "number",
            Self::Title => "title",
            Self::Cost => "cost",
            Self::Stock => "stock",
        }
    }
}

impl Default for ShopScreen {
    fn default() -> Self {
        Self {
            focus: Focus::default(),
            topics: RemoteData::default(),
            topic: 0,
            topic_listing: None,
            search: None,
            rows: Vec::new(),
            local_matches: 0,
            cursor: 0,
            sort: Sort::default(),
            // A minute.
            chart_range: 1,
            generations: 0,
        }
    }
}

impl ShopScreen {
    /// The selected topic.
    pub fn selected_topic(&self) -> Option<&Topic> {
        self.topics.value.as_deref()?.get(self.topic)
    }

    /// The selected book.
    pub fn selected(&self) -> Option<ItemNumber> {
        self.rows.get(self.cursor).copied()
    }

    /// How far back the charts reach.
    pub fn chart_range(&self) -> Option<Duration> {
        WINDOWS
            .get(self.chart_range)
            .copied()
            .flatten()
            .map(Duration::from_secs)
    }

    /// The list that the rows are read from now.
    pub fn listing(&self) -> Option<&Listing> {
        self.search
            .as_ref()
            .and_then(|find| find.results.as_ref())
            .or(self.topic_listing.as_ref())
    }

    /// A number for the next question.
    pub(super) fn generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    /// Takes a book off every list.
    pub(super) fn withdraw(&mut self, item: ItemNumber) {
        for listing in self.listings() {
            listing.items.retain(|listed| *listed != item);
        }
    }

    /// Both lists, where they are there.
    pub(super) fn listings(&mut self) -> impl Iterator<Item = &mut Listing> {
        let found = self.search.as_mut().and_then(|find| find.results.as_mut());
        self.topic_listing.iter_mut().chain(found)
    }
}
