//! The books that match a search, the best match first.

use std::collections::HashSet;

use common::ItemNumber;

use super::books::Books;
use crate::fuzzy::{Rank, Searcher};

/// Rank of a book that the shop's search found and the local search did not.
const FOUND_BY_SHOP: Rank = Rank::Words(u8::MAX);

#[derive(Debug, Clone, Default)]
pub(crate) struct Matches {
    /// The text that was searched for.
    text: String,
    ranked: Vec<(Rank, ItemNumber)>,
    /// Ranked candidates, including those without a match.
    seen: HashSet<ItemNumber>,
}

impl Matches {
    /// Ranks the candidates that are new since the last call with this text.
    pub(super) fn update(
        &mut self,
        text: &str,
        candidates: impl Iterator<Item = ItemNumber>,
        found_by_shop: &[ItemNumber],
        books: &Books,
    ) {
        if self.text != text {
            *self = Self {
                text: text.to_owned(),
                ..Self::default()
            };
        }
        let mut searcher = Searcher::new(text);
        let mut rank = |item| searcher.rank(books.search_text(item)?);
        for item in candidates {
            if self.seen.insert(item)
                && let Some(rank) = rank(item)
            {
                self.ranked.push((rank, item));
            }
        }
        let ranked: HashSet<_> = self.ranked.iter().map(|(_, item)| *item).collect();
        let others = found_by_shop.iter().filter(|item| !ranked.contains(item));
        self.ranked.extend(others.map(|item| (FOUND_BY_SHOP, *item)));
        // Books of equal rank are sorted by number, like the shop's lists, so that later books do not reorder earlier ones.
        self.ranked.sort_unstable();
    }

    pub(super) fn items(&self) -> impl Iterator<Item = ItemNumber> {
        self.ranked.iter().map(|(_, item)| *item)
    }

    pub(super) fn remove(&mut self, item: ItemNumber) {
        self.ranked.retain(|(_, listed)| *listed != item);
    }
}
