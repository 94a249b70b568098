//! A list of books that is read page by page as somebody moves down in it; a catalog of a million books is one.

use std::collections::HashSet;
use std::time::Duration;

use common::wire::BookPage;
use common::{ItemNumber, Seq};

use super::remote_data::RemoteData;
use crate::effect::{Effect, ListingKind, Query};

/// The most books one list holds; whoever wants others narrows the search.
pub(super) const BOOKS_MAX: usize = 20_000;
/// How many books a list that is read afresh gets back at once; it grows again as somebody moves down.
const REFILL_MAX: usize = 1_000;

/// One list.
#[derive(Debug, Clone)]
pub struct Listing {
    /// What it shows.
    pub query: Query,
    /// Which of the two it is.
    pub listing: ListingKind,
    /// Answers to an older question than this are ignored.
    pub generation: u64,
    /// The books, in the shop's order.
    pub items: Vec<ItemNumber>,
    /// Where the next page begins; nothing at the end.
    pub next: Option<String>,
    /// The oldest state that any page was read at.
    pub read_seq: Option<Seq>,
    /// How the reading stands.
    pub data: RemoteData<()>,
    listed: HashSet<ItemNumber>,
    refill: Option<Refill>,
}

/// A list that is read afresh while the old one is still shown.
#[derive(Debug, Clone)]
struct Refill {
    items: Vec<ItemNumber>,
    next: Option<String>,
    wanted: usize,
}

impl Listing {
    /// An empty one, and the question for its first page.
    pub fn open(listing: ListingKind, query: Query, generation: u64, now: Duration) -> (Self, Effect) {
        let mut listing = Self {
            query,
            listing,
            generation,
            items: Vec::new(),
            next: None,
            read_seq: None,
            data: RemoteData::default(),
            listed: HashSet::new(),
            refill: None,
        };
        let effect = listing.ask(None, now);
        (listing, effect)
    }

    /// Whether every book of the query is here.
    pub fn is_whole(&self) -> bool {
        self.data.value.is_some() && self.next.is_none()
    }

    /// The question for the next page, if there is one and none is on its way.
    pub fn more(&mut self, now: Duration) -> Option<Effect> {
        if self.data.is_loading() || self.data.is_failed() || self.items.len() >= BOOKS_MAX {
            return None;
        }
        let after = self.next.clone()?;
        Some(self.ask(Some(after), now))
    }

    /// The question that begins to read everything afresh.
    pub fn refresh(&mut self, generation: u64, now: Duration) -> Effect {
        self.generation = generation;
        self.read_seq = None;
        self.refill = Some(Refill {
            items: Vec::new(),
            next: None,
            wanted: self.items.len().min(REFILL_MAX),
        });
        self.ask(None, now)
    }

    /// The question that failed, again.
    pub fn retry(&mut self, now: Duration) -> Effect {
        let after = match &self.refill {
            Some(refill) => refill.next.clone(),
            None => self.next.clone(),
        };
        self.ask(after, now)
    }

    /// Takes in a page; the question for the next one where the list is still being read afresh.
    pub fn page_loaded(&mut self, page: &BookPage, seq: Option<Seq>, now: Duration) -> Option<Effect> {
        self.read_seq = match (self.read_seq, seq) {
            (Some(oldest), Some(seq)) => Some(oldest.min(seq)),
            (oldest, seq) => oldest.or(seq),
        };
        self.data.succeed((), now);
        let items = page.books.iter().map(|book| book.item);
        let Some(refill) = &mut self.refill else {
            self.items.extend(items.filter(|item| self.listed.insert(*item)));
            self.next.clone_from(&page.next);
            return None;
        };
        refill.items.extend(items);
        refill.next.clone_from(&page.next);
        if refill.items.len() < refill.wanted && refill.next.is_some() {
            let after = refill.next.clone();
            return Some(self.ask(after, now));
        }
        if let Some(refill) = self.refill.take() {
            self.listed.clear();
            self.items = refill
                .items
                .into_iter()
                .filter(|item| self.listed.insert(*item))
                .collect();
            self.next = refill.next;
        }
        None
    }

    fn ask(&mut self, after: Option<String>, now: Duration) -> Effect {
        self.data.start(now);
        Effect::LoadPage {
            generation: self.generation,
            listing: self.listing,
            query: self.query.clone(),
            after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::wire::Book;

    fn page(items: std::ops::Range<u64>, next: Option<&str>) -> BookPage {
        let books = items.map(|item| Book {
            item: ItemNumber::try_from(item).unwrap(),
            title: String::new(),
            author: None,
            topic: String::new(),
            cost: "1".parse().unwrap(),
            stock: common::Stock::ZERO,
            seq: Seq(1),
        });
        BookPage {
            books: books.collect(),
            next: next.map(str::to_owned),
        }
    }

    fn after(effect: Option<Effect>) -> Option<String> {
        match effect {
            Some(Effect::LoadPage { after, .. }) => after,
            _ => None,
        }
    }

    #[test]
    fn pages_follow_one_another_one_at_a_time() {
        let (mut listing, _) = Listing::open(ListingKind::Topic, Query::Topic("t".into()), 1, Duration::ZERO);
        assert_eq!(listing.more(Duration::ZERO), None, "the first page is on its way");
        listing.page_loaded(&page(1..101, Some("100")), Some(Seq(5)), Duration::ZERO);
        assert_eq!(after(listing.more(Duration::ZERO)).as_deref(), Some("100"));
        assert_eq!(listing.more(Duration::ZERO), None);
        listing.page_loaded(&page(100..151, None), Some(Seq(4)), Duration::ZERO);
        assert_eq!(
            (listing.items.len(), listing.is_whole(), listing.read_seq),
            (150, true, Some(Seq(4)))
        );
    }

    #[test]
    fn a_list_read_afresh_stays_as_it_was_until_the_new_one_is_whole() {
        let (mut listing, _) = Listing::open(ListingKind::Topic, Query::Topic("t".into()), 1, Duration::ZERO);
        listing.page_loaded(&page(1..101, Some("100")), None, Duration::ZERO);
        listing.more(Duration::ZERO);
        listing.page_loaded(&page(101..201, Some("200")), None, Duration::ZERO);
        listing.refresh(2, Duration::ZERO);
        let next = listing.page_loaded(&page(1..101, Some("100")), None, Duration::ZERO);
        assert_eq!((after(next).as_deref(), listing.items.len()), (Some("100"), 200));
        listing.page_loaded(&page(101..151, None), None, Duration::ZERO);
        assert_eq!((listing.items.len(), listing.is_whole()), (150, true));
    }
}
