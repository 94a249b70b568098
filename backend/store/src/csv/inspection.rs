//! The content of a store's folder as it is found, before anything changes.

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
use super::{books_blob, edit, encode, replay, segments};
use crate::catalog_file::{self, CatalogRow};
use crate::{Difference, Error, StoreState};

/// The content of a folder, not yet changed.
#[derive(Debug)]
pub(super) struct FolderInspection<'a> {
    pub(super) files: Files<'a>,
    pub(super) sealed: Vec<Segment>,
    pub(super) active: Segment,
    pub(super) scan: Scan,
    /// The current `catalog.csv`.
    pub(super) digest: Digest,
}

/// What the ledger leads to.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) state: StoreState,
    pub(super) catalog: CatalogStatus,
    /// The books as of the newest marker; there unless the status is `Current`.
    pub(super) written: Option<Vec<Book>>,
}

/// What `catalog.csv` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CatalogStatus {
    /// The file that the newest marker names, or not a file of the store yet.
    Current,
    /// Missing, or still the one that the newest marker replaces.
    Outdated,
    /// Edited by hand.
    Edited,
}

/// Inspects a folder; `None` if it has no ledger. The caller holds the lock.
pub(super) fn inspect_folder<'a>(disk: &'a dyn Disk, folder: &'a Path) -> Result<Option<FolderInspection<'a>>, Error> {
    let files = Files { disk, folder };
    let Some((sealed, mut active)) = find_segments(disk, folder)? else {
        return Ok(None);
    };
    let scan = recovery::scan(disk, &active)?;
    active.first = scan.first;
    active.length = scan.length;
    let digest = files.catalog_digest()?;
    let inspection = FolderInspection {
        files,
        sealed,
        active,
        scan,
        digest,
    };
    check_chain(disk, &inspection.segments())?;
    Ok(Some(inspection))
}

impl FolderInspection<'_> {
    pub(super) fn segments(&self) -> Vec<Segment> {
        let active = std::iter::once(&self.active);
        self.sealed.iter().chain(active).cloned().collect()
    }

    /// Replays the ledger; `written` asks for the books as of the newest marker in any case.
    pub(super) fn replay(&self, written: bool) -> Result<Replayed, Error> {
        let Scan { marker, head, .. } = self.scan;
        let blob = books_blob::get(&self.files, &marker)?;
        let catalog = self.status(blob.is_some());
        let wants_written = (written || catalog != CatalogStatus::Current) && marker.seq > Seq::ZERO;
        let (state, written) = match marker.is_restore {
            false => {
                let until = wants_written.then_some(marker.seq);
                replay::books_at(&self.files, &self.segments(), &marker, blob, until, head)?
            }
            // The books are not there yet.
            true => (Vec::new(), None),
        };
        let state = StoreState {
            store: marker.store,
            epoch: Epoch::FIRST,
            head,
            books: state,
        };
        Ok(Replayed {
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
            // The blob is saved after the file is.
            digest if digest == replaced && !has_blob => CatalogStatus::Outdated,
            _ => CatalogStatus::Edited,
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

    /// The differences between the catalog file and the books that were written to it.
    pub(super) fn edits(&self, replayed: &Replayed) -> Result<Vec<Difference>, Error> {
        let current = self.files.catalog()?;
        match (current, &replayed.written) {
            (Some(current), Some(written))
                if replayed.catalog != CatalogStatus::Outdated && encode(&self.files, written)? != current =>
            {
                Ok(compare(&self.files, &current, written, written).1)
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// Parses an edited file and compares it with the books that were written to it and the newest ones.
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
    let mut sealed = segments::sealed(disk, folder)?;
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
        segments::each_entry(disk, segments, before, last_before, |_| Ok(ControlFlow::Break(())))?;
    }
    Ok(())
}
