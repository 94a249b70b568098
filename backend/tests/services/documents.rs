//! The documents name tests, constants and files that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Appends the text of every source file below a folder to `sources`.
fn read_sources(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_security_model_names_exists() {
    let mut sources = String::new();
    for folder in ["common", "backend", "tui"] {
        read_sources(&root().join(folder), &mut sources);
    }
    let page = document("SECURITY_MODEL.md");
    // The third of four columns.
    let columns = page
        .lines()
        .filter(|line| line.starts_with("| API") || line.starts_with("| V"));
    let named: BTreeSet<&str> = columns
        .flat_map(|line| quoted(line.split(" | ").nth(2).unwrap()))
        .collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}()")), "there is no test {name}");
    }
}

/// Whether a source file defines a constant, a field or a macro with this name.
fn defines(path: &str, name: &str) -> bool {
    let source = fs::read_to_string(root().join(path)).unwrap_or_default();
    let definitions = [
        format!("const {name}: "),
        format!(" {name}: "),
        format!("macro_rules! {name} "),
    ];
    definitions.iter().any(|definition| source.contains(definition))
}

#[test]
fn every_constant_of_the_limits_is_defined_in_the_named_file() {
    let page = document("LIMITS.md");
    let cells = page
        .lines()
        .filter_map(|line| line.trim_end_matches(" |").split(" | ").nth(2));
    let (mut count, mut missing) = (0, Vec::new());
    for cell in cells.filter(|cell| cell.starts_with('`')) {
        // Each file in parentheses holds the names before it; a cell without one names constants of the shared limits.
        for part in cell.split_inclusive(')') {
            let path = part.split_once('(').map(|(_, path)| path.trim_end_matches(')'));
            for name in quoted(part).filter(|name| !name.starts_with("--")) {
                let (path, name) = (
                    path.unwrap_or("common/src/limits.rs"),
                    name.rsplit("::").next().unwrap(),
                );
                count += 1;
                if !defines(path, name) {
                    missing.push(format!("{path} does not define {name}"));
                }
            }
        }
    }
    assert!(count > 80, "{count}");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_path_in_the_architecture_exists() {
    const ROOTS: [&str; 3] = ["backend/", "common/", "tui/"];
    let page = document("ARCHITECTURE.md");
    let paths = page
        .lines()
        .flat_map(quoted)
        .filter(|text| ROOTS.iter().any(|root| text.starts_with(root)));
    let paths: BTreeSet<&str> = paths.collect();
    assert!(paths.len() > 60, "{paths:?}");
    let missing: Vec<_> = paths.into_iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
