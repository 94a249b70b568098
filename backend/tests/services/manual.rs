//! The completions and man pages.

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::bookstored::{assert_contains, run};

#[test]
fn completions_and_man_pages_contain_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script, stderr) = run(&["completions", shell]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{shell}");
        assert_contains(&script, &["frontend", "audit", "drain-delay"]);
    }
    let (code, page, stderr) = run(&["man"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_contains(&page, &[".TH bookstored 1", "frontend", "audit"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    assert_eq!(run(&["man", path.to_str().unwrap()]), (0, String::new(), String::new()));
    let page = std::fs::read_to_string(path.join("bookstored-all.1")).unwrap();
    assert_contains(&page, &["drain", "BOOKSTORE_STORE"]);
}

#[test]
fn a_manual_page_shows_no_secret_of_the_environment_and_its_reader_may_end_early() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookstored"));
    command.env("BOOKSTORE_ADMIN_TOKEN", "a-secret-of-the-shop");
    let folder = tempfile::tempdir().unwrap();
    let written = command.arg("man").arg(folder.path()).status().unwrap();
    assert!(written.success());
    for page in folder.path().read_dir().unwrap() {
        let page = std::fs::read_to_string(page.unwrap().path()).unwrap();
        assert!(!page.contains("a-secret-of-the-shop"), "{page}");
    }
    let mut left = Command::new(env!("CARGO_BIN_EXE_bookstored"));
    let mut left = left.args(["completions", "bash"]);
    left = left.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = left.spawn().unwrap();
    drop(process.stdout.take());
    let mut stderr = String::new();
    process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((process.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}
