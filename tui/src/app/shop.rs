//! The state of the shop's screen: topics, the books of one topic or of a search, and one book.

use std::time::Duration;

use common::ItemNumber;

use super::filter::Filter;
use super::listing::Listing;
use super::matches::Matches;
use super::remote_data::RemoteData;
use super::whole_shop::WholeShop;

/// Time ranges of the stock chart, in seconds; `None` for the whole history.
pub(super) const CHART_RANGES_S: [Option<u64>; 5] = [Some(30), Some(60), Some(300), Some(900), None];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Focus {
    #[default]
    Topics,
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

#[derive(Debug, Clone)]
pub(crate) struct ShopScreen {
    pub(crate) focus: Focus,
    pub(crate) topics: RemoteData<Vec<Topic>>,
    pub(crate) topic: usize,
    pub(crate) topic_listing: Option<Listing>,
    pub(crate) search: Option<Search>,
    /// The candidates of a search.
    pub(super) whole: WholeShop,
    pub(crate) rows: Vec<ItemNumber>,
    pub(crate) cursor: usize,
    pub(crate) sort: Sort,
    /// The first line of the book's pane that is shown.
    pub(crate) detail_scroll: usize,
    /// Index into `CHART_RANGES_S`.
    pub(crate) chart_range: usize,
    /// Number of the newest listing; answers for a replaced listing carry an older number.
    pub(super) generation: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    pub(crate) filter: Filter,
    /// The shop's results for the text, or for its beginning if the text has none.
    pub(crate) results: Option<Listing>,
    pub(super) matches: Matches,
    /// Whether the user moved the selection since the text changed; until then it stays on the best match.
    pub(super) moved: bool,
}

impl Search {
    /// The text without blanks around it.
    pub(crate) fn text(&self) -> &str {
        self.filter.text()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic {
    /// The topic as the shop writes it, for requests.
    pub(crate) name: String,
    /// The sanitized topic, for the screen.
    pub(crate) display_name: String,
    pub(crate) books: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) by: Column,
    /// Largest first.
    pub(crate) reversed: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Column {
    /// The shop's order: by item number, or the best match first.
    #[default]
    Item,
    Title,
    Cost,
    /// The stock at the time of sorting; later changes do not move rows.
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

    pub(crate) fn name(self) -> &'static str {
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
            whole: WholeShop::default(),
            rows: Vec::new(),
            cursor: 0,
            sort: Sort::default(),
            detail_scroll: 0,
            // One minute.
            chart_range: 1,
            generation: 0,
        }
    }
}

impl ShopScreen {
    pub(crate) fn selected_topic(&self) -> Option<&Topic> {
        self.topics.value.as_deref()?.get(self.topic)
    }

    pub(crate) fn selected(&self) -> Option<ItemNumber> {
        self.rows.get(self.cursor).copied()
    }

    pub(crate) fn chart_range(&self) -> Option<Duration> {
        CHART_RANGES_S
            .get(self.chart_range)
            .copied()
            .flatten()
            .map(Duration::from_secs)
    }

    /// The listing that fills the rows.
    pub(crate) fn listing(&self) -> Option<&Listing> {
        self.search
            .as_ref()
            .and_then(|search| search.results.as_ref())
            .or(self.topic_listing.as_ref())
    }

    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// Removes a withdrawn book from every list.
    pub(super) fn remove_book(&mut self, item: ItemNumber) {
        for listing in self.listings_mut() {
            listing.items.retain(|listed| *listed != item);
        }
        self.whole.remove(item);
        if let Some(search) = &mut self.search {
            search.matches.remove(item);
        }
    }

    pub(super) fn listings(&self) -> impl Iterator<Item = &Listing> {
        let results = self.search.as_ref().and_then(|search| search.results.as_ref());
        self.topic_listing.iter().chain(results).chain(self.whole.listing())
    }

    pub(super) fn listings_mut(&mut self) -> impl Iterator<Item = &mut Listing> {
        let results = self.search.as_mut().and_then(|search| search.results.as_mut());
        self.topic_listing
            .iter_mut()
            .chain(results)
            .chain(self.whole.listing_mut())
    }
}
