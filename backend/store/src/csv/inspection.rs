//! Reads the content of a store's folder without changing it.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use common::wire::Book;
use common::{Epoch, Seq};

use super::disk::Disk;
use super::files::{ACTIVE, ACTIVE_NEW, Files};
use super::line::{Digest, Marker};
use super::recovery::{self, Scan};
use super::segment::Segment;
use super::{books_blob, edit, encode, rebuild, segments, shown};
use crate::catalog_file::{self, CatalogRow};
use crate::{Difference, Error, INSPECTIONS_MAX, StoreState};

/// The content of a folder before opening changes it.
#[derive(Debug)]
pub(super) struct FolderInspection<'a> {
    pub(super) files: Files<'a>,
    pub(super) sealed: Vec<Segment>,
    pub(super) active: Segment,
    pub(super) scan: Scan,
    /// The digest of the current `catalog.csv`.
    pub(super) digest: Digest,
    /// The books as of the newest marker, until [`rebuild`](Self::rebuild) takes them.
    blob: Option<Vec<Book>>,
}

/// The state that follows from the ledger.
#[derive(Debug)]
pub(super) struct Rebuilt {
    pub(super) state: StoreState,
    pub(super) catalog: CatalogStatus,
    /// The books as of the newest marker; always `Some` unless the status is `Current`.
    pub(super) written: Option<Vec<Book>>,
}

/// The state of `catalog.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CatalogStatus {
    /// The file that the newest marker names, or any file before the first checkpoint.
    Current,
    /// Missing, or still the file that the newest marker replaces.
    Outdated,
    /// Edited by hand.
    Edited,
}

/// Inspects a folder; `None` if it has no ledger. The result is the folder as of one moment, even if a catalog appends, starts
/// a segment or writes a checkpoint meanwhile.
pub(super) fn inspect_folder<'a>(disk: &'a dyn Disk, folder: &'a Path) -> Result<Option<FolderInspection<'a>>, Error> {
    let files = Files { disk, folder };
    let catalog = || {
        let path = files.catalog_path();
        disk.id_at(&path).map_err(Error::io("find", &path))
    };
    for _ in 0..INSPECTIONS_MAX {
        let before = catalog()?;
        let digest = files.catalog_digest()?;
        let Some((mut sealed, mut active)) = find_segments(disk, folder)? else {
            return Ok(None);
        };
        let scan = recovery::scan(disk, &active)?;
        active.first = scan.first;
        active.length = scan.length;
        // Drop the segments that were sealed after the active one was opened.
        sealed.retain(|segment| segment.first < active.first);
        let blob = books_blob::get(&files, &scan.marker)?;
        // A checkpoint writes the marker, the catalog file and the blob, in this order.
        if catalog()? == before {
            let inspection = FolderInspection {
                files,
                sealed,
                active,
                scan,
                digest,
                blob,
            };
            check_chain(disk, &inspection.segments())?;
            return Ok(Some(inspection));
        }
    }
    Err(Error::Unavailable {
        store: shown(folder),
        why: "its catalog wrote checkpoints continually; try again".to_owned(),
    })
}

impl FolderInspection<'_> {
    pub(super) fn segments(&self) -> Vec<Segment> {
        let active = std::iter::once(&self.active);
        self.sealed.iter().chain(active).cloned().collect()
    }

    /// Rebuilds the books from the ledger; with `written` always as of the newest marker too.
    pub(super) fn rebuild(&mut self, written: bool) -> Result<Rebuilt, Error> {
        let Scan { marker, head, .. } = self.scan;
        let blob = self.blob.take();
        let catalog = self.status(blob.is_some());
        let wants_written = (written || catalog != CatalogStatus::Current) && marker.seq > Seq::ZERO;
        let (state, written) = match marker.is_restore {
            false => {
                let until = wants_written.then_some(marker.seq);
                rebuild::books_at(&self.files, &self.segments(), &marker, blob, until, head)?
            }
            // The books arrive at the end of the restore.
            true => (Vec::new(), None),
        };
        let state = StoreState {
            store: marker.store,
            epoch: Epoch::FIRST,
            head,
            books: state,
        };
        Ok(Rebuilt {
            state,
            catalog,
            written,
        })
    }

    fn status(&self, has_blob: bool) -> CatalogStatus {
        let Marker { seq, new, replaced, .. } = self.scan.marker;
        match self.digest {
            digest if seq == Seq::ZERO || digest == new => CatalogStatus::Current,
            Digest(None) => CatalogStatus::Outdated,
            // The catalog file is written before the blob.
            digest if digest == replaced && !has_blob => CatalogStatus::Outdated,
            _ => CatalogStatus::Edited,
        }
    }

    /// Harmless findings.
    pub(super) fn remarks(&self) -> Vec<String> {
        let torn = self.scan.torn.iter().map(|(line, why)| {
            let path = self.active.path.display();
            format!("{path}:{line}: {why}: the last batch is not whole; either a catalog is writing it, or a crash tore it before it was acknowledged, and the next start truncates it")
        });
        torn.collect()
    }

    /// The differences between the catalog file and the books that were written to it.
    pub(super) fn edits(&self, rebuilt: &Rebuilt) -> Result<Vec<Difference>, Error> {
        let current = self.files.catalog()?;
        match (current, &rebuilt.written) {
            (Some(current), Some(written))
                if rebuilt.catalog != CatalogStatus::Outdated
                    // If the digest differs, a checkpoint has replaced the file meanwhile.
                    && Digest::of(Some(&current)) == self.digest
                    && encode(&self.files, written)? != current =>
            {
                Ok(compare(&self.files, &current, written, written).1)
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// Parses an edited file and compares it with the books that were written to it and with the current books.
pub(super) fn compare(
    files: &Files<'_>,
    edited: &[u8],
    written: &[Book],
    books: &[Book],
) -> (Result<Vec<CatalogRow>, catalog_file::Error>, Vec<Difference>) {
    match catalog_file::parse(edited, &files.catalog_path()) {
        Ok(rows) => {
            let differences = edit::differences(&rows, written, books);
            (Ok(edit::merged(rows, written, books)), differences)
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

/// The sealed segments and the active one.
pub(super) fn find_segments(disk: &dyn Disk, folder: &Path) -> Result<Option<(Vec<Segment>, Segment)>, Error> {
    let path = folder.join(ACTIVE);
    for _ in 0..INSPECTIONS_MAX {
        // Open the active segment first: if a catalog seals it before the names are listed, it is among them too.
        let active = match disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => Some(file.map_err(Error::io("open", &path))?),
        };
        // `ledger.csv` is missing between the two renames of `seal`.
        let is_sealing = active.is_none() && disk.open(&folder.join(ACTIVE_NEW)).is_ok();
        let mut sealed = segments::sealed(disk, folder)?;
        if let Some(file) = active {
            let length = file.length().map_err(Error::io("read", &path))?;
            let active = Segment {
                first: Seq::ZERO,
                path,
                length,
                file: Some(file),
            };
            return Ok(Some((sealed, active)));
        }
        if let Some(last) = sealed.pop_if(|_| is_sealing) {
            let file = Some(last.open(disk)?);
            return Ok(Some((sealed, Segment { file, ..last })));
        }
        // Retry: no store exists, or its active segment is lost, or the segment was renamed meanwhile.
    }
    Ok(None)
}

/// Checks that no segment is missing: the entry before each one's first must exist.
fn check_chain(disk: &dyn Disk, segments: &[Segment]) -> Result<(), Error> {
    for segment in segments {
        let last_before = Seq(segment.first.0.saturating_sub(1));
        let before = Seq(last_before.0.saturating_sub(1));
        segments::each_entry(disk, segments, before, last_before, |_| Ok(ControlFlow::Break(())))?;
    }
    Ok(())
}
