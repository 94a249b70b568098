//! Opening a store: nothing is changed before it is clear that the store can be opened, and nothing is served before
//! what will be served is on the disk.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use common::{Seq, StoreId, Timestamp};

use super::checkpoint::{self, Catalog, no_room_or};
use super::disk::{self, Disk, File};
use super::line::{self, Digest, Marker};
use super::recovery::{self, Scan};
use super::segment::{self, Segment};
use crate::store::catalog_file::{self, Listing};
use crate::store::{Difference, Edit, Error, Loaded};

/// The file that grows.
const ACTIVE: &str = "ledger.csv";
const ACTIVE_NEW: &str = "ledger.csv.new";

/// A store that is ready to serve.
#[derive(Debug)]
pub(super) struct Opened {
    /// The ledger's files that no longer grow, in order.
    pub(super) sealed: Vec<Segment>,
    /// The one that grows.
    pub(super) active: Segment,
    /// The newest marker.
    pub(super) marker: Marker,
    pub(super) loaded: Loaded,
    /// The edit that was put aside.
    pub(super) edit: Option<Vec<Listing>>,
}

/// Opens the store in a folder, or makes one; the caller holds the lock.
pub(super) fn open(disk: &dyn Disk, folder: &Path, edit: Edit) -> Result<Opened, Error> {
    let catalog = Catalog { disk, folder };
    let (mut segments, mut active) = find_files(disk, &catalog)?;
    let scan = recovery::scan(disk, &active)?;
    active.first = scan.first;
    active.length = scan.length;
    segments.push(active.clone());
    check_chain(disk, &segments)?;

    let content = if scan.marker.seq == Seq::ZERO {
        Vec::new()
    } else {
        catalog.content(scan.marker.new)?
    };
    let listings = catalog.parse(&content)?;
    let books = recovery::replay(&catalog, &segments, &scan.marker, listings, scan.head)?;
    let loaded = Loaded {
        store: scan.marker.store,
        head: scan.head,
        books,
    };
    let shown = catalog.shown()?;
    let edited = match &shown {
        Some(shown) if is_foreign(&scan, shown) => edited(&catalog, shown, &content, &loaded, edit)?,
        _ => None,
    };

    // From here on files are changed.
    segments.pop();
    if !is_clean(&scan, shown.as_deref()) {
        active.file = Some(rewrite(disk, folder, &active, &scan)?);
    }
    let unused = folder.join(ACTIVE_NEW);
    disk::remove_if_there(disk, &unused).map_err(Error::io("remove", &unused))?;
    disk.sync_folder(folder).map_err(Error::io("sync", folder))?;
    if let (Some(_), Some(shown)) = (&edited, &shown) {
        catalog.keep_copy(shown)?;
    }
    if scan.marker.seq > Seq::ZERO {
        catalog.install(&content)?;
    }
    Ok(Opened {
        sealed: segments,
        active,
        marker: scan.marker,
        loaded,
        edit: edited.flatten(),
    })
}

/// The files that no longer grow, and the one that does.
fn find_files(disk: &dyn Disk, catalog: &Catalog<'_>) -> Result<(Vec<Segment>, Segment), Error> {
    let path = catalog.folder.join(ACTIVE);
    let mut sealed = segment::sealed(disk, catalog.folder)?;
    let file = match disk.open_to_write(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match sealed.pop() {
                // A crash came between the two names of a change of files.
                Some(last) => disk
                    .rename(&last.path, &path)
                    .map_err(Error::io("rename", &last.path))?,
                None => create(disk, catalog)?,
            }
            disk.open_to_write(&path)
        }
        file => file,
    }
    .map_err(Error::io("open", &path))?;
    let length = file.length().map_err(Error::io("read", &path))?;
    let active = Segment {
        first: Seq::ZERO,
        path,
        length,
        file: Some(file),
    };
    Ok((sealed, active))
}

/// A fresh ledger: no entries, and the store's new id.
fn create(disk: &dyn Disk, catalog: &Catalog<'_>) -> Result<(), Error> {
    let there = Digest::of(catalog.shown()?.as_deref());
    let marker = Marker {
        seq: Seq::ZERO,
        at: Timestamp::now(),
        store: StoreId::mint(),
        replaced: there,
        new: there,
    };
    begin(disk, catalog.folder, &marker, Seq::ZERO.next())?;
    let folder = catalog.folder;
    disk.rename(&folder.join(ACTIVE_NEW), &folder.join(ACTIVE))
        .map_err(Error::io("rename", folder))?;
    disk.sync_folder(folder).map_err(Error::io("sync", folder))
}

/// Writes the beginning of a file of the ledger under a temporary name; gives the file and its length.
fn begin(disk: &dyn Disk, folder: &Path, marker: &Marker, first: Seq) -> Result<(Arc<dyn File>, u64), Error> {
    let path = folder.join(ACTIVE_NEW);
    let mut start = line::HEADER.to_vec();
    line::push_marker(&mut start, marker, first);
    match disk::write_whole(disk, &path, &start) {
        Ok(file) => Ok((file, start.len() as u64)),
        Err(source) => {
            disk::remove_if_there(disk, &path).map_err(Error::io("remove", &path))?;
            Err(no_room_or("write", path, source))
        }
    }
}

/// Gives the file that has grown enough its final name and begins the next one, which goes on from `head`.
pub(super) fn seal(
    disk: &dyn Disk,
    folder: &Path,
    grown: &Segment,
    marker: &Marker,
    head: Seq,
) -> Result<(Segment, Segment), Error> {
    let first = head.next();
    let (file, length) = begin(disk, folder, marker, first)?;
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

/// Makes sure that no file of the ledger is missing: the entry before each one's first is there.
fn check_chain(disk: &dyn Disk, segments: &[Segment]) -> Result<(), Error> {
    for segment in segments {
        let last_before = Seq(segment.first.0.saturating_sub(1));
        let before = Seq(last_before.0.saturating_sub(1));
        segment::each_entry(disk, segments, before, last_before, |_| Ok(ControlFlow::Break(())))?;
    }
    Ok(())
}

/// Whether everything that can be read is certainly on the disk. It is where a file was synced before it got its name,
/// and where the catalog file's new content is in place, which happens after the ledger was synced.
fn is_clean(scan: &Scan, shown: Option<&[u8]>) -> bool {
    let Marker { replaced, new, .. } = scan.marker;
    let is_in_place = replaced != new && Digest::of(shown) == new;
    scan.torn.is_none() && (scan.is_new || (scan.ends_in_marker && is_in_place))
}

/// Writes the sound part of the ledger into a fresh file. What the last process wrote may be in the system's memory only,
/// and after a failed sync the system does not write it again by itself.
fn rewrite(disk: &dyn Disk, folder: &Path, active: &Segment, scan: &Scan) -> Result<Arc<dyn File>, Error> {
    if let Some((line, why)) = &scan.torn {
        let path = active.path.display();
        tracing::warn!(%path, line, why, "a crash tore the ledger's last batch, which nobody was told of; it is cut off");
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
            disk::remove_if_there(disk, &path).map_err(Error::io("remove", &path))?;
            return Err(no_room_or("write", path, source));
        }
    };
    disk.rename(&path, &active.path).map_err(Error::io("rename", &path))?;
    Ok(file)
}

/// Whether the shopkeeper's file is neither what the ledger names nor what that was to replace.
fn is_foreign(scan: &Scan, shown: &[u8]) -> bool {
    let digest = Digest::of(Some(shown));
    scan.marker.seq > Seq::ZERO && digest != scan.marker.new && digest != scan.marker.replaced
}

/// Decides about a foreign file: nothing to keep, an edit to put aside (understood, if it is a catalog file), or an error.
fn edited(
    catalog: &Catalog<'_>,
    shown: &[u8],
    content: &[u8],
    loaded: &Loaded,
    edit: Edit,
) -> Result<Option<Option<Vec<Listing>>>, Error> {
    let (path, written) = (catalog.path(), catalog.parse(content)?);
    let (listings, differences) = match catalog_file::parse(shown, &path) {
        Ok(listings) => {
            let differences = checkpoint::differences(&listings, &written, &loaded.books);
            (Some(checkpoint::merged(listings, &written, &loaded.books)), differences)
        }
        Err(error) => {
            let ledger = format!("{} books", loaded.books.len());
            (
                None,
                vec![Difference {
                    place: "the whole file".to_owned(),
                    file: format!("nothing ({error})"),
                    ledger,
                }],
            )
        }
    };
    match edit {
        _ if differences.is_empty() => Ok(None),
        Edit::Refuse => Err(Error::Edited { path, differences }),
        Edit::Discard => Ok(Some(listings)),
    }
}
