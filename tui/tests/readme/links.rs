//! The files, headings and paths that the documents refer to exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 3] = ["", "docs", "docs/decisions"];
/// Prefixes of code words that are paths from the root.
const ROOTS: [&str; 6] = [".ci/", "backend/", "common/", "data/", "docs/", "tui/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn files(folder: &str) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(root().join(folder)).unwrap();
    files.map(|file| file.unwrap().path())
}

fn documents() -> Vec<PathBuf> {
    let files = FOLDERS.into_iter().flat_map(files);
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The target of each `[text](target)`, with its document.
fn links() -> Vec<(PathBuf, String)> {
    let mut links = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links.extend(targets.map(|(target, _)| (document.clone(), target.to_owned())));
    }
    links
}

/// The words between single backticks, outside of blocks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|part| part.split('`').skip(1).step_by(2))
        .flat_map(str::split_whitespace)
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    for (document, link) in links().iter().filter(|(_, link)| !link.contains("://")) {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let target = match file {
            "" => document.clone(),
            file => document.with_file_name(file),
        };
        assert!(target.exists(), "{}: {link}", document.display());
        if !heading.is_empty() {
            let page = fs::read_to_string(&target).unwrap();
            let mut headings = page.lines().filter(|line| line.starts_with('#'));
            let found = headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
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
    let links = links();
    let shown: BTreeSet<PathBuf> = links
        .iter()
        .map(|(document, link)| document.with_file_name(link))
        .collect();
    let pictures: Vec<_> = files("docs/screens").collect();
    assert!(
        !pictures.is_empty() && pictures.iter().all(|picture| shown.contains(picture)),
        "{pictures:?}"
    );
}
