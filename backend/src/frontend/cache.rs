//! Books and pages in the front-end's memory, kept true by the ledger's feed.
//!
//! A book is kept as the bytes of its JSON, a page as the numbers of its books: a page is joined from the books, so that a
//! sale is written once wherever the book is shown. What was filled from an answer that is newer than the feed is not
//! shown before the feed has come as far; what is older is brought up to date with what the feed brought since. So nobody
//! sees the shelves go back in time.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use ahash::AHashMap;
use bytes::{Bytes, BytesMut};
use common::client::Freshness;
use common::wire::{Book, BookPage};
use common::{Entry, ItemNumber, Kind, Seq, Stock};

/// The most books kept, of some 300 bytes each and their texts.
const BOOKS_MAX: usize = 1_000_000;
/// The most pages kept, of up to 100 numbers each, and the most other documents.
const PAGES_MAX: usize = 10_000;
/// Books of which the feed's last word is remembered, to bring late answers up to date.
const CHANGES_MAX: usize = 100_000;
/// One in so many is dropped when there is no room: whichever the hash puts first.
const EVICTED_PART: usize = 16;

/// Something found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What it is, as JSON.
    pub json: Bytes,
    /// The entry that changed it last.
    pub tag: Seq,
    /// The state it was read from.
    pub at: Seq,
    /// How long nothing was heard of the catalog, in seconds; absent while its feed is live.
    pub age_s: Option<u64>,
}

/// A book as its JSON, whose last fields are those that a sale changes.
#[derive(Debug)]
struct KeptBook {
    /// Copied for each reader, which costs less than counting the readers of what both of two threads read all the time.
    json: Box<[u8]>,
    /// So much of it comes before the stock.
    lasting_bytes: usize,
    stock: Stock,
    /// The entry that changed it last.
    seq: Seq,
    /// Shown once the feed has come this far.
    since: Seq,
}

impl KeptBook {
    fn new(book: &Book, since: Seq) -> Self {
        // A struct with string keys: writing it cannot fail.
        let json = serde_json::to_vec(book).unwrap_or_default();
        // A quote within a string is escaped: this is the field itself.
        let lasting_bytes = memchr::memmem::rfind(&json, b",\"stock\":").unwrap_or_default();
        Self {
            json: json.into_boxed_slice(),
            lasting_bytes,
            stock: book.stock,
            seq: book.seq,
            since,
        }
    }

    /// Writes the stock and the entry into the JSON.
    fn write(&mut self) {
        let lasting = self.json.get(..self.lasting_bytes).unwrap_or_default();
        let mut json = Vec::with_capacity(lasting.len() + 48);
        json.extend_from_slice(lasting);
        json.extend_from_slice(b",\"stock\":");
        json.extend_from_slice(itoa::Buffer::new().format(self.stock.get()).as_bytes());
        json.extend_from_slice(b",\"seq\":");
        json.extend_from_slice(itoa::Buffer::new().format(self.seq.0).as_bytes());
        json.push(b'}');
        self.json = json.into_boxed_slice();
    }
}

/// A page of books, or the list of the topics.
#[derive(Debug)]
struct Kept<T> {
    what: T,
    since: Seq,
}

#[derive(Debug)]
struct PageOfBooks {
    items: Vec<ItemNumber>,
    next: Option<String>,
}

#[derive(Debug, Default)]
struct Shelves {
    /// Everything up to this entry is in here.
    position: Seq,
    /// When the feed was lost; absent while it is live.
    lost: Option<Instant>,
    is_known: bool,
    books: AHashMap<ItemNumber, KeptBook>,
    /// By the query that asked for them, as it was written.
    pages: AHashMap<Box<str>, Kept<PageOfBooks>>,
    topics: Option<Kept<Bytes>>,
    /// The last entry after which books came, went or changed in more than their stock.
    shelved: Seq,
    /// The feed's last word on each book since `changes_since`.
    changes: AHashMap<ItemNumber, (Seq, Stock)>,
    changes_since: Seq,
}

/// What one front-end keeps.
#[derive(Debug, Default)]
pub struct Cache(RwLock<Shelves>);

impl Cache {
    /// Begins anew: the feed goes on after that entry.
    pub fn reset(&self, position: Seq) {
        *self.write() = Shelves {
            position,
            is_known: true,
            changes_since: position,
            ..Shelves::default()
        };
    }

    /// The feed is live, or lost.
    pub fn set_live(&self, is_live: bool) {
        let mut shelves = self.write();
        shelves.lost = match (is_live, shelves.lost) {
            (true, _) => None,
            (false, lost) => lost.or_else(|| Some(Instant::now())),
        };
    }

    /// Follows the ledger.
    pub fn apply(&self, entries: &[Entry]) {
        let mut shelves = self.write();
        for entry in entries {
            shelves.apply(entry);
        }
        shelves.write_moved(entries);
    }

    /// A book.
    pub fn book(&self, item: ItemNumber, fresh: Freshness) -> Option<Hit> {
        let shelves = self.read();
        let age_s = shelves.age_s(fresh)?;
        let kept = shelves.books.get(&item).filter(|kept| kept.since <= shelves.position)?;
        Some(Hit {
            json: Bytes::copy_from_slice(&kept.json),
            tag: kept.seq,
            at: shelves.position,
            age_s,
        })
    }

    /// The page that a query asks for.
    pub fn page(&self, query: &str, fresh: Freshness) -> Option<Hit> {
        let shelves = self.read();
        let age_s = shelves.age_s(fresh)?;
        let page = &shelves
            .pages
            .get(query)
            .filter(|kept| kept.since <= shelves.position)?
            .what;
        let mut json = BytesMut::with_capacity(page.items.len() * 200 + 64);
        json.extend_from_slice(b"{\"books\":[");
        for (index, item) in page.items.iter().enumerate() {
            let kept = shelves.books.get(item).filter(|kept| kept.since <= shelves.position)?;
            if index > 0 {
                json.extend_from_slice(b",");
            }
            json.extend_from_slice(&kept.json);
        }
        json.extend_from_slice(b"]");
        if let Some(next) = &page.next {
            // A cursor is digits and hyphens: nothing in it needs an escape.
            json.extend_from_slice(b",\"next\":\"");
            json.extend_from_slice(next.as_bytes());
            json.extend_from_slice(b"\"");
        }
        json.extend_from_slice(b"}");
        Some(Hit {
            json: json.freeze(),
            tag: shelves.position,
            at: shelves.position,
            age_s,
        })
    }

    /// The topics.
    pub fn topics(&self, fresh: Freshness) -> Option<Hit> {
        let shelves = self.read();
        let age_s = shelves.age_s(fresh)?;
        let kept = shelves.topics.as_ref().filter(|kept| kept.since <= shelves.position)?;
        Some(Hit {
            json: kept.what.clone(),
            tag: shelves.position,
            at: shelves.position,
            age_s,
        })
    }

    /// Keeps a book that was read as of `at`.
    pub fn insert_book(&self, book: Book, at: Seq) {
        self.write().insert_book(book, at);
    }

    /// Keeps a page, and its books, that was read as of `at`.
    pub fn insert_page(&self, query: &str, page: BookPage, at: Seq) {
        let mut shelves = self.write();
        if !shelves.may_keep(at) || page.next.as_deref().is_some_and(|next| next.contains(['"', '\\'])) {
            return;
        }
        if shelves.pages.get(query).is_none_or(|kept| kept.since > at) {
            shelves.keep_shape(query, &page, at);
        }
        for book in page.books {
            shelves.insert_book(book, at);
        }
    }

    /// Keeps the topics that were read as of `at`.
    pub fn insert_topics(&self, json: Bytes, at: Seq) {
        let mut shelves = self.write();
        if shelves.may_keep(at) {
            shelves.topics = Some(Kept { what: json, since: at });
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Shelves> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelves> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    /// How old what is here is, or nothing where it is not fresh enough.
    fn age_s(&self, fresh: Freshness) -> Option<Option<u64>> {
        let is_fresh = self.is_known && !fresh.confirm_head && fresh.min_seq.is_none_or(|seen| seen <= self.position);
        is_fresh.then(|| self.lost.map(|lost| lost.elapsed().as_secs()))
    }

    fn apply(&mut self, entry: &Entry) {
        self.position = entry.seq;
        #[cfg(feature = "fault-injection")]
        if crate::fault_injection::is_active(crate::fault_injection::Fault::StaleCache) {
            return;
        }
        if !entry.kind.changes_book() {
            return;
        }
        if entry.kind == Kind::Withdrawn || (entry.kind == Kind::Set && entry.order.is_none()) {
            self.shelved = entry.seq;
            self.books.remove(&entry.item);
            self.pages.clear();
            self.topics = None;
            return;
        }
        let Some(stock) = entry.stock_after else { return };
        if self.changes.len() >= CHANGES_MAX {
            self.changes.clear();
            self.changes_since = entry.seq;
        }
        self.changes.insert(entry.item, (entry.seq, stock));
        if let Some(kept) = self.books.get_mut(&entry.item)
            && kept.seq < entry.seq
        {
            kept.stock = stock;
            kept.seq = entry.seq;
        }
    }

    /// Writes the books anew that entries changed, each once however often it changed.
    fn write_moved(&mut self, entries: &[Entry]) {
        for entry in entries {
            if let Some(kept) = self.books.get_mut(&entry.item)
                && kept.seq == entry.seq
            {
                kept.write();
            }
        }
    }

    /// Whether an answer of that age can still be brought up to date.
    fn may_keep(&self, at: Seq) -> bool {
        self.is_known && at >= self.shelved && at >= self.changes_since
    }

    fn keep_shape(&mut self, query: &str, page: &BookPage, at: Seq) {
        make_room(&mut self.pages, PAGES_MAX);
        let items = page.books.iter().map(|book| book.item).collect();
        let next = page.next.clone();
        self.pages.insert(
            query.into(),
            Kept {
                what: PageOfBooks { items, next },
                since: at,
            },
        );
    }

    fn insert_book(&mut self, mut book: Book, at: Seq) {
        // What is here is kept true by the feed; only what waits for the feed can be had sooner.
        if !self.may_keep(at) || self.books.get(&book.item).is_some_and(|kept| kept.since <= at) {
            return;
        }
        if let Some(&(seq, stock)) = self.changes.get(&book.item)
            && seq > book.seq
        {
            (book.seq, book.stock) = (seq, stock);
        }
        make_room(&mut self.books, BOOKS_MAX);
        self.books.insert(book.item, KeptBook::new(&book, at));
    }
}

fn make_room<K, V>(map: &mut AHashMap<K, V>, most: usize) {
    if map.len() >= most {
        let mut index = 0_usize;
        map.retain(|_, _| {
            index += 1;
            index > most / EVICTED_PART
        });
    }
}

#[cfg(test)]
mod tests {
    use common::{Cost, OrderId, Timestamp};

    use super::*;

    fn book(item: u64, stock: u64, seq: u64) -> Book {
        Book {
            item: ItemNumber::try_from(item).unwrap(),
            title: format!("Book {item}, \",\"stock\":7\""),
            author: None,
            topic: "t".into(),
            cost: Cost::default(),
            stock: Stock::try_from(stock).unwrap(),
            seq: Seq(seq),
        }
    }

    fn entry(seq: u64, kind: Kind, item: u64, stock: u64) -> Entry {
        Entry {
            seq: Seq(seq),
            at: Timestamp::from_micros(0),
            kind,
            item: ItemNumber::try_from(item).unwrap(),
            quantity: None,
            change: 0,
            stock_after: Stock::try_from(stock).ok(),
            order: (kind == Kind::Sold).then(OrderId::generate),
            unit_cost: None,
            reason: None,
        }
    }

    fn stock(cache: &Cache, item: u64, fresh: Freshness) -> Option<u32> {
        let hit = cache.book(ItemNumber::try_from(item).unwrap(), fresh)?;
        Some(serde_json::from_slice::<Book>(&hit.json).unwrap().stock.get())
    }

    fn cache(position: u64) -> Cache {
        let cache = Cache::default();
        cache.reset(Seq(position));
        cache
    }

    const ANY: Freshness = Freshness {
        min_seq: None,
        confirm_head: false,
    };

    #[test]
    fn a_sale_changes_the_book_and_every_page_that_shows_it() {
        let cache = cache(2);
        let page = BookPage {
            books: vec![book(1, 5, 1), book(2, 9, 2)],
            next: Some("2".into()),
        };
        cache.insert_page("topic=t&limit=2", page, Seq(2));
        cache.apply(&[entry(3, Kind::Sold, 2, 8)]);
        assert_eq!(stock(&cache, 2, ANY), Some(8));
        let hit = cache.page("topic=t&limit=2", ANY).unwrap();
        let shown: BookPage = serde_json::from_slice(&hit.json).unwrap();
        assert_eq!(
            shown,
            BookPage {
                books: vec![book(1, 5, 1), book(2, 8, 3)],
                next: Some("2".into())
            }
        );
        assert_eq!((hit.tag, hit.at), (Seq(3), Seq(3)));
    }

    #[test]
    fn an_answer_older_than_the_feed_is_brought_up_to_date_or_dropped() {
        let cache = cache(2);
        cache.apply(&[entry(3, Kind::Sold, 1, 4)]);
        cache.insert_book(book(1, 5, 1), Seq(2));
        assert_eq!(stock(&cache, 1, ANY), Some(4));
        cache.insert_book(book(2, 9, 1), Seq(1));
        assert_eq!(stock(&cache, 2, ANY), None, "nobody knows what happened to it since");
    }

    #[test]
    fn an_answer_newer_than_the_feed_waits_for_it() {
        let cache = cache(2);
        cache.insert_book(book(1, 4, 3), Seq(5));
        assert_eq!(stock(&cache, 1, ANY), None);
        cache.apply(&[entry(3, Kind::Sold, 1, 4), entry(4, Kind::Refused, 1, 4)]);
        assert_eq!(stock(&cache, 1, ANY), None);
        cache.apply(&[entry(5, Kind::Sold, 2, 1)]);
        assert_eq!(stock(&cache, 1, ANY), Some(4));
    }

    #[test]
    fn who_has_seen_more_or_wants_it_confirmed_is_not_answered_from_memory() {
        let cache = cache(2);
        cache.insert_book(book(1, 5, 1), Seq(2));
        assert_eq!(stock(&cache, 1, Freshness::from(Seq(2))), Some(5));
        assert_eq!(stock(&cache, 1, Freshness::from(Seq(3))), None);
        assert_eq!(
            stock(
                &cache,
                1,
                Freshness {
                    min_seq: None,
                    confirm_head: true
                }
            ),
            None
        );
    }

    #[test]
    fn a_book_that_came_or_went_empties_the_pages() {
        for kind in [Kind::Withdrawn, Kind::Set] {
            let cache = cache(2);
            cache.insert_page(
                "q=b",
                BookPage {
                    books: vec![book(1, 5, 1)],
                    next: None,
                },
                Seq(2),
            );
            cache.insert_topics(Bytes::from_static(b"{}"), Seq(2));
            cache.apply(&[entry(3, kind, 1, 5)]);
            assert!(cache.page("q=b", ANY).is_none() && cache.topics(ANY).is_none());
            cache.insert_page(
                "q=b",
                BookPage {
                    books: vec![book(1, 5, 1)],
                    next: None,
                },
                Seq(2),
            );
            assert!(cache.page("q=b", ANY).is_none(), "an answer from before was kept");
        }
    }

    #[test]
    fn while_the_feed_is_lost_everything_has_an_age() {
        let cache = cache(2);
        cache.insert_book(book(1, 5, 1), Seq(2));
        let age = || cache.book(ItemNumber::try_from(1).unwrap(), ANY).unwrap().age_s;
        assert_eq!(age(), None);
        cache.set_live(false);
        assert!(age().is_some());
        cache.set_live(true);
        assert_eq!(age(), None);
    }
}
