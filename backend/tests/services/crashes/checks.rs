//! The external check of a store against the journal, `backend/checks/check_ledger.py`.

use std::path::Path;
use std::process::Command;

use super::journal::Journal;
use crate::fixture::StoreFixture;

/// Whether the checks can run. Returns `false` only if they may be skipped, and fails otherwise.
pub(super) fn are_available() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok();
    if !found {
        testing::skip_or_fail("python3", "install Python 3");
    }
    found
}

/// A PostgreSQL store whose role may not send notifications, so that catalogs must poll for each other's entries.
pub(super) fn postgres_without_notifications() -> Option<StoreFixture> {
    let mut fixture = StoreFixture::postgres_on_own_server()?;
    let (server, schema) = (fixture.server.clone()?, fixture.schema());
    server.sql(&format!(
        "CREATE ROLE silent LOGIN; GRANT ALL ON SCHEMA {schema} TO silent; \
         REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC"
    ));
    let may_notify = server.sql("SELECT has_function_privilege('silent', 'pg_notify(text, text)', 'EXECUTE')");
    assert_eq!(may_notify, "f");
    fixture.url = fixture.url.replace("shop@", "silent@");
    Some(fixture)
}

/// Compares the store with the answers that clients got. Returns the output of the check, as an error if it found a violation.
pub(super) fn check(fixture: &StoreFixture, journal: &Journal, is_stopped: bool) -> Result<String, String> {
    check_url(fixture, &fixture.url, journal, is_stopped)
}

/// Like [`check`], for a falsified copy of the stopped store.
pub(super) fn check_forged(fixture: &StoreFixture, how: &str, journal: &Journal) -> Result<String, String> {
    let url = copy(fixture, how);
    let forged = script(fixture, "forge.py").args([&url, how]).status().unwrap();
    assert!(forged.success());
    check_url(fixture, &url, journal, true)
}

fn check_url(fixture: &StoreFixture, url: &str, journal: &Journal, is_stopped: bool) -> Result<String, String> {
    let output = script(fixture, "check_ledger.py")
        .args([url, "--settled"])
        .args(is_stopped.then_some("--at-rest"))
        .arg(journal.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(text),
        Some(1) => Err(text),
        _ => panic!("the check itself failed: {text}"),
    }
}

/// Copies a stopped store and returns the copy's URL.
fn copy(fixture: &StoreFixture, name: &str) -> String {
    if let Some(server) = &fixture.server {
        server.sql(&format!("CREATE DATABASE \"{name}\" TEMPLATE postgres"));
        return fixture.url.replace("/postgres?", &format!("/{name}?"));
    }
    let copy = fixture.path(name);
    if fixture.engine() == "csv" {
        std::fs::create_dir(&copy).unwrap();
        for file in fixture.path("store").read_dir().unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    } else {
        // After a clean stop there is no write-ahead log beside the file.
        std::fs::copy(fixture.path("store.db"), &copy).unwrap();
    }
    format!("{}:{}", fixture.engine(), copy.display())
}

fn script(fixture: &StoreFixture, name: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("checks").join(name));
    if let Some(server) = &fixture.server {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(server.bin_dir().to_owned()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
    }
    // Python must not write compiled files beside the scripts.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
