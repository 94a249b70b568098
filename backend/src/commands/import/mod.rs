//! `bookstored import`: imports a catalog file into a store, completely or not at all.

mod summary;

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::error::ErrorKind;
use common::{Epoch, Seq, StoreId, Timestamp};

use self::summary::Summary;
use super::output::tell;
use super::progress::Progress;
use crate::catalog::CatalogDiff;
use crate::settings::StoreArg;
use crate::store::catalog_file::{self, CatalogRow};
use crate::store::{self, EditPolicy, Store, StoreState};

/// `bookstored import`.
#[derive(Debug, Args)]
pub struct Import {
    /// The catalog file, or - for standard input [default: a CSV store's own catalog.csv, as you edited it]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArg,
    /// Withdraw the books that are not in the file; without this flag they stay
    #[arg(long)]
    replace: bool,
    /// Import a file without books, which otherwise is refused
    #[arg(long)]
    allow_empty: bool,
    /// If the store's own catalog.csv was edited by hand, discard the edit but keep a copy of it
    #[arg(long, requires = "file")]
    discard_edit: bool,
    /// Show the changes and make none
    #[arg(long)]
    dry_run: bool,
    /// Make the changes without asking
    #[arg(long, short)]
    yes: bool,
    /// Print the result as one line of JSON, and do not ask
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(self) -> Result<ExitCode> {
        let url = self.store.url()?;
        if self.file.is_none() && !matches!(url, store::Url::Csv(_)) {
            let why = "name the catalog FILE to import; only a CSV store has a catalog file of its own";
            let mut usage = Self::augment_args(clap::Command::new("bookstored import"));
            return Err(usage.error(ErrorKind::MissingRequiredArgument, why).into());
        }
        // Before the store is opened: a bad file changes nothing.
        let rows = self.file.as_deref().map(|path| self.read(path)).transpose()?;
        let store = self.open(&url, rows.is_some())?;
        let before = match &store {
            Some(store) => store.load()?,
            None => StoreState {
                store: StoreId::generate(),
                epoch: Epoch::FIRST,
                head: Seq::ZERO,
                books: Vec::new(),
            },
        };
        let is_edit = rows.is_none();
        let rows = match (rows, &store) {
            (None, Some(store)) => match store.manual_edit() {
                Some(edit) => Some(edit),
                None => store.seed_rows()?,
            },
            (rows, _) => rows,
        };
        let Some(rows) = rows else {
            bail!("{url}: the catalog file was not edited; name a FILE to import");
        };
        catalog_file::check_not_empty(&rows, self.allow_empty, Path::new("the edited catalog file"))?;
        let changes = CatalogDiff::between(before.head, &before.books, rows, self.replace, Timestamp::now());
        let summary = Summary::of(&before, &changes);
        if !self.json {
            write!(io::stdout(), "{}", summary.list())?;
        }
        let is_needed = !changes.entries.is_empty() || is_edit;
        if let Some(store) = store.filter(|_| is_needed && !self.dry_run) {
            if !self.confirmed(&url)? {
                tell("nothing was changed")?;
                return Ok(ExitCode::FAILURE);
            }
            let _progress = Progress::waiting(format!("writing {} entries", changes.entries.len()));
            write(&*store, before.head, &changes)?;
        }
        tell(&match self.json {
            true => summary.json(&url, self.dry_run).to_string(),
            false => summary.text(&url, self.dry_run),
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn read(&self, path: &Path) -> Result<Vec<CatalogRow>> {
        let _progress = Progress::waiting(format!("reading {}", path.display()));
        let is_file = path.as_os_str() != "-";
        let path = if is_file { path } else { Path::new("standard input") };
        let rows = if is_file {
            catalog_file::read(path)?
        } else {
            let mut text = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut text);
            read.context("cannot read standard input")?;
            catalog_file::parse(&text, path)?
        };
        catalog_file::check_not_empty(&rows, self.allow_empty, path)?;
        Ok(rows)
    }

    /// Opens the store. `None` if there is none and the command must not create one.
    fn open(&self, url: &store::Url, has_file: bool) -> Result<Option<Box<dyn Store>>> {
        let _progress = Progress::waiting(format!("opening {url}"));
        let is_missing = || matches!(store::inspect(url), Err(store::Error::Missing(_)));
        if (self.dry_run || !has_file) && is_missing() {
            return Ok(None);
        }
        let edit = match (has_file, self.discard_edit) {
            (false, _) => EditPolicy::KeepForImport,
            (true, true) => EditPolicy::Discard,
            (true, false) => EditPolicy::Refuse,
        };
        Ok(Some(store::open(url, edit)?))
    }

    /// Asks for a confirmation on a terminal, which has shown the changes. Scripts are not asked.
    fn confirmed(&self, url: &store::Url) -> Result<bool> {
        if self.yes || self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(true);
        }
        write!(io::stderr(), "Make these changes in {url}? [y/N] ")?;
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}

/// Appends the changes, then writes the catalog file anew.
fn write(store: &dyn Store, head: Seq, changes: &CatalogDiff) -> Result<()> {
    match store.append(head, &changes.entries) {
        Err(store::Error::Conflict) => bail!(
            "another program changed the store meanwhile, and nothing was imported; stop every catalog that uses it and try \
             again"
        ),
        appended => appended?,
    }
    let StoreState { head, books, .. } = store.load()?;
    Ok(store.checkpoint(&books, head)?)
}
