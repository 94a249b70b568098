//! What the documents refer to exists: files, headings, and paths in the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 3] = ["", "docs", "docs/decisions"];
/// A word of code that begins so is a path from the root.
const ROOTS: [&str; 6] = [".ci/", "backend/", "common/", "data/", "docs/", "tui/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn documents() -> Vec<PathBuf> {
    let files = FOLDERS
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

/// The words between single backticks, outside of blocks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|part| part.split('`').skip(1).step_by(2))
        .flat_map(str::split_whitespace)
}

/// The name under which a heading can be linked to.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                document.clone()
            } else {
                document.with_file_name("").join(file)
            };
            assert!(target.exists(), "{}: {link}", document.display());
            let page = if heading.is_empty() {
                String::new()
            } else {
                fs::read_to_string(&target).unwrap()
            };
            let mut headings = page.lines().filter(|line| line.starts_with('#'));
            let found = heading.is_empty() || headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
            assert!(found, "{}: no heading {link}", document.display());
        }
    }
}

#[test]
fn paths_in_the_documents_exist() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for path in code(&text).filter(|word| ROOTS.iter().any(|root| word.starts_with(root))) {
            assert!(root().join(path).exists(), "{}: {path}", document.display());
        }
    }
}

#[test]
fn every_picture_is_shown_by_a_document() {
    let names = |folder: &str| {
        fs::read_dir(root().join(folder))
            .unwrap()
            .map(|file| file.unwrap().path())
    };
    let shown: BTreeSet<PathBuf> = documents()
        .iter()
        .flat_map(|document| {
            let text = fs::read_to_string(document).unwrap();
            links(&text)
                .map(|link| document.with_file_name("").join(link))
                .collect::<Vec<_>>()
        })
        .collect();
    let pictures: Vec<_> = names("docs/screens").collect();
    assert!(
        !pictures.is_empty() && pictures.iter().all(|picture| shown.contains(picture)),
        "{pictures:?}"
    );
}
