//! `bookstored export --to`: copies a store with its ledger into a new one, of any engine.
//!
//! The copy gets an id of its own, because the original may continue and clients must not confuse the two.

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail, ensure};
use common::Seq;
use common::wire::Book;
use serde_json::json;

use super::audit;
use super::output::{or_incomplete, tell};
use super::progress::Progress;
use super::source::inspect;
use crate::store::{self, EditPolicy, Store, StoreState};

/// The number of entries copied as one durable batch.
const BATCH_ENTRIES: usize = 20_000;

/// Copies the store `from`, which is only read, to `to`: a new store, or the unfinished copy of an earlier call.
pub(super) fn transfer(from: &store::Url, to: &store::Url, json: bool) -> Result<ExitCode> {
    let about = json!({"from": from.to_string(), "to": to.to_string()});
    or_incomplete(json, about, run(from, to, json))
}

fn run(from: &store::Url, to: &store::Url, json: bool) -> Result<ExitCode> {
    ensure!(from != to, "{from} cannot be copied into itself");
    // Keep catalogs out of the source until both stores are compared.
    let _lock = store::lock(from)?;
    let (source, loaded) = inspect(from)?;
    ensure!(loaded.head > Seq::ZERO, "{from} has no entries to copy");
    let target = store::open(to, EditPolicy::Refuse)?;
    let resume_after = match target.load() {
        Err(store::Error::RestoreIncomplete { head, .. }) => head,
        Ok(there) if there.head == Seq::ZERO && there.books.is_empty() => Seq::ZERO,
        Ok(_) => bail!("{to} already is a store; copy into a new one"),
        Err(error) => return Err(error.into()),
    };
    let books = copy(&*source, loaded, &*target, resume_after).map_err(|error| match error.downcast_ref() {
        Some(store::Error::Conflict) => anyhow!("another program writes to {to}; stop every catalog that uses it"),
        _ => error,
    })?;
    drop((source, target));
    verify(from, to, &books, json)
}

/// Copies the ledger, then the books; returns the books. The target already has the entries up to `resume_after`.
fn copy(source: &dyn Store, loaded: StoreState, target: &dyn Store, resume_after: Seq) -> Result<Vec<Book>> {
    let head = loaded.head;
    ensure!(
        resume_after <= head,
        "the target holds more entries than the source, so it is a copy of another store"
    );
    let progress = Progress::counting("copying entries", head.0);
    let mut after = Seq::ZERO;
    while after < head {
        let end = if after < resume_after { resume_after } else { head };
        let limit = usize::try_from(end.distance_from(after)).map_or(BATCH_ENTRIES, |left| left.min(BATCH_ENTRIES));
        let entries = source.read(after, limit)?;
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            bail!("entry {} is missing; run `bookstored audit`", after.next());
        };
        if after < resume_after {
            let copied = target.read(after, limit)?;
            ensure!(
                copied == entries,
                "the target holds entries of another store; remove it first"
            );
        } else {
            target.restore(after, &entries)?;
        }
        progress.add(entries.len());
        after = last;
    }
    if source.is_shared() && matches!(source.append(head, &[]), Err(store::Error::Conflict)) {
        bail!(
            "the store got entries beyond {head} while it was copied; stop its catalogs and run the same command again: it \
             resumes there"
        );
    }
    drop(progress);
    let _progress = Progress::waiting("writing books");
    target.checkpoint(&loaded.books, head)?;
    Ok(loaded.books)
}

/// Audits both stores and compares their ledgers and books.
fn verify(from: &store::Url, to: &store::Url, books: &[Book], json: bool) -> Result<ExitCode> {
    let (old, new) = (audit::audit(from)?, audit::audit(to)?);
    ensure!(
        old.digest == new.digest && old.head == new.head,
        "the ledgers differ: {from} has {} entries ({}), {to} has {} ({})",
        old.head,
        old.digest,
        new.head,
        new.digest
    );
    let (_store, loaded) = inspect(to)?;
    ensure!(loaded.books == books, "the books of {from} and {to} differ");
    if json {
        let result = json!({
            "from": from.to_string(), "to": to.to_string(), "store": loaded.store, "head": new.head,
            "books": books.len(), "digest": new.digest, "verdict": new.verdict(),
        });
        tell(&result.to_string())?;
    } else {
        let (head, count, digest) = (new.head, books.len(), &new.digest);
        tell(&format!(
            "{from} is in {to}: {head} entries and {count} books, read again and equal\nledger {digest}"
        ))?;
    }
    if new.is_clean() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("{to} equals {from}, but both violate a rule of the ledger; run `bookstored audit`")
}
