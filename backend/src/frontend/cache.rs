//! The front-end's cache of books and pages, kept up to date by the catalog's feed.
//!
//! A book is cached once: its JSON without stock and last change, and these two numbers. A page is a list of item numbers. So a
//! sale changes two numbers, however many pages list the book. Reads never go back in time: a cached response that is newer
//! than the feed is hidden until the feed reaches its position, and an older one is updated with the changes of the feed since,
//! or not cached.

mod book;
#[cfg(test)]
mod tests;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use ahash::AHashMap;
use bytes::{Bytes, BytesMut};
use common::client::Freshness;
use common::wire::{Book, BookPage};
use common::{Entry, ItemNumber, Kind, Position, Seq, Stock};

use book::CachedBook;

/// Limit on cached books, which take about 300 bytes each plus their texts.
const BOOKS_MAX: usize = 1_000_000;
/// Limit on cached pages, of up to 100 item numbers each.
const PAGES_MAX: usize = 10_000;
/// Limit on the books whose last change is kept, to update older responses.
const CHANGES_MAX: usize = 100_000;
/// A full map evicts 1/16 of its entries, in hash order.
const EVICTED_PART: usize = 16;

/// The key of a cached document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheKey<'a> {
    /// The list of topics.
    Topics,
    /// One book.
    Book(ItemNumber),
    /// A page of books, by its raw query.
    Page(&'a str),
}

/// A cache hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The document.
    pub json: Bytes,
    /// The entry of its last change.
    pub etag: Position,
    /// The last entry that is applied to the cache.
    pub seq: Position,
    /// Seconds since the catalog's feed was disconnected; `None` while it is live.
    pub age_s: Option<u64>,
}

#[derive(Debug)]
struct Cached<T> {
    value: T,
    /// The value is hidden until the feed reaches this entry.
    visible_from: Seq,
}

impl<T> Cached<T> {
    fn visible_at(&self, position: Seq) -> Option<&T> {
        (self.visible_from <= position).then_some(&self.value)
    }
}

#[derive(Debug)]
struct PageItems {
    items: Vec<ItemNumber>,
    next: Option<String>,
}

#[derive(Debug, Default)]
struct CacheState {
    /// The last entry that was applied.
    position: Position,
    /// When the feed was disconnected; `None` while it is live.
    lost_at: Option<Instant>,
    /// Whether the feed was ever connected. Nothing is cached before.
    has_feed: bool,
    books: AHashMap<ItemNumber, Cached<CachedBook>>,
    /// By raw query.
    pages: AHashMap<Box<str>, Cached<PageItems>>,
    topics: Option<Cached<Bytes>>,
    /// The last entry that added, withdrew or described a book.
    catalog_changed: Seq,
    /// The last change of each changed book after `changes_since`.
    changes: AHashMap<ItemNumber, (Seq, Stock)>,
    changes_since: Seq,
}

/// The cache of one front-end.
#[derive(Debug, Default)]
pub struct Cache(RwLock<CacheState>);

impl Cache {
    /// Empties the cache; the feed continues after `position`.
    pub fn reset(&self, position: Position) {
        *self.write() = CacheState {
            position,
            has_feed: true,
            changes_since: position.seq,
            ..CacheState::default()
        };
    }

    /// Records whether the feed is live.
    pub fn set_live(&self, is_live: bool) {
        let mut state = self.write();
        state.lost_at = match is_live {
            true => None,
            false => state.lost_at.or_else(|| Some(Instant::now())),
        };
    }

    /// Applies the next entries of the ledger.
    pub fn apply(&self, entries: &[Entry]) {
        let mut state = self.write();
        entries.iter().for_each(|entry| state.apply(entry));
    }

    /// The document with that key; `None` if it is not cached or not fresh enough.
    pub fn get(&self, key: CacheKey<'_>, fresh: Freshness) -> Option<Hit> {
        let state = self.read();
        if !state.is_fresh(fresh) {
            return None;
        }
        let (json, etag) = match key {
            CacheKey::Topics => (
                state.topics.as_ref()?.visible_at(state.position.seq)?.clone(),
                state.position,
            ),
            CacheKey::Book(item) => {
                let book = state.book(item)?;
                let json = book.with_json(|parts| parts.concat());
                (json.into(), state.position.at(book.seq))
            }
            CacheKey::Page(query) => (state.page(query)?, state.position),
        };
        Some(Hit {
            json,
            etag,
            seq: state.position,
            age_s: state.lost_at.map(|lost_at| lost_at.elapsed().as_secs()),
        })
    }

    /// Caches a book that was read at that position.
    pub fn insert_book(&self, book: Book, position: Position) {
        let mut state = self.write();
        if state.may_insert(position) {
            state.insert_book(book, position.seq);
        }
    }

    /// Caches books that were read at that position, unless the cache is full. Returns whether it has capacity for more.
    pub fn fill(&self, books: Vec<Book>, position: Position) -> bool {
        let mut state = self.write();
        let has_capacity = state.books.len().saturating_add(books.len()) < BOOKS_MAX;
        if has_capacity && state.may_insert(position) {
            books.into_iter().for_each(|book| state.insert_book(book, position.seq));
        }
        has_capacity
    }

    /// Caches a page and its books that were read at that position.
    pub fn insert_page(&self, query: &str, page: BookPage, position: Position) {
        let (mut state, seq) = (self.write(), position.seq);
        if !state.may_insert(position) || page.next.as_deref().is_some_and(|next| next.contains(['"', '\\'])) {
            return;
        }
        if state.pages.get(query).is_none_or(|cached| cached.visible_from > seq) {
            evict_if_full(&mut state.pages, PAGES_MAX);
            let value = PageItems {
                items: page.books.iter().map(|book| book.item).collect(),
                next: page.next,
            };
            let visible_from = seq;
            state.pages.insert(query.into(), Cached { value, visible_from });
        }
        for book in page.books {
            state.insert_book(book, seq);
        }
    }

    /// Caches the topics that were read at that position.
    pub fn insert_topics(&self, json: Bytes, position: Position) {
        let mut state = self.write();
        if state.may_insert(position) {
            let (value, visible_from) = (json, position.seq);
            state.topics = Some(Cached { value, visible_from });
        }
    }

    /// The numbers of cached books and pages.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let state = self.read();
        (state.books.len(), state.pages.len())
    }

    fn read(&self) -> RwLockReadGuard<'_, CacheState> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, CacheState> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheState {
    fn is_fresh(&self, fresh: Freshness) -> bool {
        self.has_feed
            && !fresh.check_head
            && fresh
                .min_position
                .is_none_or(|min_position| self.position.satisfies(min_position))
    }

    fn book(&self, item: ItemNumber) -> Option<&CachedBook> {
        self.books.get(&item)?.visible_at(self.position.seq)
    }

    /// The JSON of a page, unless one of its books is not cached.
    fn page(&self, query: &str) -> Option<Bytes> {
        let page = self.pages.get(query)?.visible_at(self.position.seq)?;
        let mut json = BytesMut::with_capacity(page.items.len() * 200 + 64);
        json.extend_from_slice(b"{\"books\":[");
        for (index, &item) in page.items.iter().enumerate() {
            if index > 0 {
                json.extend_from_slice(b",");
            }
            let book = self.book(item)?;
            book.with_json(|parts| parts.iter().for_each(|part| json.extend_from_slice(part)));
        }
        json.extend_from_slice(b"]");
        if let Some(next) = &page.next {
            // A cursor is digits and hyphens: no character needs an escape.
            json.extend_from_slice(b",\"next\":\"");
            json.extend_from_slice(next.as_bytes());
            json.extend_from_slice(b"\"");
        }
        json.extend_from_slice(b"}");
        Some(json.freeze())
    }

    fn apply(&mut self, entry: &Entry) {
        self.position.seq = entry.seq;
        #[cfg(feature = "fault-injection")]
        if crate::fault_injection::is_active(crate::fault_injection::SeededBug::StaleCache) {
            return;
        }
        if !entry.kind.changes_book() {
            return;
        }
        let is_described = entry.description.is_some() || entry.order.is_none();
        if entry.kind == Kind::Withdrawn || (entry.kind == Kind::Set && is_described) {
            self.catalog_changed = entry.seq;
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
        if let Some(Cached { value: book, .. }) = self.books.get_mut(&entry.item)
            && book.seq < entry.seq
        {
            (book.seq, book.stock) = (entry.seq, stock);
        }
    }

    /// Whether all changes since that position are in `changes`.
    fn may_insert(&self, Position { epoch, seq }: Position) -> bool {
        self.has_feed && epoch == self.position.epoch && seq >= self.catalog_changed && seq >= self.changes_since
    }

    fn insert_book(&mut self, mut book: Book, seq: Seq) {
        // The feed updates a visible book; only a hidden one is replaced.
        let is_visible = |cached: &Cached<_>| cached.visible_from <= seq;
        if self.books.get(&book.item).is_some_and(is_visible) {
            return;
        }
        if let Some(&(changed, stock)) = self.changes.get(&book.item)
            && changed > book.seq
        {
            (book.seq, book.stock) = (changed, stock);
        }
        evict_if_full(&mut self.books, BOOKS_MAX);
        let (value, visible_from) = (CachedBook::new(&book), seq);
        self.books.insert(book.item, Cached { value, visible_from });
    }
}

fn evict_if_full<K, V>(map: &mut AHashMap<K, V>, max: usize) {
    if map.len() >= max {
        let mut index = 0_usize;
        map.retain(|_, _| {
            index += 1;
            index > max / EVICTED_PART
        });
    }
}
