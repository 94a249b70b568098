//! `bookstored import`: a catalog file taken into a store, all of it or nothing.

mod summary;

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use common::{Seq, StoreId, Timestamp};

use self::summary::Summary;
use super::output::tell;
use super::progress::Progress;
use crate::catalog::CatalogDiff;
use crate::store::catalog_file::{self, CatalogRow};
use crate::store::{self, EditPolicy, Store, StoreState};

/// What to take, where to, and how.
#[derive(Debug)]
pub struct Import {
    /// The catalog file, `-` for standard input; without one, the catalog file of a CSV store as it was edited by hand.
    pub file: Option<PathBuf>,
    /// The store.
    pub store: store::Url,
    /// Whether a book that is not in the file is withdrawn.
    pub replace: bool,
    /// Whether an edit of a CSV store's own catalog file is dropped.
    pub discard_edit: bool,
    /// Whether only to tell what would be done.
    pub dry_run: bool,
    /// Whether nobody is asked.
    pub yes: bool,
    /// Whether programs read the result.
    pub json: bool,
}

impl Import {
    pub(super) fn run(self) -> Result<ExitCode> {
        // Before the store is opened: a bad file changes nothing at all.
        let listings = self.file.as_deref().map(read).transpose()?;
        let store = self.open(listings.is_some())?;
        let before = match &store {
            Some(store) => store.load()?,
            None => StoreState {
                store: StoreId::generate(),
                head: Seq::ZERO,
                books: Vec::new(),
            },
        };
        let is_edit = listings.is_none();
        let listings = match (listings, &store) {
            (Some(listings), _) => Some(listings),
            (None, Some(store)) => store
                .manual_edit()
                .map_or_else(|| store.seed_rows(), |edit| Ok(Some(edit)))?,
            (None, None) => None,
        };
        let Some(listings) = listings else {
            bail!(
                "{}: nobody has edited the catalog file; name a FILE to import",
                self.store
            );
        };
        let changes = CatalogDiff::between(before.head, &before.books, listings, self.replace, Timestamp::now());
        let summary = Summary::of(&before, &changes);
        self.show(&summary)?;
        let is_needed = !changes.entries.is_empty() || is_edit;
        if let Some(store) = store.filter(|_| is_needed && !self.dry_run) {
            if !self.agreed()? {
                tell("nothing was changed")?;
                return Ok(ExitCode::FAILURE);
            }
            let _progress = Progress::waiting(format!("writing {} entries", changes.entries.len()));
            write(&*store, before.head, &changes)?;
        }
        self.tell(&summary)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Nothing where there is no store and none is to be made.
    fn open(&self, has_file: bool) -> Result<Option<Box<dyn Store>>> {
        let _progress = Progress::waiting(format!("opening {}", self.store));
        let is_missing = || matches!(store::inspect(&self.store), Err(store::Error::Missing(_)));
        if (self.dry_run || !has_file) && is_missing() {
            return Ok(None);
        }
        let edit = match (has_file, self.discard_edit) {
            (false, _) => EditPolicy::KeepForImport,
            (true, true) => EditPolicy::Discard,
            (true, false) => EditPolicy::Refuse,
        };
        Ok(Some(store::open(&self.store, edit)?))
    }

    /// Tells people; a program gets the result only.
    fn show(&self, summary: &Summary) -> Result<()> {
        match self.json {
            true => Ok(()),
            false => Ok(write!(io::stdout(), "{}", summary.list())?),
        }
    }

    /// Asks whoever sits at a terminal and was shown the changes. A script meant what it said.
    fn agreed(&self) -> Result<bool> {
        if self.yes || self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(true);
        }
        write!(io::stderr(), "Make these changes in {}? [y/N] ", self.store)?;
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    fn tell(&self, summary: &Summary) -> Result<()> {
        match self.json {
            true => tell(&summary.json(&self.store, self.dry_run).to_string()),
            false => tell(&summary.text(&self.store, self.dry_run)),
        }
    }
}

fn read(path: &Path) -> Result<Vec<CatalogRow>> {
    let _progress = Progress::waiting(format!("reading {}", path.display()));
    if path.as_os_str() != "-" {
        return Ok(catalog_file::read(path)?);
    }
    let mut text = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut text);
    read.context("cannot read standard input")?;
    Ok(catalog_file::parse(&text, Path::new("standard input"))?)
}

fn write(store: &dyn Store, head: Seq, changes: &CatalogDiff) -> Result<()> {
    match store.import(head, &changes.entries, &changes.books) {
        Err(store::Error::Conflict) => Err(anyhow!(
            "somebody else changed the store meanwhile, and nothing was imported; stop every catalog that uses it and try \
             again"
        )),
        done => Ok(done?),
    }
}
