//! docs/SECURITY_MODEL.md names tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Adds the text of every source file below a folder.
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = String::new();
    for folder in ["common", "backend", "tui"] {
        read_sources(&root.join(folder), &mut sources);
    }
    let page = fs::read_to_string(root.join("docs/SECURITY_MODEL.md")).unwrap();
    // The third of four columns.
    let columns = page
        .lines()
        .filter(|line| line.starts_with("| API") || line.starts_with("| V"));
    let cells = columns.map(|line| line.split(" | ").nth(2).unwrap());
    let named: BTreeSet<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}()")), "there is no test {name}");
    }
}
