//! The help, completions and man pages.

use crate::front_end::{command, exit_and_output};

fn output_of(arguments: &str) -> String {
    let output = command(arguments).env("COLUMNS", "100").output().unwrap();
    let (code, out, err) = exit_and_output(&output);
    assert_eq!((code, err.as_str()), (0, ""), "{arguments}");
    out
}

#[test]
fn the_help_matches_its_snapshot() {
    let mut help = output_of("--help");
    for name in [
        "autopilot",
        "topics",
        "search",
        "lookup",
        "buy",
        "order",
        "orders",
        "watch",
        "sshd",
        "restock",
        "price",
        "add",
        "withdraw",
        "completions",
        "man",
    ] {
        help += &format!(
            "\n==== bookstore {name} --help\n\n{}",
            output_of(&format!("{name} --help"))
        );
    }
    insta::assert_snapshot!(help);
    let commands = help.split("==== ").skip(1);
    for command in commands.filter(|command| !command.starts_with("bookstore autopilot")) {
        assert!(!command.contains("--theme"), "it has no screen: {command}");
    }
}

#[test]
fn completions_and_man_pages_need_no_store_and_contain_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = output_of(&format!("completions {shell}"));
        for word in ["autopilot", "restock", "reduced-motion"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let page = output_of("man");
    assert!(page.contains(".TH bookstore 1") && page.contains("autopilot"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(output_of(&format!("man {}", folder.path().display())), "");
    let buy = std::fs::read_to_string(folder.path().join("bookstore-buy.1")).unwrap();
    assert!(buy.contains("quantity"), "{buy}");
}
