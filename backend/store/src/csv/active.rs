//! Creates, seals and recovers the file of the active segment.

use std::sync::Arc;

use common::Seq;

use super::disk::File;
use super::files::{ACTIVE_NEW, Files};
use super::line::{self, Digest, Marker};
use super::recovery::Scan;
use super::segment::Segment;
use crate::Error;

/// Writes a segment's header and marker under a temporary name; returns the file and its length.
pub(super) fn write_new(files: &Files<'_>, marker: &Marker, first: Seq) -> Result<(Arc<dyn File>, u64), Error> {
    let mut start = Vec::new();
    line::push_header(&mut start);
    line::push_marker(&mut start, marker, first);
    let file = files.write_new(&files.folder.join(ACTIVE_NEW), &start)?;
    Ok((file, start.len() as u64))
}

/// Renames the active segment to its final name and starts the next one after `head`; returns both. The new segment replaces
/// one without entries, because both would get the same name.
pub(super) fn seal(
    files: &Files<'_>,
    active: &Segment,
    marker: &Marker,
    head: Seq,
) -> Result<(Option<Segment>, Segment), Error> {
    let first = head.next();
    let (file, length) = write_new(files, marker, first)?;
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

/// Whether the whole active segment is certainly durable: it is new, and so was synced before it got its name; or the catalog
/// file of its last marker exists, which is written after a sync of the ledger.
pub(super) fn is_durable(scan: &Scan, catalog: Digest) -> bool {
    let Marker { replaced, new, .. } = scan.marker;
    let is_published = replaced != new && catalog == new;
    scan.torn.is_none() && (scan.is_new || (scan.ends_in_marker && is_published))
}

/// Copies the valid part of the active segment into a new, synced file. After a failed sync its pages may be only in the
/// system's cache, and the system does not write them again. Without room for a copy the last batch is rewritten in place.
pub(super) fn rewrite(files: &Files<'_>, active: &Segment, scan: &Scan) -> Result<Arc<dyn File>, Error> {
    if let Some((line, why)) = &scan.torn {
        let path = active.path.display();
        tracing::warn!(%path, line, why, "the ledger's last batch has a damaged line, as a crash leaves it; the ledger is cut there");
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

/// Truncates the active segment to its valid part and rewrites the last batch in place, which needs no room.
fn rewrite_in_place(files: &Files<'_>, active: &Segment, scan: &Scan) -> Result<Arc<dyn File>, Error> {
    let path = &active.path;
    let file = files.disk.open_to_write(path).map_err(Error::io("open", path))?;
    let rewrite = || {
        file.truncate(active.length)?;
        active.copy_to(&*file, scan.last_batch_start)?;
        file.sync()
    };
    rewrite().map_err(|source| Error::of_write(path, source))?;
    let path = path.display();
    tracing::warn!(%path, "the disk is full: the last batch was written again in place, and nothing can be sold until \
                           disk space is free");
    Ok(file)
}
