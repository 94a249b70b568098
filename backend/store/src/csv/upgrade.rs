//! The upgrade of a store of format 1, whose titles and descriptions are only in its catalog files.
//!
//! No entry is rewritten. The active segment is sealed unchanged, and the next one begins with a `set` entry for each book. The
//! new file is complete and durable before it gets its name, so a crash leaves a store of format 1 or one of format 2.

use std::collections::HashMap;

use common::Seq;
use common::wire::Book;

use super::files::{ACTIVE, ACTIVE_NEW, CATALOG, CATALOG_NEW, FORMAT_1_COPY, Files};
use super::inspection::{FolderInspection, compare};
use super::line::{self, Digest, Marker};
use super::rebuild::Rebuild;
use super::segment::Segment;
use super::{active, shown};
use crate::{EditPolicy, Error, catalog_file, format_1};

/// Format 1: the temporary name, besides [`CATALOG_NEW`], before the marker is written.
const FORMAT_1_COPY_NEW: &str = ".catalog.csv.new";
/// Format 1: the file that an interrupted start leaves.
const INSTALL_NEW: &str = "catalog.csv.copy.new";

/// Upgrades the store in a folder. If `edit` is [`EditPolicy::Refuse`], an edited catalog file is refused; otherwise the caller
/// resolves the edit afterwards.
pub(super) fn run(mut found: FolderInspection<'_>, edit: EditPolicy) -> Result<(), Error> {
    let (files, marker, head) = (found.files, found.scan.marker, found.scan.head);
    let books = books_at_head(&found, edit)?;
    if found.scan.torn.is_some() || !active::is_durable(&found.scan, found.digest) {
        found.active.file = Some(active::rewrite(&files, &found.active, &found.scan)?);
        files.sync_folder()?;
    }
    let marker = Marker {
        is_restore: marker.seq == Seq::ZERO && head > Seq::ZERO,
        ..marker
    };
    let batch = head.next();
    let mut content = Vec::new();
    line::push_header(&mut content);
    line::push_marker(&mut content, &marker, batch);
    for entry in format_1::upgrade_entries(head, &books) {
        line::push_entry(&mut content, &entry, batch);
    }
    line::push_marker(&mut content, &marker, batch);
    let new = files.folder.join(ACTIVE_NEW);
    files.write_new(&new, &content).map_err(|error| match error {
        Error::Full { .. } => Error::UpgradeNeedsRoom {
            store: shown(files.folder),
            bytes: Some(content.len() as u64),
        },
        error => error,
    })?;
    let Segment { first, path, .. } = &found.active;
    // A segment without entries would get the same name as the next one, so it is replaced.
    if head >= *first {
        files.rename(path, &files.folder.join(Segment::sealed_name(*first)))?;
    }
    files.rename(&new, &files.folder.join(ACTIVE))?;
    files.sync_folder()?;
    tracing::info!(books = books.len(), after = %head, "the store was upgraded to ledger format 2");
    Ok(())
}

/// The current books, with the descriptions from the catalog file that the ledger names.
fn books_at_head(found: &FolderInspection<'_>, edit: EditPolicy) -> Result<Vec<Book>, Error> {
    let (files, Marker { seq, replaced, new, .. }) = (&found.files, found.scan.marker);
    if seq == Seq::ZERO {
        return Ok(Vec::new());
    }
    let content = find_content(files, new)?;
    let rows = catalog_file::parse(&content, &files.folder.join(FORMAT_1_COPY))?;
    let written: Vec<Book> = rows.into_iter().map(|row| row.into_book(seq)).collect();
    let mut rebuild = Rebuild::from(seq, written.clone());
    rebuild.run(files.disk, &found.segments(), found.scan.head)?;
    let books = rebuild.books(&HashMap::new()).map_err(|why| damaged_copy(files, why))?;
    let is_prepared = || Ok::<_, Error>(files.read(CATALOG_NEW)?.as_deref() == Some(&content[..]));
    if edit == EditPolicy::Refuse
        && found.digest != new
        && let Some(edited) = files.catalog()?
        && !(found.digest == replaced && is_prepared()?)
    {
        let differences = compare(files, &edited, &written, &books).1;
        if !differences.is_empty() {
            let path = files.catalog_path();
            return Err(Error::Edited { path, differences });
        }
    }
    Ok(books)
}

/// Finds the content with a digest. After a crash during a format 1 checkpoint the file has one of four names.
fn find_content(files: &Files<'_>, digest: Digest) -> Result<Vec<u8>, Error> {
    for name in [FORMAT_1_COPY, CATALOG, FORMAT_1_COPY_NEW, CATALOG_NEW] {
        if let Some(content) = files.read(name)?.filter(|content| Digest::of(Some(content)) == digest) {
            return Ok(content);
        }
    }
    Err(damaged_copy(
        files,
        "neither it nor catalog.csv is the file that the ledger names".to_owned(),
    ))
}

fn damaged_copy(files: &Files<'_>, why: String) -> Error {
    Error::Damaged {
        path: files.folder.join(FORMAT_1_COPY),
        line: 1,
        why,
        remedy: "restore both from a backup of the store's folder".to_owned(),
    }
}

/// Removes the files of format 1 from an upgraded folder.
pub(super) fn remove_old_files(files: &Files<'_>) -> Result<(), Error> {
    let names = files.names()?;
    if !names.iter().any(|name| name == FORMAT_1_COPY) {
        return Ok(());
    }
    let is_old = |name: &&String| [FORMAT_1_COPY_NEW, INSTALL_NEW].contains(&name.as_str()) || Files::is_blob(name);
    for name in names.iter().filter(is_old) {
        files.remove(&files.folder.join(name))?;
    }
    // Remove this file last: it shows that the others may exist.
    files.remove(&files.folder.join(FORMAT_1_COPY))?;
    files.sync_folder()
}
