//! Opens a store. No file changes before it is certain that the store can be opened, and the store returns no entry before all
//! entries are durable.

use std::io;
use std::path::Path;

use common::{Seq, StoreId, Timestamp};

use super::append::AppendState;
use super::disk::Disk;
use super::files::{ACTIVE, ACTIVE_NEW, Files};
use super::inspection::{CatalogStatus, FolderInspection, compare, inspect_folder};
use super::line::{Format, Marker};
use super::recovery::Scan;
use super::segment::Segment;
use super::{LOCK, active, encode, upgrade};
use crate::catalog_file::CatalogRow;
use crate::{EditPolicy, Error, StoreState, lost};

/// The parts of a store that is ready to serve.
#[derive(Debug)]
pub(super) struct Opened {
    /// All segments in order; the last one is active.
    pub(super) segments: Vec<Segment>,
    pub(super) append_state: AppendState,
    /// The state that follows from the ledger.
    pub(super) state: StoreState,
    /// The manual edit, if it is a valid catalog file.
    pub(super) manual_edit: Option<Vec<CatalogRow>>,
    /// Whether the store was of format 1: the upgrade makes its checkpoint useless.
    pub(super) is_upgraded: bool,
}

impl Opened {
    pub(super) fn new(found: FolderInspection<'_>, state: StoreState) -> Self {
        Self {
            segments: found.segments(),
            append_state: AppendState {
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
pub(super) fn open(disk: &dyn Disk, folder: &Path, edit: EditPolicy) -> Result<Opened, Error> {
    let files = Files { disk, folder };
    let mut found = match inspect_folder(disk, folder)? {
        Some(found) => found,
        None => {
            lost::refuse(&folder.join(ACTIVE), files.leftovers()?, &folder.join(LOCK))?;
            create(&files)?;
            inspect_again(&files)?
        }
    };
    let is_upgraded = found.scan.format == Format::One;
    if is_upgraded {
        upgrade::run(found, edit)?;
        found = inspect_again(&files)?;
    }
    let rebuilt = found.rebuild(false)?;
    let written = rebuilt.written.unwrap_or_default();
    let catalog = match rebuilt.catalog {
        CatalogStatus::Edited => files.catalog()?,
        CatalogStatus::Current | CatalogStatus::Outdated => None,
    };
    // The content of the edited file, and its rows if they are valid.
    let edited = match catalog {
        Some(content) => {
            let (rows, differences) = compare(&files, &content, &written, &rebuilt.state.books);
            match edit {
                _ if differences.is_empty() => None,
                EditPolicy::Refuse => {
                    let path = files.catalog_path();
                    return Err(Error::Edited { path, differences });
                }
                EditPolicy::Discard => Some((content, rows.ok())),
                EditPolicy::KeepForImport => Some((content, Some(rows?))),
            }
        }
        None => None,
    };
    let content = match rebuilt.catalog {
        CatalogStatus::Current => None,
        CatalogStatus::Outdated | CatalogStatus::Edited => Some(encode(&files, &written)?),
    };
    drop(written);

    // No file was changed before this line.
    let path = folder.join(ACTIVE);
    if found.active.path != path {
        // A crash interrupted `seal` between its two renames.
        files.rename(&found.active.path, &path)?;
        found.active.path = path;
    }
    found.active.file = Some(if active::is_durable(&found.scan, found.digest) {
        let path = &found.active.path;
        disk.open_to_write(path).map_err(Error::io("open", path))?
    } else {
        active::rewrite(&files, &found.active, &found.scan)?
    });
    files.remove(&folder.join(ACTIVE_NEW))?;
    files.sync_folder()?;
    upgrade::remove_old_files(&files)?;
    if found.scan.format == Format::OldTwo {
        let Scan { marker, head, .. } = found.scan;
        let (sealed, active) = active::seal(&files, &found.active, &marker, head)?;
        found.sealed.extend(sealed);
        found.active = active;
    }
    let digest = found.digest;
    let mut opened = Opened::new(found, rebuilt.state);
    match (content, &edited) {
        (Some(_), Some(_)) if edit == EditPolicy::KeepForImport => {
            opened.append_state.kept_edit = Some(digest);
        }
        (Some(content), edited) => {
            if let Some((edited, _)) = edited {
                files.save_edit(edited)?;
            }
            match files.publish(&content) {
                // The file is not needed: the ledger contains the same data.
                Err(error @ Error::Full { .. }) => {
                    tracing::warn!(%error, "the catalog file is out of date");
                    opened.append_state.is_published = false;
                }
                published => published?,
            }
        }
        (None, _) => {}
    }
    opened.manual_edit = edited.and_then(|(_, rows)| rows);
    opened.is_upgraded = is_upgraded;
    Ok(opened)
}

fn inspect_again<'a>(files: &Files<'a>) -> Result<FolderInspection<'a>, Error> {
    let missing = || Error::io("open", &files.folder.join(ACTIVE))(io::ErrorKind::NotFound.into());
    inspect_folder(files.disk, files.folder)?.ok_or_else(missing)
}

/// Creates a ledger without entries, with a new store id.
fn create(files: &Files<'_>) -> Result<(), Error> {
    let current = files.catalog_digest()?;
    let marker = Marker {
        is_restore: false,
        seq: Seq::ZERO,
        at: Timestamp::now(),
        store: StoreId::generate(),
        replaced: current,
        new: current,
    };
    active::write_new(files, &marker, Seq::ZERO.next())?;
    files.rename(&files.folder.join(ACTIVE_NEW), &files.folder.join(ACTIVE))?;
    files.sync_folder()
}
