//! The content of a store's folder as it is found, before anything changes.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use common::Seq;
use common::wire::Book;

use super::checkpoint::{self, CatalogFiles};
use super::disk::Disk;
use super::line::{Digest, Marker};
use super::recovery::{self, Scan};
use super::segment::{self, Segment};
use crate::catalog_file::{self, CatalogRow};
use crate::{Difference, EditPolicy, Error, StoreState};

/// The active segment.
pub(super) const ACTIVE: &str = "ledger.csv";
pub(super) const ACTIVE_NEW: &str = "ledger.csv.new";

/// The content of a folder, not yet changed.
#[derive(Debug)]
pub(super) struct FolderInspection<'a> {
    pub(super) files: CatalogFiles<'a>,
    pub(super) sealed: Vec<Segment>,
    pub(super) active: Segment,
    pub(super) scan: Scan,
    /// The catalog file that the newest marker names, and its rows.
    pub(super) content: Vec<u8>,
    pub(super) rows: Vec<CatalogRow>,
    /// The current content of `catalog.csv`.
    pub(super) user_file: Option<Vec<u8>>,
    /// Whether `content` is prepared and not yet published as `catalog.csv`.
    pub(super) is_prepared: bool,
}

/// A store that is ready to serve.
#[derive(Debug)]
pub(super) struct Opened {
    /// In order.
    pub(super) sealed: Vec<Segment>,
    pub(super) active: Segment,
    /// The newest marker.
    pub(super) marker: Marker,
    /// The last entry.
    pub(super) head: Seq,
    /// What the ledger leads to; not replayed for an inspection.
    pub(super) state: Option<StoreState>,
    /// The edit that was found, if it is a valid catalog file.
    pub(super) manual_edit: Option<Vec<CatalogRow>>,
}

/// Inspects a folder; `None` if it has no ledger. The caller holds the lock.
pub(super) fn inspect_folder<'a>(disk: &'a dyn Disk, folder: &'a Path) -> Result<Option<FolderInspection<'a>>, Error> {
    let files = CatalogFiles { disk, folder };
    let Some((sealed, mut active)) = find_files(disk, folder)? else {
        return Ok(None);
    };
    let scan = recovery::scan(disk, &active)?;
    active.first = scan.first;
    active.length = scan.length;
    let content = if scan.marker.seq == Seq::ZERO {
        Vec::new()
    } else {
        files.find_content(scan.marker.new)?
    };
    let inspection = FolderInspection {
        files,
        sealed,
        active,
        scan,
        rows: files.parse(&content)?,
        is_prepared: files.is_prepared(&content)?,
        content,
        user_file: files.user_file()?,
    };
    check_chain(disk, &inspection.segments())?;
    Ok(Some(inspection))
}

impl FolderInspection<'_> {
    fn segments(&self) -> Vec<Segment> {
        let active = std::iter::once(&self.active);
        self.sealed.iter().chain(active).cloned().collect()
    }

    /// Replays the ledger.
    pub(super) fn replay(&self) -> Result<StoreState, Error> {
        let Scan { marker, head, .. } = self.scan;
        let books = match marker.seq {
            // Without a catalog file there are no books, or a restore is incomplete.
            Seq::ZERO => Vec::new(),
            _ => recovery::replay(&self.files, &self.segments(), &marker, self.rows.clone(), head)?,
        };
        Ok(StoreState {
            store: marker.store,
            head,
            books,
        })
    }

    /// The books as of the newest marker.
    pub(super) fn checkpoint(&self) -> StoreState {
        let rows = self.rows.iter().cloned();
        StoreState {
            store: self.scan.marker.store,
            head: self.scan.head,
            books: rows.map(|row| row.into_book(Seq::ZERO)).collect(),
        }
    }

    /// Harmless findings.
    pub(super) fn remarks(&self) -> Vec<String> {
        let torn = self.scan.torn.iter().map(|(line, why)| {
            let path = self.active.path.display();
            format!("{path}:{line}: {why}: a crash tore the last batch, which was not acknowledged; the next start truncates it")
        });
        torn.collect()
    }

    /// Manual edits of the catalog file, compared with the checkpoint.
    pub(super) fn edits(&self) -> Vec<Difference> {
        match self.edited_file() {
            Some(edited) => self.compare(edited, &self.checkpoint().books).1,
            None => Vec::new(),
        }
    }

    pub(super) fn into_opened(self) -> Opened {
        Opened {
            sealed: self.sealed,
            active: self.active,
            marker: self.scan.marker,
            head: self.scan.head,
            state: None,
            manual_edit: None,
        }
    }

    /// The current `catalog.csv`, if it is neither the content that the marker names nor, before that is published, the one
    /// that it replaces.
    fn edited_file(&self) -> Option<&[u8]> {
        let Marker { seq, new, replaced, .. } = self.scan.marker;
        let user_file = self.user_file.as_deref().filter(|_| seq > Seq::ZERO)?;
        let digest = Digest::of(Some(user_file));
        let is_known = digest == new || (digest == replaced && self.is_prepared);
        (!is_known).then_some(user_file)
    }

    /// Parses an edited file and compares it with the store's copy and the books.
    fn compare(
        &self,
        edited: &[u8],
        books: &[Book],
    ) -> (Result<Vec<CatalogRow>, catalog_file::Error>, Vec<Difference>) {
        match catalog_file::parse(edited, &self.files.path()) {
            Ok(rows) => {
                let differences = checkpoint::differences(&rows, &self.rows, books);
                (Ok(checkpoint::merged(rows, &self.rows, books)), differences)
            }
            Err(error) => {
                let difference = Difference {
                    location: "the whole file".to_owned(),
                    file: format!("nothing ({error})"),
                    ledger: format!("{} books", books.len()),
                };
                (Err(error), vec![difference])
            }
        }
    }

    /// Applies the policy: `None` without an edit, otherwise the edit's rows, if it is a valid catalog file.
    pub(super) fn resolve_edit(
        &self,
        state: &StoreState,
        edit: EditPolicy,
    ) -> Result<Option<Option<Vec<CatalogRow>>>, Error> {
        let Some(edited) = self.edited_file() else {
            return Ok(None);
        };
        let (rows, differences) = self.compare(edited, &state.books);
        let path = self.files.path();
        match edit {
            _ if differences.is_empty() => Ok(None),
            EditPolicy::Refuse => Err(Error::Edited { path, differences }),
            EditPolicy::Discard => Ok(Some(rows.ok())),
            EditPolicy::KeepForImport => Ok(Some(Some(rows?))),
        }
    }
}

/// The sealed segments and the active one.
fn find_files(disk: &dyn Disk, folder: &Path) -> Result<Option<(Vec<Segment>, Segment)>, Error> {
    let path = folder.join(ACTIVE);
    let mut sealed = segment::sealed(disk, folder)?;
    let file = match disk.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Either a crash came between the two renames of `seal`, or there is no store, or its active segment is lost.
            let is_sealing = disk.open(&folder.join(ACTIVE_NEW)).is_ok();
            let Some(last) = sealed.pop_if(|_| is_sealing) else {
                return Ok(None);
            };
            let file = Some(last.open(disk)?);
            return Ok(Some((sealed, Segment { file, ..last })));
        }
        file => file.map_err(Error::io("open", &path))?,
    };
    let length = file.length().map_err(Error::io("read", &path))?;
    let active = Segment {
        first: Seq::ZERO,
        path,
        length,
        file: Some(file),
    };
    Ok(Some((sealed, active)))
}

/// Checks that no segment is missing: the entry before each one's first must exist.
fn check_chain(disk: &dyn Disk, segments: &[Segment]) -> Result<(), Error> {
    for segment in segments {
        let last_before = Seq(segment.first.0.saturating_sub(1));
        let before = Seq(last_before.0.saturating_sub(1));
        segment::each_entry(disk, segments, before, last_before, |_| Ok(ControlFlow::Break(())))?;
    }
    Ok(())
}
