//! A list of books that is loaded page by page as the selection moves down, from a catalog of up to a million books.

use std::collections::HashSet;
use std::time::Duration;

use common::wire::BookPage;
use common::{ItemNumber, Seq, limits};

use super::remote_data::RemoteData;
use crate::effect::{Effect, Query, Request};

/// Most books in a list. A narrower search finds the others.
pub(super) const BOOKS_MAX: usize = 20_000;
/// Least number of books that a jump to the end shows, if the topic has them.
const TAIL_BOOKS_MIN: usize = 50;
/// Most requests of a jump to the end. Item numbers below 2⁵³ need 53 doublings and 53 bisections.
const JUMP_REQUESTS_MAX: u8 = 120;
/// Most books that a refresh loads; the list grows again as the selection moves down.
const REFRESH_BOOKS_MAX: usize = 1_000;

#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) query: Query,
    /// Number of the listing; answers with another number are ignored.
    pub(crate) generation: u64,
    /// The books, in the shop's order.
    pub(crate) items: Vec<ItemNumber>,
    /// The cursor of the next page; `None` at the end.
    pub(crate) next: Option<String>,
    /// Lowest `seq` at which a page was read.
    pub(crate) read_seq: Option<Seq>,
    pub(crate) data: RemoteData<()>,
    listed: HashSet<ItemNumber>,
    refreshing: Option<Refresh>,
    jump: Option<Jump>,
    /// Whether only the last books of the topic are loaded.
    pub(crate) is_tail: bool,
}

/// The new list of a refresh, while the old one is still shown.
#[derive(Debug, Clone)]
struct Refresh {
    items: Vec<ItemNumber>,
    next: Option<String>,
    wanted: usize,
}

/// A search for the last books of a topic by item number. Exponential, then binary search for the last page.
#[derive(Debug, Clone)]
struct Jump {
    /// Number of the last book of a page that is not the last page.
    low: u64,
    /// The books of that page.
    before: Vec<ItemNumber>,
    /// Number whose page is the last page.
    high: Option<u64>,
    /// The books after `high`.
    found: Vec<ItemNumber>,
    /// Number after which the requested page begins.
    cursor: u64,
    requests_left: u8,
}

impl Jump {
    /// The number after which the next page is read; `None` at the end of the search.
    fn next(&mut self, page: &BookPage) -> Option<u64> {
        let items = page.books.iter().map(|book| book.item);
        if self.cursor == self.low {
            // The search has converged: this page follows the books in `before`.
            self.found = self.before.drain(..).chain(items).collect();
            return None;
        }
        match (page.books.last(), &page.next) {
            (Some(last), Some(_)) => (self.low, self.before) = (last.item.get(), items.collect()),
            _ => (self.high, self.found) = (Some(self.cursor), items.collect()),
        }
        self.requests_left = self.requests_left.saturating_sub(1);
        if self.requests_left == 0 || self.found.len() >= TAIL_BOOKS_MIN {
            return None;
        }
        let after_low = self.low.saturating_add(1);
        self.cursor = match self.high {
            Some(high) if high <= after_low => self.low,
            Some(high) => self.low.midpoint(high),
            None => self.cursor.saturating_mul(2).max(after_low).min(limits::ITEM_MAX),
        };
        Some(self.cursor)
    }
}

impl Listing {
    /// An empty list, and the effect that loads its first page.
    pub(crate) fn open(query: Query, generation: u64, now: Duration) -> (Self, Effect) {
        let mut listing = Self {
            query,
            generation,
            items: Vec::new(),
            next: None,
            read_seq: None,
            data: RemoteData::default(),
            listed: HashSet::new(),
            refreshing: None,
            jump: None,
            is_tail: false,
        };
        let effect = listing.load(None, now);
        (listing, effect)
    }

    /// Whether every book of the query is loaded.
    pub(crate) fn is_whole(&self) -> bool {
        self.data.value.is_some() && self.next.is_none() && !self.is_tail
    }

    /// Loads the next page, unless there is none or a page is being loaded.
    pub(crate) fn more(&mut self, now: Duration) -> Option<Effect> {
        if self.data.is_loading() || self.data.is_failed() || self.items.len() >= BOOKS_MAX {
            return None;
        }
        let after = self.next.clone()?;
        Some(self.load(Some(after), now))
    }

    /// Searches for the last books without loading the books before them; `None` if they are loaded. A topic is listed by item
    /// number; the cursor of a page is the number of the last book before it.
    pub(crate) fn jump_to_end(&mut self, generation: u64, now: Duration) -> Option<Effect> {
        let (Query::Topic(_), Some(_), Some(last)) = (&self.query, &self.next, self.items.last()) else {
            return None;
        };
        let (low, cursor) = (last.get(), last.get().saturating_mul(2).min(limits::ITEM_MAX));
        self.jump = Some(Jump {
            low,
            before: Vec::new(),
            high: None,
            found: Vec::new(),
            cursor,
            requests_left: JUMP_REQUESTS_MAX,
        });
        (self.generation, self.refreshing) = (generation, None);
        Some(self.load(Some(cursor.to_string()), now))
    }

    pub(crate) fn is_jumping(&self) -> bool {
        self.jump.is_some()
    }

    pub(crate) fn refresh(&mut self, generation: u64, now: Duration) -> Effect {
        self.generation = generation;
        (self.read_seq, self.jump) = (None, None);
        self.refreshing = Some(Refresh {
            items: Vec::new(),
            next: None,
            // The first page replaces the last books.
            wanted: if self.is_tail {
                0
            } else {
                self.items.len().min(REFRESH_BOOKS_MAX)
            },
        });
        self.load(None, now)
    }

    pub(crate) fn retry(&mut self, now: Duration) -> Effect {
        self.jump = None;
        let next = self.refreshing.as_ref().map_or(&self.next, |refresh| &refresh.next);
        self.load(next.clone(), now)
    }

    /// Adds a page. Returns the effect that loads the next one while the list is being refreshed.
    pub(crate) fn handle_page(&mut self, page: &BookPage, seq: Option<Seq>, now: Duration) -> Option<Effect> {
        self.read_seq = match (self.read_seq, seq) {
            (Some(oldest), Some(seq)) => Some(oldest.min(seq)),
            (oldest, seq) => oldest.or(seq),
        };
        self.data.succeed((), now);
        if let Some(jump) = &mut self.jump {
            if let Some(after) = jump.next(page) {
                return Some(self.load(Some(after.to_string()), now));
            }
            let found = std::mem::take(&mut jump.found);
            self.jump = None;
            if !found.is_empty() {
                self.listed = found.iter().copied().collect();
                (self.items, self.next, self.is_tail) = (found, None, true);
            }
            return None;
        }
        let items = page.books.iter().map(|book| book.item);
        let Some(refresh) = &mut self.refreshing else {
            self.items.extend(items.filter(|item| self.listed.insert(*item)));
            self.next.clone_from(&page.next);
            return None;
        };
        refresh.items.extend(items);
        refresh.next.clone_from(&page.next);
        if refresh.items.len() < refresh.wanted && refresh.next.is_some() {
            let after = refresh.next.clone();
            return Some(self.load(after, now));
        }
        let (items, next) = (std::mem::take(&mut refresh.items), refresh.next.take());
        (self.refreshing, self.is_tail) = (None, false);
        self.listed.clear();
        self.items = items.into_iter().filter(|item| self.listed.insert(*item)).collect();
        self.next = next;
        None
    }

    fn load(&mut self, after: Option<String>, now: Duration) -> Effect {
        self.data.start(now);
        Effect::Send(Request::Page {
            generation: self.generation,
            query: self.query.clone(),
            after,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::wire::Book;
    use common::{Description, Stock};

    fn page(items: std::ops::Range<u64>, next: Option<&str>) -> BookPage {
        let books = items.map(|item| {
            Book::new(
                ItemNumber::try_from(item).unwrap(),
                "".into(),
                Description::new(""),
                "1".parse().unwrap(),
                Stock::ZERO,
                Seq(1),
            )
        });
        BookPage {
            books: books.collect(),
            next: next.map(str::to_owned),
        }
    }

    fn after(effect: Option<Effect>) -> Option<String> {
        match effect {
            Some(Effect::Send(Request::Page { after, .. })) => after,
            _ => None,
        }
    }

    #[test]
    fn pages_are_loaded_one_at_a_time() {
        let (mut listing, _) = Listing::open(Query::Topic("t".into()), 1, Duration::ZERO);
        assert_eq!(listing.more(Duration::ZERO), None, "the first page is on its way");
        listing.handle_page(&page(1..101, Some("100")), Some(Seq(5)), Duration::ZERO);
        assert_eq!(after(listing.more(Duration::ZERO)).as_deref(), Some("100"));
        assert_eq!(listing.more(Duration::ZERO), None);
        listing.handle_page(&page(100..151, None), Some(Seq(4)), Duration::ZERO);
        assert_eq!(
            (listing.items.len(), listing.is_whole(), listing.read_seq),
            (150, true, Some(Seq(4)))
        );
    }

    #[test]
    fn a_refreshed_list_replaces_the_old_one_when_it_is_complete() {
        let (mut listing, _) = Listing::open(Query::Topic("t".into()), 1, Duration::ZERO);
        listing.handle_page(&page(1..101, Some("100")), None, Duration::ZERO);
        listing.more(Duration::ZERO);
        listing.handle_page(&page(101..201, Some("200")), None, Duration::ZERO);
        listing.refresh(2, Duration::ZERO);
        let next = listing.handle_page(&page(1..101, Some("100")), None, Duration::ZERO);
        assert_eq!((after(next).as_deref(), listing.items.len()), (Some("100"), 200));
        listing.handle_page(&page(101..151, None), None, Duration::ZERO);
        assert_eq!((listing.items.len(), listing.is_whole()), (150, true));
    }
}
