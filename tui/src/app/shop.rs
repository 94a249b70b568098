//! The state of the shop's screen: topics, the books of one topic or of a search, and one book.

use std::time::Duration;

use common::ItemNumber;
use tui_input::Input;

use super::listing::Listing;
use super::remote_data::RemoteData;

/// How far back the chart of a stock can reach, in seconds; `None` for the whole history.
pub(super) const CHART_RANGES_S: [Option<u64>; 5] = [Some(30), Some(60), Some(300), Some(900), None];

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

impl Focus {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Topics => Self::Books,
            Self::Books => Self::Detail,
            Self::Detail => Self::Topics,
        }
    }

    pub(super) fn previous(self) -> Self {
        self.next().next()
    }
}

/// The shop's screen.
#[derive(Debug, Clone)]
pub struct ShopScreen {
    /// The pane with the focus.
    pub focus: Focus,
    /// All topics.
    pub topics: RemoteData<Vec<Topic>>,
    /// The index of the selected topic.
    pub topic: usize,
    /// The books of the selected topic.
    pub topic_listing: Option<Listing>,
    /// The search, if there is one.
    pub search: Option<Search>,
    /// The rows of the book list.
    pub rows: Vec<ItemNumber>,
    /// How many of the rows come from the selected topic; the others are of other topics.
    pub local_matches: usize,
    /// The selected row.
    pub cursor: usize,
    /// How the rows are sorted.
    pub sort: Sort,
    /// Which of the chart ranges is shown.
    pub chart_range: usize,
    /// Numbers the listings; the answer to a replaced listing carries an old number.
    pub(super) generation: u64,
}

/// A search for books.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The text, as typed.
    pub input: Input,
    /// Whether keys edit the text; otherwise they move in the list.
    pub editing: bool,
    /// The matches in the whole shop.
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
            // One minute.
            chart_range: 1,
            generation: 0,
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
        CHART_RANGES_S
            .get(self.chart_range)
            .copied()
            .flatten()
            .map(Duration::from_secs)
    }

    /// The listing that fills the rows now.
    pub fn listing(&self) -> Option<&Listing> {
        self.search
            .as_ref()
            .and_then(|search| search.results.as_ref())
            .or(self.topic_listing.as_ref())
    }

    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// Removes a withdrawn book from both listings.
    pub(super) fn remove_book(&mut self, item: ItemNumber) {
        for listing in self.listings_mut() {
            listing.items.retain(|listed| *listed != item);
        }
    }

    /// The listings that exist.
    pub(super) fn listings(&self) -> impl Iterator<Item = &Listing> {
        let results = self.search.as_ref().and_then(|search| search.results.as_ref());
        self.topic_listing.iter().chain(results)
    }

    pub(super) fn listings_mut(&mut self) -> impl Iterator<Item = &mut Listing> {
        let results = self.search.as_mut().and_then(|search| search.results.as_mut());
        self.topic_listing.iter_mut().chain(results)
    }
}
