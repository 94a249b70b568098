//! The books of all topics, loaded page by page when a search begins, so that it compares every title. In a larger shop the
//! server finds the candidates.

use common::ItemNumber;

use super::listing::Listing;
use super::shared::Shared;
use super::shop::ShopScreen;
use crate::effect::{Effect, Query};

/// The most books of a shop that is loaded whole.
const BOOKS_MAX: u64 = 10_000;

#[derive(Debug, Clone, Default)]
pub(crate) enum WholeShop {
    #[default]
    NotAsked,
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
            Self::NotAsked | Self::TooLarge => &[],
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
}

impl ShopScreen {
    /// Begins to load the whole shop, if its topics are known and it is not too large.
    pub(super) fn load_whole_shop(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        let (WholeShop::NotAsked, Some(topics)) = (&self.whole, &self.topics.value) else {
            return Vec::new();
        };
        if topics.iter().map(|topic| topic.books).sum::<u64>() > BOOKS_MAX {
            self.whole = WholeShop::TooLarge;
            return Vec::new();
        }
        let topics = topics.iter().rev().map(|topic| topic.name.clone()).collect();
        self.load_next_topic(topics, Vec::new(), shared)
    }

    fn load_next_topic(&mut self, mut topics: Vec<String>, items: Vec<ItemNumber>, shared: &Shared<'_>) -> Vec<Effect> {
        let Some(topic) = topics.pop() else {
            self.whole = WholeShop::Loaded(items);
            return Vec::new();
        };
        let generation = self.next_generation();
        let (listing, effect) = Listing::open(Query::WholeTopic(topic), generation, shared.elapsed());
        self.whole = WholeShop::Loading {
            listing: Box::new(listing),
            topics,
            items,
        };
        vec![effect]
    }

    /// Loads what follows the page of the whole shop that has arrived.
    pub(super) fn load_more_of_whole_shop(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        match std::mem::take(&mut self.whole) {
            WholeShop::Loading {
                listing,
                topics,
                mut items,
            } if listing.is_whole() => {
                items.extend(&listing.items);
                self.load_next_topic(topics, items, shared)
            }
            mut whole => {
                let more = whole.listing_mut().and_then(|listing| listing.more(shared.elapsed()));
                self.whole = whole;
                more.into_iter().collect()
            }
        }
    }
}
