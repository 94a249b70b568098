//! `bookstored audit`: one pass over a store's ledger, which must lead to the store's books, step by step.
//!
//! It changes nothing. Memory: each book once, and 16 bytes for each order.

mod report;
mod rules;
mod verifier;

use std::process::ExitCode;

use anyhow::Result;
use common::Seq;

pub(super) use self::report::AuditReport;
use self::report::Violation;
use self::verifier::Verifier;
use super::Audit;
use super::output::tell;
use super::progress::Progress;
use crate::store::{self, Difference, Inspection, Store};

/// Entries read at once.
const PAGE: usize = 10_000;

impl Audit {
    pub(super) fn run(self) -> Result<ExitCode> {
        let store = self.store.url()?;
        let proven = prove(&store)?;
        if self.json {
            tell(&proven.json(&store).to_string())?;
        } else {
            tell(&proven.text(&store))?;
        }
        Ok(if proven.is_clean() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Proves a store, or says what is wrong with it.
pub(super) fn prove(url: &store::Url) -> Result<AuditReport, store::Error> {
    let opening = Progress::waiting(format!("opening {url}"));
    let inspection = match store::inspect(url) {
        Err(error) if error.is_damage() => return Ok(AuditReport::damaged(&error)),
        inspection => inspection?,
    };
    drop(opening);
    let Inspection {
        store,
        checkpoint: noted,
        checkpoint_seq: at,
        remarks,
        edits,
    } = inspection;
    let mut proof = Verifier::new(noted.head);
    let progress = Progress::counting("auditing entries", noted.head.0);
    if at == Seq::ZERO {
        proof.compare(&noted.books, at);
    }
    let mut after = Seq::ZERO;
    while after < noted.head {
        let entries = match store.read(after, PAGE) {
            Err(error) if error.is_damage() => {
                proof.violate(Violation::damage(&error));
                break;
            }
            entries => entries?,
        };
        // A store that others write to may have gone on.
        let entries = entries.into_iter().filter(|entry| entry.seq <= noted.head);
        let before = after;
        for entry in entries {
            after = entry.seq;
            proof.take(&entry);
            progress.add(1);
            if entry.seq == at {
                proof.compare(&noted.books, at);
            }
        }
        if after <= before {
            let missing = format!("the ledger ends here, before the entry {}", noted.head);
            proof.violate(Violation::at(after, missing));
            break;
        }
    }
    for Difference { location, file, ledger } in edits {
        let what = format!("catalog.csv was edited by hand: {location}: the file says {file}, the ledger {ledger}");
        proof.violate(Violation::at(at, what));
    }
    finish(proof, &*store, remarks)
}

/// The last check needs all entries; who doubled an order is looked up only where somebody did.
fn finish(mut proof: Verifier, store: &dyn Store, remarks: Vec<String>) -> Result<AuditReport, store::Error> {
    let doubled = proof.doubled_orders();
    let mut after = Seq::ZERO;
    while !doubled.is_empty() {
        let entries = store.read(after, PAGE)?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in entries {
            proof.find_double(&doubled, &entry);
        }
    }
    Ok(proof.end(remarks))
}
