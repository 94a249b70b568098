//! Opening a store. No file changes before it is certain that the store can be opened, and the store serves nothing before
//! everything it serves is durable.

use std::io;
use std::path::Path;
use std::sync::Arc;

use common::{Seq, StoreId, Timestamp};

use super::checkpoint::{CatalogFiles, write_error};
use super::disk::{self, Disk, File};
use super::inspection::{ACTIVE, ACTIVE_NEW, FolderInspection, Opened, inspect_folder};
use super::line::{self, Digest, Marker};
use super::recovery::Scan;
use super::segment::Segment;
use crate::{EditPolicy, Error};

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
