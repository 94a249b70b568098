//! Settings from flags, variables and a configuration file.

use std::process::{Command, Output};

use testing::Process;

use crate::bookstored::{ANY_PORT, assert_contains, command};
use crate::client::Client;
use crate::fixture::StoreFixture;

fn output(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn a_flag_overrides_a_variable_which_overrides_the_file_which_overrides_a_default() {
    let store = StoreFixture::csv();
    let text = "grace = \"2s\"\ndrain-delay = \"2s\"\nbooks = \"a.csv\"\nadmin-token-file = \"token\"\n";
    let file = store.file("shop.toml", text);
    let mut shown = command(&["config", "catalog", "--config", &file, "--grace", "4s"]);
    shown.env("BOOKSTORE_GRACE", "3s").env("BOOKSTORE_DRAIN_DELAY", "3s");
    let (code, report, problems) = output(&mut shown);
    assert_eq!((code, problems.as_str()), (0, ""));
    let lines: Vec<String> = report
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "grace = \"4s\" # flag --grace",
        "drain-delay = \"3s\" # environment BOOKSTORE_DRAIN_DELAY",
        "books = \"a.csv\" # file, line 3",
        "listen = \"127.0.0.1:8081\" # default",
        // The variable holds the token itself, and overrides the file.
        "# admin-token-file is not set",
        "# BOOKSTORE_ADMIN_TOKEN is set in the environment; it is not shown",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {report}");
    }
}

#[tokio::test]
async fn the_services_of_a_machine_share_a_file() {
    let store = StoreFixture::csv();
    let text = format!("listen = \"{ANY_PORT}\"\n[catalog]\nstore = \"{}\"\n", store.url);
    let file = store.file("shop.toml", &text);
    let start = |role: &str, urls: &[&str]| {
        let mut command = command(&[&[role], urls].concat());
        Process::start(command.env("BOOKSTORE_CONFIG", &file), 1).unwrap()
    };
    let catalog = start("catalog", &[]);
    let urls = ["--catalog-url", catalog.url("catalog")];
    let order = start("order", &urls);
    let frontend = start("frontend", &[&urls[..], &["--order-url", order.url("order")]].concat());
    assert_eq!(Client::of(&frontend, "frontend").buy(2, 1, None).await.status, 200);
    assert!(store.ledger_file().exists());
}

#[test]
fn an_invalid_file_is_wrong_usage_and_a_misspelled_variable_causes_a_warning() {
    let store = StoreFixture::csv();
    let file = store.file("shop.toml", "\ncatalog-ur = \"http://a\"\n");
    let (code, _, why) = output(&mut command(&["frontend", "--config", &file]));
    assert_eq!(code, 2, "{why}");
    assert_contains(
        &why,
        &[
            &format!("{file}:2: "),
            "\"catalog-ur\"",
            "did you mean \"catalog-url\"?",
        ],
    );
    let (code, _, why) = output(&mut command(&["frontend", "--config", "/nonexistent.toml"]));
    assert_eq!(code, 2, "{why}");
    assert_contains(&why, &["/nonexistent.toml", "No such file"]);
    let (code, _, warning) = output(command(&["config"]).env("BOOKSTORE_GRASE", "1s"));
    assert_eq!(code, 0);
    assert_contains(
        &warning,
        &["WARN", "BOOKSTORE_GRASE has no effect", "did you mean BOOKSTORE_GRACE?"],
    );
}
