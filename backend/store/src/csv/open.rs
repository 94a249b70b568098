//! Opening a store. No file changes before it is certain that the store can be opened, and the store serves nothing before
//! everything it serves is durable.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use common::wire::Book;
use common::{Seq, StoreId, Timestamp};

use super::checkpoint::{self, CatalogFiles, write_error};
use super::disk::{self, Disk, File};
use super::line::{self, Digest, Marker};
use super::recovery::{self, Scan};
use super::segment::{self, Segment};
use crate::catalog_file::{self, CatalogRow};
use crate::{Difference, EditPolicy, Error, StoreState};

/// The active segment.
const ACTIVE: &str = "ledger.csv";
const ACTIVE_NEW: &str = "ledger.csv.new";

/// The content of a folder, not yet changed.
#[derive(Debug)]
pub(super) struct FolderInspection<'a> {
    files: CatalogFiles<'a>,
    sealed: Vec<Segment>,
    active: Segment,
    pub(super) scan: Scan,
    /// The catalog file that the newest marker names, and its rows.
    content: Vec<u8>,
    rows: Vec<CatalogRow>,
    /// The current content of `catalog.csv`.
    user_file: Option<Vec<u8>>,
    /// Whether `content` is prepared and not yet published as `catalog.csv`.
    is_prepared: bool,
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

/// Opens the store in a folder, or creates it; the caller holds the lock.
pub(super) fn open(disk: &dyn Disk, folder: &Path, edit: EditPolicy) -> Result<Opened, Error> {
    let files = CatalogFiles { disk, folder };
    let path = folder.join(ACTIVE);
    let mut inspection = match inspect_folder(disk, folder)? {
        Some(inspection) => inspection,
        None => {
            refuse_leftovers(&files)?;
            create(disk, files)?;
            inspect_folder(disk, folder)?.ok_or_else(|| Error::io("open", &path)(io::ErrorKind::NotFound.into()))?
        }
    };
    let state = inspection.replay()?;
    let edited = inspection.resolve_edit(&state, edit)?;

    // From here on files change.
    if inspection.active.path != path {
        // A crash came between the two renames of `seal`.
        let from = &inspection.active.path;
        disk.rename(from, &path).map_err(Error::io("rename", from))?;
        inspection.active.path = path;
    }
    let FolderInspection {
        active,
        scan,
        user_file,
        ..
    } = &mut inspection;
    active.file = Some(if is_durable(scan, user_file.as_deref()) {
        let path = &active.path;
        disk.open_to_write(path).map_err(Error::io("open", path))?
    } else {
        rewrite(disk, folder, active, scan)?
    });
    let unused = folder.join(ACTIVE_NEW);
    disk::remove_if_exists(disk, &unused).map_err(Error::io("remove", &unused))?;
    disk.sync_folder(folder).map_err(Error::io("sync", folder))?;
    if inspection.scan.marker.seq > Seq::ZERO {
        match (&edited, &inspection.user_file, edit) {
            (Some(_), _, EditPolicy::KeepForImport) => files.install_copy(&inspection.content)?,
            (Some(_), Some(user_file), _) => {
                files.save_edit(user_file)?;
                files.install(&inspection.content)?;
            }
            _ => files.install(&inspection.content)?,
        }
    }
    Ok(Opened {
        state: Some(state),
        manual_edit: edited.flatten(),
        ..inspection.into_opened()
    })
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
    fn replay(&self) -> Result<StoreState, Error> {
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
            format!("{path}:{line}: {why}: a crash tore the last batch, which was not acknowledged; the next start cuts it off")
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
    fn resolve_edit(&self, state: &StoreState, edit: EditPolicy) -> Result<Option<Option<Vec<CatalogRow>>>, Error> {
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

/// Refuses to create a store beside files of an earlier one.
pub(super) fn refuse_leftovers(files: &CatalogFiles<'_>) -> Result<(), Error> {
    let mut found = files.leftovers()?;
    if found.is_empty() {
        return Ok(());
    }
    found.sort_unstable();
    Err(Error::LedgerMissing {
        ledger: files.folder.join(ACTIVE),
        found: found.join(", "),
    })
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

/// Creates a ledger without entries, with a new store id.
fn create(disk: &dyn Disk, files: CatalogFiles<'_>) -> Result<(), Error> {
    let current = Digest::of(files.user_file()?.as_deref());
    let marker = Marker {
        seq: Seq::ZERO,
        at: Timestamp::now(),
        store: StoreId::generate(),
        replaced: current,
        new: current,
    };
    let folder = files.folder;
    write_new_segment(disk, folder, &marker, Seq::ZERO.next())?;
    disk.rename(&folder.join(ACTIVE_NEW), &folder.join(ACTIVE))
        .map_err(Error::io("rename", folder))?;
    disk.sync_folder(folder).map_err(Error::io("sync", folder))
}

/// Writes a segment's header and marker under a temporary name; returns the file and its length.
fn write_new_segment(
    disk: &dyn Disk,
    folder: &Path,
    marker: &Marker,
    first: Seq,
) -> Result<(Arc<dyn File>, u64), Error> {
    let path = folder.join(ACTIVE_NEW);
    let mut start = line::HEADER.to_vec();
    line::push_marker(&mut start, marker, first);
    match disk::write_file(disk, &path, &start) {
        Ok(file) => Ok((file, start.len() as u64)),
        Err(source) => {
            disk::remove_if_exists(disk, &path).map_err(Error::io("remove", &path))?;
            Err(write_error(path, source))
        }
    }
}

/// Renames the active segment to its final name and starts the next one after `head`; returns both.
pub(super) fn seal(
    disk: &dyn Disk,
    folder: &Path,
    grown: &Segment,
    marker: &Marker,
    head: Seq,
) -> Result<(Segment, Segment), Error> {
    let first = head.next();
    let (file, length) = write_new_segment(disk, folder, marker, first)?;
    let path = folder.join(Segment::sealed_name(grown.first));
    disk.rename(&grown.path, &path)
        .map_err(Error::io("rename", &grown.path))?;
    let new = folder.join(ACTIVE_NEW);
    disk.rename(&new, &grown.path).map_err(Error::io("rename", &new))?;
    disk.sync_folder(folder).map_err(Error::io("sync", folder))?;
    let sealed = Segment {
        path,
        file: None,
        ..grown.clone()
    };
    Ok((
        sealed,
        Segment {
            first,
            path: grown.path.clone(),
            length,
            file: Some(file),
        },
    ))
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

/// Whether the whole active segment is certainly durable: it is new, and was synced before it got its name, or the catalog
/// file that its last marker names is published, which happens after a sync of the ledger.
fn is_durable(scan: &Scan, user_file: Option<&[u8]>) -> bool {
    let Marker { replaced, new, .. } = scan.marker;
    let is_published = replaced != new && Digest::of(user_file) == new;
    scan.torn.is_none() && (scan.is_new || (scan.ends_in_marker && is_published))
}

/// Copies the valid part of the active segment into a fresh, synced file. Its pages may be in the system's cache only: after a
/// failed sync the system does not write them again.
fn rewrite(disk: &dyn Disk, folder: &Path, active: &Segment, scan: &Scan) -> Result<Arc<dyn File>, Error> {
    if let Some((line, why)) = &scan.torn {
        let path = active.path.display();
        tracing::warn!(%path, line, why, "a crash tore the ledger's last batch, which was not acknowledged; it is truncated");
    }
    let path = folder.join(ACTIVE_NEW);
    let copy = || {
        let new = disk.create(&path)?;
        active.copy_to(&*new)?;
        new.sync()?;
        Ok(new)
    };
    let file = match copy() {
        Ok(file) => file,
        Err(source) => {
            disk::remove_if_exists(disk, &path).map_err(Error::io("remove", &path))?;
            return Err(write_error(path, source));
        }
    };
    disk.rename(&path, &active.path).map_err(Error::io("rename", &path))?;
    Ok(file)
}
