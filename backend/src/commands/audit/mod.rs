//! `bookstored audit`: checks a store's ledger against its rules and compares the rebuilt books with the store's books.
//!
//! Changes nothing and takes no lock, so a catalog may run meanwhile. Memory: each book once, and 16 bytes for each order.

mod report;
mod verifier;

use std::process::ExitCode;

use anyhow::Result;
use common::Seq;
use serde_json::json;

pub(super) use self::report::AuditReport;
use self::report::Finding;
use self::verifier::Verifier;
use super::Audit;
use super::output::{or_incomplete, tell};
use super::progress::Progress;
use crate::store::{self, Difference, Inspection, Store};

/// The exit code of an audit that found a violation; an audit that failed exits with 1, like every failure.
const VIOLATED: u8 = 4;
/// The number of entries read at once.
const PAGE_ENTRIES: usize = 10_000;

impl Audit {
    pub(super) fn run(self) -> Result<ExitCode> {
        let url = self.store.url();
        let url = or_incomplete(self.json, json!({}), url.map_err(Into::into))?;
        let about = json!({"store": url.to_string()});
        let report = or_incomplete(self.json, about, audit(&url).map_err(Into::into))?;
        tell(&match self.json {
            true => report.json(&url).to_string(),
            false => report.text(&url),
        })?;
        Ok(match report.is_clean() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(VIOLATED),
        })
    }
}

/// Audits a store. Damage is a violation; an error means that the store could not be opened or reached.
pub(super) fn audit(url: &store::Url) -> Result<AuditReport, store::Error> {
    let report = audit_once(url)?;
    match report.is_clean() {
        true => Ok(report),
        // A catalog that starts, stops or fills the disk may change what is being read. A real violation is found again.
        false => audit_once(url),
    }
}

fn audit_once(url: &store::Url) -> Result<AuditReport, store::Error> {
    let opening = Progress::waiting(format!("opening {url}"));
    let inspection = match store::inspect(url) {
        Err(error) if error.is_damage() => {
            let mut verifier = Verifier::new(Seq::ZERO);
            verifier.add(Finding::damage(&error));
            return Ok(verifier.finish(Vec::new()));
        }
        inspection => inspection?,
    };
    drop(opening);
    let Inspection {
        store,
        state,
        remarks,
        edits,
    } = inspection;
    let mut verifier = Verifier::new(state.head);
    if check_ledger(&mut verifier, &*store, state.head)? {
        verifier.check_end(&state.books, state.head);
    }
    for Difference { location, file, ledger } in edits {
        let text = format!("catalog.csv was edited by hand: {location}: the file says {file}, the ledger {ledger}");
        verifier.add(Finding::at(state.head, text));
    }
    check_duplicates(&mut verifier, &*store)?;
    Ok(verifier.finish(remarks))
}

/// Checks the entries up to `head`; other processes may append meanwhile. Returns `false` if the ledger ends before or cannot
/// be read.
fn check_ledger(verifier: &mut Verifier, store: &dyn Store, head: Seq) -> Result<bool, store::Error> {
    let progress = Progress::counting("auditing entries", head.0);
    let mut last = Seq::ZERO;
    while last < head {
        let entries = match store.read(last, PAGE_ENTRIES) {
            Err(error) if error.is_damage() => {
                verifier.add(Finding::damage(&error));
                return Ok(false);
            }
            entries => entries?,
        };
        let before = last;
        for entry in entries.into_iter().filter(|entry| entry.seq <= head) {
            last = entry.seq;
            verifier.apply(&entry);
            progress.add(1);
        }
        if last <= before {
            let text = format!("the ledger ends here, before entry {head}");
            verifier.add(Finding::at(last, text));
            return Ok(false);
        }
    }
    Ok(true)
}

/// A second pass over the ledger, if an order was decided twice.
fn check_duplicates(verifier: &mut Verifier, store: &dyn Store) -> Result<(), store::Error> {
    let mut duplicates = verifier.take_duplicates();
    let mut last = Seq::ZERO;
    while !duplicates.is_empty() {
        let entries = store.read(last, PAGE_ENTRIES)?;
        let Some(entry) = entries.last() else { break };
        last = entry.seq;
        for entry in &entries {
            if let Some(violation) = duplicates.check(entry) {
                verifier.add(Finding::of(entry, &violation));
            }
        }
    }
    Ok(())
}
