//! The store that a backup writes. It has an id of its own and records the history that it is a copy of.

use std::collections::BTreeMap;

use common::wire::Book;
use common::{Entry, Epoch, ItemNumber, Kind, Position, Seq, StoreId};
use rules::BookState;

use crate::store::{self, EditPolicy, Store, StoreState};

/// The name of the blob that records the history.
const HISTORY_BLOB: &str = "source";
/// The number of entries between two checkpoints.
const CHECKPOINT_ENTRIES: u64 = 250_000;
/// The number of entries read at once.
const PAGE_ENTRIES: usize = 10_000;

/// The history of a store: its id and its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct History {
    pub(super) store: StoreId,
    pub(super) epoch: Epoch,
}

#[derive(Debug)]
pub(super) struct BackupStore {
    store: Box<dyn Store>,
    /// The id of this store; `None` while it is incomplete.
    id: Option<StoreId>,
    history: Option<History>,
    last: Option<Entry>,
    checkpoint: Seq,
    /// The books after the last entry, while some lack a description: a ledger that began in format 1 describes its books only
    /// at its upgrade, and no store can be loaded before that.
    undescribed: Option<BTreeMap<ItemNumber, BookState>>,
}

impl BackupStore {
    /// Opens or creates the store, and locks it against other backups.
    pub(super) fn open(url: &store::Url) -> Result<Self, store::Error> {
        let store = store::open(url, EditPolicy::Refuse)?;
        store.claim()?;
        let (id, head, undescribed) = match store.load() {
            Err(store::Error::RestoreIncomplete { head, .. }) => (None, head, Some(books_until(&*store, head)?)),
            loaded => {
                let StoreState { store, head, .. } = loaded?;
                (Some(store), head, None)
            }
        };
        let last = match head {
            Seq::ZERO => None,
            head => store.read(Seq(head.0.saturating_sub(1)), 1)?.into_iter().next(),
        };
        let history = store.get_blob(HISTORY_BLOB)?.as_deref().and_then(parse_history);
        Ok(Self {
            store,
            id,
            history,
            last,
            checkpoint: head,
            undescribed,
        })
    }

    pub(super) fn id(&self) -> Option<StoreId> {
        self.id
    }

    /// The history that this store is a copy of; `None` if none is recorded.
    pub(super) fn history(&self) -> Option<History> {
        self.history
    }

    pub(super) fn last(&self) -> Option<&Entry> {
        self.last.as_ref()
    }

    pub(super) fn head(&self) -> Seq {
        self.last().map_or(Seq::ZERO, |last| last.seq)
    }

    /// The position of the last entry in the source's history.
    pub(super) fn position(&self) -> Position {
        Position {
            epoch: self.history.map_or(Epoch::FIRST, |history| history.epoch),
            seq: self.head(),
        }
    }

    /// Records the history that this store is a copy of. A crash may lose the record or bring back an older one: then the
    /// comparison of the last entry alone protects the store from another history, and the next batch records it again.
    pub(super) fn set_history(&mut self, history: History) -> Result<(), store::Error> {
        if self.history != Some(history) {
            let History { store, epoch } = history;
            self.store
                .put_blob(HISTORY_BLOB, format!("{store} {}\n", epoch.0).as_bytes())?;
            self.history = Some(history);
        }
        Ok(())
    }

    /// Appends complete groups, durably and unchanged.
    pub(super) fn append(&mut self, entries: Vec<Entry>) -> Result<(), store::Error> {
        let head = self.head();
        let is_format_1 = |first: &Entry| first.kind == Kind::Set && first.description.is_none();
        if head == Seq::ZERO && entries.first().is_some_and(is_format_1) {
            self.undescribed = Some(BTreeMap::new());
        }
        let Some(books) = &mut self.undescribed else {
            self.store.append(head, &entries)?;
            self.last = entries.into_iter().next_back().or(self.last.take());
            if self.head().distance_from(self.checkpoint) >= CHECKPOINT_ENTRIES {
                self.write_checkpoint()?;
            }
            return Ok(());
        };
        self.store.restore(head, &entries)?;
        entries.iter().for_each(|entry| apply(books, entry));
        self.last = entries.into_iter().next_back().or(self.last.take());
        self.complete_restore()
    }

    /// Completes the store if every book has a description by now.
    fn complete_restore(&mut self) -> Result<(), store::Error> {
        let books = self.undescribed.iter().flatten();
        let books: Option<Vec<Book>> = books.map(|(item, book)| described(*item, book)).collect();
        let Some(books) = books.filter(|books| !books.is_empty()) else {
            return Ok(());
        };
        self.store.checkpoint(&books, self.head())?;
        self.id = Some(self.store.load()?.store);
        (self.undescribed, self.checkpoint) = (None, self.head());
        Ok(())
    }

    /// Writes a checkpoint, so that the next start is quick.
    fn write_checkpoint(&mut self) -> Result<(), store::Error> {
        let StoreState { books, head, .. } = self.store.load()?;
        match self.store.checkpoint(&books, head) {
            Err(error) if error.is_transient() => tracing::warn!(%error, "no checkpoint was written"),
            written => written?,
        }
        self.checkpoint = head;
        Ok(())
    }

    /// Writes a last checkpoint if entries were appended since the previous one.
    pub(super) fn close(&mut self) -> Result<(), store::Error> {
        match self.undescribed {
            None if self.head() > self.checkpoint => self.write_checkpoint(),
            _ => Ok(()),
        }
    }
}

fn parse_history(blob: &[u8]) -> Option<History> {
    let (store, epoch) = str::from_utf8(blob).ok()?.trim_end().split_once(' ')?;
    Some(History {
        store: store.parse().ok()?,
        epoch: epoch.parse().map(Epoch).ok()?,
    })
}

fn apply(books: &mut BTreeMap<ItemNumber, BookState>, entry: &Entry) {
    if let Some(book) = BookState::after(books.remove(&entry.item), entry) {
        books.insert(entry.item, book);
    }
}

fn books_until(store: &dyn Store, head: Seq) -> Result<BTreeMap<ItemNumber, BookState>, store::Error> {
    let (mut books, mut last) = (BTreeMap::new(), Seq::ZERO);
    while last < head {
        let page = store.read(last, PAGE_ENTRIES)?;
        let Some(newest) = page.last() else { break };
        last = newest.seq;
        page.iter().for_each(|entry| apply(&mut books, entry));
    }
    Ok(books)
}

fn described(item: ItemNumber, book: &BookState) -> Option<Book> {
    let (title, description) = (book.title.clone()?, book.description.as_deref()?.clone());
    Some(Book::new(item, title, description, book.cost?, book.stock, book.seq))
}
