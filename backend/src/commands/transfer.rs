//! `bookstored export --to`: a store moved with its ledger into a fresh one, of another engine or of the same.
//!
//! The new store has an id of its own: the old one may go on, and then nobody may take the one for the other.

use std::collections::HashMap;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail, ensure};
use common::wire::Book;
use common::{Entry, ItemNumber, Seq};

use super::audit;
use super::export::look;
use super::output::tell;
use super::progress::Progress;
use crate::store::{self, EditPolicy, Store, StoreState};

/// Entries moved at once; each piece is one durable batch.
const PIECE: usize = 20_000;

/// From where to where.
#[derive(Debug)]
pub struct Transfer {
    /// The store to be moved; it is only read.
    pub from: store::Url,
    /// A fresh store, or one that an earlier try of the same move has left.
    pub to: store::Url,
    /// Whether programs read the result.
    pub json: bool,
}

impl Transfer {
    pub(super) fn run(self) -> Result<ExitCode> {
        let Self { from, to, json } = self;
        ensure!(from != to, "{from} cannot be moved into itself");
        let (source, loaded) = look(&from)?;
        ensure!(loaded.head > Seq::ZERO, "{from} holds nothing that could be moved");
        let target = store::open(&to, EditPolicy::Refuse)?;
        let begun = match target.load() {
            Err(store::Error::RestoreIncomplete { head, .. }) => head,
            Ok(there) if there.head == Seq::ZERO && there.books.is_empty() => Seq::ZERO,
            Ok(_) => bail!("{to} is a store already, and only a fresh one can take another over"),
            Err(error) => return Err(error.into()),
        };
        let books = copy(&*source, loaded, &*target, begun).map_err(|error| match error.downcast_ref() {
            Some(store::Error::Conflict) => {
                anyhow!("somebody else is writing to {to}; stop every catalog that uses it")
            }
            _ => error,
        })?;
        drop((source, target));
        verify(&from, &to, &books, json)
    }
}

/// Copies the ledger, then the books; gives the books.
fn copy(source: &dyn Store, loaded: StoreState, target: &dyn Store, begun: Seq) -> Result<Vec<Book>> {
    let head = loaded.head;
    ensure!(
        begun <= head,
        "it holds more entries than there are: those of another store"
    );
    let progress = Progress::counting("moving entries", head.0);
    let (mut after, mut changed) = (Seq::ZERO, HashMap::new());
    while after < head {
        let end = if after < begun { begun } else { head };
        let limit = usize::try_from(end.distance_from(after)).unwrap_or(PIECE).min(PIECE);
        let entries = source.read(after, limit)?;
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            bail!("the entry {} is missing; run `bookstored audit`", after.next());
        };
        if after < begun {
            let there = target.read(after, limit)?;
            ensure!(there == entries, "it holds entries of another store; remove it first");
        } else {
            target.restore(after, &entries)?;
        }
        note_changes(&mut changed, &entries);
        progress.add(entries.len());
        after = last;
    }
    if source.is_shared() && matches!(source.append(head, &[]), Err(store::Error::Conflict)) {
        bail!(
            "the store went on beyond the entry {head} while it was moved; stop its catalogs and run the same command \
             again: it goes on from there"
        );
    }
    let mut books = loaded.books;
    for book in &mut books {
        book.seq = changed.get(&book.item).copied().unwrap_or(book.seq);
    }
    drop(progress);
    let _progress = Progress::waiting("writing books");
    target.import(head, &[], &books)?;
    Ok(books)
}

/// Not every store remembers which entry changed a book last.
fn note_changes(changed: &mut HashMap<ItemNumber, Seq>, entries: &[Entry]) {
    let changes = entries.iter().filter(|entry| entry.kind.changes_book());
    changed.extend(changes.map(|entry| (entry.item, entry.seq)));
}

/// Reads both stores again as they are at rest, and compares.
fn verify(from: &store::Url, to: &store::Url, books: &[Book], json: bool) -> Result<ExitCode> {
    let (old, new) = (audit::prove(from)?, audit::prove(to)?);
    ensure!(
        old.digest == new.digest && old.head == new.head,
        "the ledgers differ: {from} has {} entries ({}), {to} has {} ({})",
        old.head,
        old.digest,
        new.head,
        new.digest
    );
    let (_store, loaded) = look(to)?;
    ensure!(are_same(&loaded.books, books), "the books of {from} and {to} differ");
    if json {
        let moved = serde_json::json!({
            "from": from.to_string(), "to": to.to_string(), "store": loaded.store, "head": new.head,
            "books": books.len(), "digest": new.digest, "verdict": new.verdict(),
        });
        tell(&moved.to_string())?;
    } else {
        let (head, count, digest) = (new.head, books.len(), &new.digest);
        tell(&format!(
            "{from} is in {to}: {head} entries and {count} books, read again and equal\nledger {digest}"
        ))?;
    }
    if new.is_clean() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("{to} is as {from} was, which is not as it should be; `bookstored audit` says why")
}

/// Whether books are the same but for the entries that changed them last, which a catalog file does not keep.
fn are_same(books: &[Book], others: &[Book]) -> bool {
    let same = |(book, other): (&Book, &Book)| {
        let seq = other.seq;
        Book { seq, ..book.clone() } == *other
    };
    books.len() == others.len() && books.iter().zip(others).all(same)
}
