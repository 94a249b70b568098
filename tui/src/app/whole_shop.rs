//! The books of all topics, loaded page by page when a search begins, so that the search matches every title. In a larger shop
//! the server finds the candidates.

use std::time::Duration;

use common::ItemNumber;

use super::listing::Listing;
use super::shared::Shared;
use crate::effect::{Effect, Query};

/// Most books of a shop that is loaded whole.
const BOOKS_MAX: u64 = 10_000;
/// Most books of a shop that is loaded whole, for an SSH session, because one process serves many sessions.
const REMOTE_BOOKS_MAX: u64 = 1_000;

#[derive(Debug, Clone, Default)]
pub(crate) enum WholeShop {
    #[default]
    NotRequested,
    Loading {
        /// The topic that is being loaded.
        listing: Box<Listing>,
        /// The topics after it, the next one last.
        topics: Vec<String>,
        /// The books of the topics before it.
        items: Vec<ItemNumber>,
    },
    Loaded(Vec<ItemNumber>),
    TooLarge,
}

impl WholeShop {
    /// The books loaded so far.
    pub(super) fn items(&self) -> &[ItemNumber] {
        match self {
            Self::Loading { items, .. } | Self::Loaded(items) => items,
            Self::NotRequested | Self::TooLarge => &[],
        }
    }

    pub(super) fn listing(&self) -> Option<&Listing> {
        match self {
            Self::Loading { listing, .. } => Some(listing),
            _ => None,
        }
    }

    pub(super) fn listing_mut(&mut self) -> Option<&mut Listing> {
        match self {
            Self::Loading { listing, .. } => Some(listing),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, item: ItemNumber) {
        if let Self::Loading { items, .. } | Self::Loaded(items) = self {
            items.retain(|listed| *listed != item);
        }
    }

    /// Starts to load topics with `books` books in total, unless loading has started or there are too many.
    pub(super) fn start(
        &mut self,
        topics: impl DoubleEndedIterator<Item = String>,
        books: u64,
        generation: u64,
        shared: &Shared<'_>,
    ) -> Option<Effect> {
        if !matches!(self, Self::NotRequested) {
            return None;
        }
        let books_max = match shared.connection.is_remote {
            true => REMOTE_BOOKS_MAX,
            false => BOOKS_MAX,
        };
        if books > books_max {
            *self = Self::TooLarge;
            return None;
        }
        self.load_topic(topics.rev().collect(), Vec::new(), generation, shared.elapsed())
    }

    /// Loads the next page or topic after a page has arrived.
    pub(super) fn more(&mut self, generation: u64, now: Duration) -> Option<Effect> {
        match self {
            Self::Loading { listing, topics, items } if listing.is_whole() => {
                items.extend(&listing.items);
                let (topics, items) = (std::mem::take(topics), std::mem::take(items));
                self.load_topic(topics, items, generation, now)
            }
            whole => whole.listing_mut()?.more(now),
        }
    }

    /// Loads the last element of `topics`, as a listing with its own `generation`.
    fn load_topic(
        &mut self,
        mut topics: Vec<String>,
        items: Vec<ItemNumber>,
        generation: u64,
        now: Duration,
    ) -> Option<Effect> {
        let Some(topic) = topics.pop() else {
            *self = Self::Loaded(items);
            return None;
        };
        let (listing, effect) = Listing::open(Query::WholeTopic(topic), generation, now);
        *self = Self::Loading {
            listing: Box::new(listing),
            topics,
            items,
        };
        Some(effect)
    }
}
