//! Notes the commit that the program is built from: `BOOKSTORE_COMMIT` if a packager sets it, else that of the clone.

use std::path::Path;
use std::process::Command;

/// Changes with every commit and every change of the branch.
const REFLOG: &str = "../.git/logs/HEAD";

fn main() {
    println!("cargo::rerun-if-env-changed=BOOKSTORE_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build would be built again after every commit.
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let given = std::env::var("BOOKSTORE_COMMIT").ok();
    let commit = given.or_else(|| is_release.then(head)?);
    println!(
        "cargo::rustc-env=BOOKSTORE_COMMIT={}",
        commit.as_deref().unwrap_or("unknown")
    );
}

/// The commit of the clone; `None` outside of one.
fn head() -> Option<String> {
    // Cargo would run the script again and again for a file that does not exist.
    if Path::new(REFLOG).exists() {
        println!("cargo::rerun-if-changed={REFLOG}");
    }
    let output = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    let commit = commit.trim();
    (output.status.success() && !commit.is_empty()).then(|| commit.to_owned())
}
