//! Opening a store: nothing is changed before it is clear that the store can be opened, and nothing is served before
//! what will be served is on the disk.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use common::wire::Book;
use common::{Seq, StoreId, Timestamp};

use super::checkpoint::{self, Catalog, no_room_or};
use super::disk::{self, Disk, File};
use super::line::{self, Digest, Marker};
use super::recovery::{self, Scan};
use super::segment::{self, Segment};
use crate::catalog_file::{self, CatalogRow};
use crate::{Difference, EditPolicy, Error, StoreState};

/// The file that grows.
const ACTIVE: &str = "ledger.csv";
const ACTIVE_NEW: &str = "ledger.csv.new";

/// What a folder holds, not yet changed.
#[derive(Debug)]
pub(super) struct Looked<'a> {
    catalog: Catalog<'a>,
    sealed: Vec<Segment>,
    active: Segment,
    pub(super) scan: Scan,
    /// What the ledger says the catalog file is, and the books in it.
    content: Vec<u8>,
    listings: Vec<CatalogRow>,
    /// The shopkeeper's file.
    shown: Option<Vec<u8>>,
    /// Whether the content is still to replace it.
    is_unfinished: bool,
}

/// A store that is ready to serve.
#[derive(Debug)]
pub(super) struct Opened {
    /// The ledger's files that no longer grow, in order.
    pub(super) sealed: Vec<Segment>,
    /// The one that grows.
    pub(super) active: Segment,
    /// The newest marker.
    pub(super) marker: Marker,
    /// The last entry.
    pub(super) head: Seq,
    /// The books that follow, where somebody asked.
    pub(super) loaded: Option<StoreState>,
    /// The edit that was put aside.
    pub(super) edit: Option<Vec<CatalogRow>>,
}

/// Opens the store in a folder, or makes one; the caller holds the lock.
pub(super) fn open(disk: &dyn Disk, folder: &Path, edit: EditPolicy) -> Result<Opened, Error> {
    let catalog = Catalog { disk, folder };
    let path = folder.join(ACTIVE);
    let mut looked = match look(disk, folder)? {
        Some(looked) => looked,
        None => {
            refuse_leftovers(&catalog)?;
            create(disk, catalog)?;
            look(disk, folder)?.ok_or_else(|| Error::io("open", &path)(io::ErrorKind::NotFound.into()))?
        }
    };
    let loaded = looked.replay()?;
    let edited = looked.edited(&loaded, edit)?;

    // From here on files are changed.
    if looked.active.path != path {
        // A crash came between the two names of a change of files.
        let from = &looked.active.path;
        disk.rename(from, &path).map_err(Error::io("rename", from))?;
        looked.active.path = path;
    }
    let Looked {
        active, scan, shown, ..
    } = &mut looked;
    active.file = Some(if is_clean(scan, shown.as_deref()) {
        let path = &active.path;
        disk.open_to_write(path).map_err(Error::io("open", path))?
    } else {
        rewrite(disk, folder, active, scan)?
    });
    let unused = folder.join(ACTIVE_NEW);
    disk::remove_if_there(disk, &unused).map_err(Error::io("remove", &unused))?;
    disk.sync_folder(folder).map_err(Error::io("sync", folder))?;
    if looked.scan.marker.seq > Seq::ZERO {
        match (&edited, &looked.shown, edit) {
            (Some(_), _, EditPolicy::KeepForImport) => catalog.keep(&looked.content)?,
            (Some(_), Some(shown), _) => {
                catalog.keep_copy(shown)?;
                catalog.install(&looked.content)?;
            }
            _ => catalog.install(&looked.content)?,
        }
    }
    Ok(Opened {
        loaded: Some(loaded),
        edit: edited.flatten(),
        ..looked.opened()
    })
}

/// Looks at what a folder holds; nothing if that is no store. The caller holds the lock.
pub(super) fn look<'a>(disk: &'a dyn Disk, folder: &'a Path) -> Result<Option<Looked<'a>>, Error> {
    let catalog = Catalog { disk, folder };
    let Some((sealed, mut active)) = find_files(disk, folder)? else {
        return Ok(None);
    };
    let scan = recovery::scan(disk, &active)?;
    active.first = scan.first;
    active.length = scan.length;
    let content = if scan.marker.seq == Seq::ZERO {
        Vec::new()
    } else {
        catalog.content(scan.marker.new)?
    };
    let looked = Looked {
        catalog,
        sealed,
        active,
        scan,
        listings: catalog.parse(&content)?,
        is_unfinished: catalog.is_prepared(&content)?,
        content,
        shown: catalog.shown()?,
    };
    check_chain(disk, &looked.segments())?;
    Ok(Some(looked))
}

impl Looked<'_> {
    fn segments(&self) -> Vec<Segment> {
        let active = std::iter::once(&self.active);
        self.sealed.iter().chain(active).cloned().collect()
    }

    /// What follows from all of it.
    fn replay(&self) -> Result<StoreState, Error> {
        let Scan { marker, head, .. } = self.scan;
        let listings = self.listings.clone();
        let books = match marker.seq {
            // Entries without a catalog file are being taken over from another store.
            Seq::ZERO => Vec::new(),
            _ => recovery::replay(&self.catalog, &self.segments(), &marker, listings, head)?,
        };
        Ok(StoreState {
            store: marker.store,
            head,
            books,
        })
    }

    /// The books as of the newest marker.
    pub(super) fn noted(&self) -> StoreState {
        let listings = self.listings.iter().cloned();
        StoreState {
            store: self.scan.marker.store,
            head: self.scan.head,
            books: listings.map(|listing| recovery::book(listing, |_| Seq::ZERO)).collect(),
        }
    }

    /// What is good to know about it.
    pub(super) fn remarks(&self) -> Vec<String> {
        let torn = self.scan.torn.iter().map(|(line, why)| {
            let path = self.active.path.display();
            format!("{path}:{line}: {why}: a crash tore the last batch, which nobody was told of; the next start cuts it off")
        });
        torn.collect()
    }

    /// Where somebody edited the catalog file.
    pub(super) fn edits(&self) -> Vec<Difference> {
        match self.foreign() {
            Some(shown) => self.compare(shown, &self.noted().books).1,
            None => Vec::new(),
        }
    }

    /// What it is made of, without the books.
    pub(super) fn opened(self) -> Opened {
        Opened {
            sealed: self.sealed,
            active: self.active,
            marker: self.scan.marker,
            head: self.scan.head,
            loaded: None,
            edit: None,
        }
    }

    /// The shopkeeper's file, if it is neither what the ledger names nor what that is about to replace.
    fn foreign(&self) -> Option<&[u8]> {
        let Marker { seq, new, replaced, .. } = self.scan.marker;
        let shown = self.shown.as_deref().filter(|_| seq > Seq::ZERO)?;
        let digest = Digest::of(Some(shown));
        let is_known = digest == new || (digest == replaced && self.is_unfinished);
        (!is_known).then_some(shown)
    }

    /// Understands a foreign file, and says where it differs from what the store wrote and from the books.
    fn compare(&self, shown: &[u8], books: &[Book]) -> (Result<Vec<CatalogRow>, catalog_file::Error>, Vec<Difference>) {
        match catalog_file::parse(shown, &self.catalog.path()) {
            Ok(listings) => {
                let differences = checkpoint::differences(&listings, &self.listings, books);
                (Ok(checkpoint::merged(listings, &self.listings, books)), differences)
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

    /// Decides about a foreign file: nothing to keep, an edit to put aside (understood, if it is a catalog file), or an
    /// error.
    fn edited(&self, loaded: &StoreState, edit: EditPolicy) -> Result<Option<Option<Vec<CatalogRow>>>, Error> {
        let Some(shown) = self.foreign() else {
            return Ok(None);
        };
        let (listings, differences) = self.compare(shown, &loaded.books);
        let path = self.catalog.path();
        match edit {
            _ if differences.is_empty() => Ok(None),
            EditPolicy::Refuse => Err(Error::Edited { path, differences }),
            EditPolicy::Discard => Ok(Some(listings.ok())),
            EditPolicy::KeepForImport => Ok(Some(Some(listings?))),
        }
    }
}

/// Refuses to begin a store where files of an earlier one are left.
pub(super) fn refuse_leftovers(catalog: &Catalog<'_>) -> Result<(), Error> {
    let mut found = catalog.leftovers()?;
    if found.is_empty() {
        return Ok(());
    }
    found.sort_unstable();
    Err(Error::LedgerMissing {
        ledger: catalog.folder.join(ACTIVE),
        found: found.join(", "),
    })
}

/// The files that no longer grow, and the one that does.
fn find_files(disk: &dyn Disk, folder: &Path) -> Result<Option<(Vec<Segment>, Segment)>, Error> {
    let path = folder.join(ACTIVE);
    let mut sealed = segment::sealed(disk, folder)?;
    let file = match disk.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Either a crash came between the two renames of `seal`, or there is no store, or its newest file is lost.
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

/// A fresh ledger: no entries, and the store's new id.
fn create(disk: &dyn Disk, catalog: Catalog<'_>) -> Result<(), Error> {
    let there = Digest::of(catalog.shown()?.as_deref());
    let marker = Marker {
        seq: Seq::ZERO,
        at: Timestamp::now(),
        store: StoreId::generate(),
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
