//! Opening a store. No file changes before it is certain that the store can be opened, and the store serves nothing before
//! everything it serves is durable.

use std::io;
use std::path::Path;
use std::sync::Arc;

use common::{Seq, StoreId, Timestamp};

use super::disk::{Disk, File};
use super::files::Files;
use super::inspection::{ACTIVE, ACTIVE_NEW, CatalogStatus, FolderInspection, compare, inspect_folder};
use super::line::{self, Digest, Format, Marker};
use super::recovery::Scan;
use super::segment::Segment;
use super::writer::Writer;
use super::{encode, upgrade};
use crate::catalog_file::CatalogRow;
use crate::lock::Lock;
use crate::{EditPolicy, Error, StoreState, lost};

/// A store that is ready to serve.
#[derive(Debug)]
pub(super) struct Opened {
    /// In order; the last one is active.
    pub(super) segments: Vec<Segment>,
    pub(super) writer: Writer,
    /// What the ledger leads to.
    pub(super) state: StoreState,
    /// The edit that was found, if it is a valid catalog file.
    pub(super) manual_edit: Option<Vec<CatalogRow>>,
    /// Whether the store was of format 1, whose checkpoint saves no replay any more.
    pub(super) is_upgraded: bool,
}

impl Opened {
    pub(super) fn new(found: FolderInspection<'_>, state: StoreState) -> Self {
        Self {
            segments: found.segments(),
            writer: Writer {
                head: found.scan.head,
                active: found.active,
                marker: found.scan.marker,
                is_published: true,
                kept_edit: None,
                buffer: Vec::new(),
            },
            state,
            manual_edit: None,
            is_upgraded: false,
        }
    }
}

/// Opens the store in a folder, or creates it, or upgrades it; the caller holds the lock.
pub(super) fn open(disk: &dyn Disk, folder: &Path, edit: EditPolicy, lock: Option<&Lock>) -> Result<Opened, Error> {
    let files = Files { disk, folder };
    let mut found = match inspect_folder(disk, folder)? {
        Some(found) => found,
        None => {
            lost::refuse(&folder.join(ACTIVE), files.leftovers()?, lock)?;
            create(&files)?;
            inspect_again(&files)?
        }
    };
    let is_upgraded = found.scan.format == Format::One;
    if is_upgraded {
        upgrade::run(found, edit)?;
        found = inspect_again(&files)?;
    }
    let replayed = found.replay(false)?;
    let written = replayed.written.unwrap_or_default();
    let edited = match (replayed.catalog, &found.catalog) {
        (CatalogStatus::Edited, Some(edited)) => {
            let (rows, differences) = compare(&files, edited, &written, &replayed.state.books);
            match edit {
                _ if differences.is_empty() => None,
                EditPolicy::Refuse => {
                    let path = files.catalog_path();
                    return Err(Error::Edited { path, differences });
                }
                EditPolicy::Discard => Some(rows.ok()),
                EditPolicy::KeepForImport => Some(Some(rows?)),
            }
        }
        _ => None,
    };
    let content = match replayed.catalog {
        CatalogStatus::Current => None,
        CatalogStatus::Outdated | CatalogStatus::Edited => Some(encode(&files, &written)?),
    };
    drop(written);

    // From here on files change.
    let path = folder.join(ACTIVE);
    if found.active.path != path {
        // A crash came between the two renames of `seal`.
        files.rename(&found.active.path, &path)?;
        found.active.path = path;
    }
    found.active.file = Some(if is_durable(&found.scan, found.catalog.as_deref()) {
        let path = &found.active.path;
        disk.open_to_write(path).map_err(Error::io("open", path))?
    } else {
        rewrite(&files, &found.active, &found.scan)?
    });
    files.remove(&folder.join(ACTIVE_NEW))?;
    files.sync_folder()?;
    upgrade::remove_old_files(&files)?;
    if found.scan.format == Format::OldTwo {
        let Scan { marker, head, .. } = found.scan;
        let (sealed, active) = seal(&files, &found.active, &marker, head)?;
        found.sealed.extend(sealed);
        found.active = active;
    }
    let catalog = found.catalog.take();
    let mut opened = Opened::new(found, replayed.state);
    match (content, &edited, catalog) {
        (Some(_), Some(_), Some(edited)) if edit == EditPolicy::KeepForImport => {
            opened.writer.kept_edit = Some(Digest::of(Some(&edited)));
        }
        (Some(content), is_edited, catalog) => {
            if let (Some(_), Some(edited)) = (is_edited, catalog) {
                files.save_edit(&edited)?;
            }
            match files.publish(&content) {
                // The ledger has all that the file has.
                Err(error @ Error::Full { .. }) => {
                    tracing::warn!(%error, "the catalog file is out of date");
                    opened.writer.is_published = false;
                }
                published => published?,
            }
        }
        (None, ..) => {}
    }
    opened.manual_edit = edited.flatten();
    opened.is_upgraded = is_upgraded;
    Ok(opened)
}

fn inspect_again<'a>(files: &Files<'a>) -> Result<FolderInspection<'a>, Error> {
    let missing = || Error::io("open", &files.folder.join(ACTIVE))(io::ErrorKind::NotFound.into());
    inspect_folder(files.disk, files.folder)?.ok_or_else(missing)
}

/// Creates a ledger without entries, with a new store id.
fn create(files: &Files<'_>) -> Result<(), Error> {
    let current = Digest::of(files.catalog()?.as_deref());
    let marker = Marker {
        is_restore: false,
        seq: Seq::ZERO,
        at: Timestamp::now(),
        store: StoreId::generate(),
        replaced: current,
        new: current,
    };
    write_new_segment(files, &marker, Seq::ZERO.next())?;
    files.rename(&files.folder.join(ACTIVE_NEW), &files.folder.join(ACTIVE))?;
    files.sync_folder()
}

/// Writes a segment's header and marker under a temporary name; returns the file and its length.
fn write_new_segment(files: &Files<'_>, marker: &Marker, first: Seq) -> Result<(Arc<dyn File>, u64), Error> {
    let mut start = Vec::new();
    line::push_header(&mut start);
    line::push_marker(&mut start, marker, first);
    let file = files.write_new(&files.folder.join(ACTIVE_NEW), &start)?;
    Ok((file, start.len() as u64))
}

/// Renames the active segment to its final name and starts the next one after `head`; returns both. A segment without
/// entries, which would have the same name as the next one, is replaced.
pub(super) fn seal(
    files: &Files<'_>,
    active: &Segment,
    marker: &Marker,
    head: Seq,
) -> Result<(Option<Segment>, Segment), Error> {
    let first = head.next();
    let (file, length) = write_new_segment(files, marker, first)?;
    let sealed = (active.first < first).then(|| Segment {
        path: files.folder.join(Segment::sealed_name(active.first)),
        file: None,
        ..active.clone()
    });
    if let Some(sealed) = &sealed {
        files.rename(&active.path, &sealed.path)?;
    }
    files.rename(&files.folder.join(ACTIVE_NEW), &active.path)?;
    files.sync_folder()?;
    let next = Segment {
        first,
        path: active.path.clone(),
        length,
        file: Some(file),
    };
    Ok((sealed, next))
}

/// Whether the whole active segment is certainly durable: it is new, and was synced before it got its name, or the catalog
/// file that its last marker names is published, which happens after a sync of the ledger.
pub(super) fn is_durable(scan: &Scan, catalog: Option<&[u8]>) -> bool {
    let Marker { replaced, new, .. } = scan.marker;
    let is_published = replaced != new && Digest::of(catalog) == new;
    scan.torn.is_none() && (scan.is_new || (scan.ends_in_marker && is_published))
}

/// Copies the valid part of the active segment into a fresh, synced file. Its pages may be in the system's cache only: after a
/// failed sync the system does not write them again. Without room for a copy the last batch is written again in place.
pub(super) fn rewrite(files: &Files<'_>, active: &Segment, scan: &Scan) -> Result<Arc<dyn File>, Error> {
    if let Some((line, why)) = &scan.torn {
        let path = active.path.display();
        tracing::warn!(%path, line, why, "a crash tore the ledger's last batch, which was not acknowledged; it is truncated");
    }
    let path = files.folder.join(ACTIVE_NEW);
    let copy = || {
        let new = files.disk.create(&path)?;
        active.copy_to(&*new, 0)?;
        new.sync()?;
        files.disk.rename(&path, &active.path)?;
        Ok(new)
    };
    copy().or_else(|source| {
        files.remove(&path)?;
        match Error::of_write(&path, source) {
            Error::Full { .. } => rewrite_in_place(files, active, scan),
            error => Err(error),
        }
    })
}

/// Cuts the active segment after its valid part and writes the last batch over itself, which needs no room.
fn rewrite_in_place(files: &Files<'_>, active: &Segment, scan: &Scan) -> Result<Arc<dyn File>, Error> {
    let path = &active.path;
    let file = files.disk.open_to_write(path).map_err(Error::io("open", path))?;
    let rewrite = || {
        file.truncate(active.length)?;
        active.copy_to(&*file, scan.last_batch)?;
        file.sync()
    };
    rewrite().map_err(|source| Error::of_write(path, source))?;
    let path = path.display();
    tracing::warn!(%path, "the disk is full: the last batch was written again in place, and nothing can be sold until there is room");
    Ok(file)
}
