//! `bookstored import`: imports a catalog file into a store, completely or not at all, or into a running shop in batches.

mod shop_target;
mod summary;

use std::fmt;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::error::ErrorKind;
use common::{Epoch, Seq, Stock, StoreId, Timestamp};

use self::shop_target::ShopTarget;
use self::summary::Summary;
use super::output::{print, tell};
use super::progress::Progress;
use crate::catalog::CatalogDiff;
use crate::settings::{AdminToken, StoreArg};
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
    /// Change the running shop at this address instead of a store; needs the shopkeeper's token
    #[arg(long, value_name = "URL", requires = "file")]
    url: Option<String>,
    /// Trust the certificate authorities in this PEM file instead of the system's, for https:// addresses
    #[arg(long, env = "BOOKSTORE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    admin_token: AdminToken,
    /// Keep the stocks as they are; a new book gets a stock of 0
    #[arg(long)]
    keep_stock: bool,
    /// Withdraw the books that are not in the file; without this flag they stay
    #[arg(long)]
    replace: bool,
    /// Import a file without books, which otherwise is refused
    #[arg(long)]
    allow_empty: bool,
    /// If the store's own catalog.csv was edited by hand, discard the edit but keep a copy of it
    #[arg(long, requires = "file", conflicts_with = "url")]
    discard_edit: bool,
    /// Show the changes without making them
    #[arg(long)]
    dry_run: bool,
    /// Make the changes without asking
    #[arg(long, short)]
    yes: bool,
    /// Print the result as one line of JSON, and do not ask
    #[arg(long)]
    json: bool,
}

/// The store or the shop that an import changes.
enum Target {
    /// `None` if there is no store and the command must not create one.
    Store(store::Url, Option<Box<dyn Store>>),
    Shop(ShopTarget),
}

impl Import {
    pub(super) fn run(self) -> Result<ExitCode> {
        let rows_of_file = || self.file.as_deref().map(|path| self.read(path)).transpose();
        let (target, before, rows, is_edit) = match &self.url {
            Some(url) => {
                let shop = ShopTarget::new(url, self.ca.as_deref(), &self.admin_token)?;
                let rows = rows_of_file()?;
                let before = shop.load()?;
                (Target::Shop(shop), before, rows, false)
            }
            None => {
                let url = self.store.url()?;
                if self.file.is_none() && !matches!(url, store::Url::Csv(_)) {
                    let why = "name the catalog FILE to import; only a CSV store has a catalog file of its own";
                    let mut usage = Self::augment_args(clap::Command::new("bookstored import"));
                    return Err(usage.error(ErrorKind::MissingRequiredArgument, why).into());
                }
                // Read the file before the store is opened, so that a bad file changes nothing.
                let rows = rows_of_file()?;
                let store = self.open(&url, rows.is_some())?;
                let before = store.as_deref().map_or_else(|| Ok(empty_store()), Store::load)?;
                let is_edit = rows.is_none();
                let rows = match (rows, &store) {
                    (None, Some(store)) => match store.manual_edit() {
                        Some(edit) => Some(edit),
                        None => store.seed_rows()?,
                    },
                    (rows, _) => rows,
                };
                (Target::Store(url, store), before, rows, is_edit)
            }
        };
        let Some(mut rows) = rows else {
            bail!("{target}: the catalog file was not edited; name a FILE to import");
        };
        catalog_file::check_not_empty(&rows, self.allow_empty, Path::new("the edited catalog file"))?;
        if self.keep_stock {
            keep_stocks(&mut rows, &before);
        }
        let changes = CatalogDiff::between(before.head, &before.books, rows, self.replace, Timestamp::now());
        let mut summary = Summary::of(&before, &changes);
        if !self.json {
            print(&summary.list())?;
        }
        let is_needed = !changes.entries.is_empty() || is_edit;
        if is_needed && !self.dry_run && !matches!(target, Target::Store(_, None)) {
            if !self.confirmed(&target)? {
                tell("nothing was changed")?;
                return Ok(ExitCode::FAILURE);
            }
            match &target {
                Target::Store(_, store) => {
                    let _progress = Progress::waiting(format!("writing {} entries", changes.entries.len()));
                    store
                        .iter()
                        .try_for_each(|store| write(&**store, before.head, &changes))?;
                }
                Target::Shop(shop) => summary.head = shop.write(&before, &changes, self.keep_stock)?,
            }
        }
        tell(&match self.json {
            true => summary.json(&target, self.dry_run).to_string(),
            false => summary.text(&target, self.dry_run),
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

    /// Asks for a confirmation if standard input and error are a terminal; a script needs none.
    fn confirmed(&self, target: &Target) -> Result<bool> {
        if self.yes || self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(true);
        }
        write!(io::stderr(), "Make these changes in {target}? [y/N] ")?;
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(url, _) => url.fmt(f),
            Self::Shop(shop) => shop.fmt(f),
        }
    }
}

/// The state to compare with if there is no store.
fn empty_store() -> StoreState {
    StoreState {
        store: StoreId::generate(),
        epoch: Epoch::FIRST,
        head: Seq::ZERO,
        books: Vec::new(),
    }
}

/// Gives each row the stock that its book has; a new book has none.
fn keep_stocks(rows: &mut [CatalogRow], before: &StoreState) {
    for row in rows {
        row.stock = before.book(row.item).map_or(Stock::ZERO, |book| book.stock);
    }
}

/// Appends the changes, then writes the catalog file anew.
fn write(store: &dyn Store, head: Seq, changes: &CatalogDiff) -> Result<()> {
    match store.append(head, &changes.entries) {
        Err(store::Error::Conflict) => bail!(
            "another program changed the store during the import, and nothing was imported; stop every catalog that \
             uses it and try \
             again"
        ),
        appended => appended?,
    }
    let StoreState { head, books, .. } = store.load()?;
    Ok(store.checkpoint(&books, head)?)
}
