//! Tests without the environment. `tests/services/configuration.rs` tests the precedence.

mod table;

use super::variables::unknown;
use super::*;

fn parse(text: &str) -> Result<File, Error> {
    File::parse("shop.toml".as_ref(), text, &Cli::command())
}

fn load(text: &str, line: &str) -> Result<Configuration, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.toml");
    std::fs::write(&path, text).unwrap();
    let line = format!("bookstored --config {} {line}", path.display());
    let loaded = Configuration::load(line.split_whitespace().map(OsString::from));
    loaded.map_err(|error| error.to_string().replace(path.to_str().unwrap(), "shop.toml"))
}

fn report(text: &str, line: &str) -> Vec<String> {
    let report = load(text, line).unwrap().report();
    let lines = report
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect()
}

#[test]
fn an_unknown_key_is_an_error_with_its_line_and_the_nearest_name() {
    for (text, expected) in [
        (
            "\n\nlisen = \"a\"",
            "shop.toml:3: there is no setting \"lisen\"; did you mean \"listen\"?",
        ),
        (
            "grace_ = 1",
            "shop.toml:1: there is no setting \"grace_\"; did you mean \"grace\"?",
        ),
        (
            "[catalog]\nrate-limit = 1",
            "shop.toml:2: there is no setting \"rate-limit\" of catalog",
        ),
        ("[import]\nyes = true", "shop.toml:1: there is no setting \"import\""),
        ("config = \"x\"", "shop.toml:1: there is no setting \"config\""),
        ("yes = true", "shop.toml:1: there is no setting \"yes\""),
        ("grace = {a = 1}", "shop.toml:1: grace: expected a text, a number"),
        ("grace = 1979-05-27", "shop.toml:1: grace: expected a text, a number"),
        ("grace = \"1s\"\ngrace = \"2s\"", "shop.toml:2: duplicate key"),
        ("grace", "shop.toml:1: "),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_value_that_cannot_be_used_is_an_error_with_its_line_and_key() {
    for (text, expected) in [
        (
            "listen = \"127.0.0.1:0\"\ngrace = \"soon\"",
            "shop.toml:2: grace: expected a duration like 10s",
        ),
        ("[all]\nlisten = 8080", "shop.toml:2: listen: invalid socket address"),
        (
            "init = \"yes\"",
            "shop.toml:1: init: invalid value 'yes' for '--init' [possible values: true, false]",
        ),
        (
            "trusted-proxy = [\"10.0.0.0/8\", \"x\"]",
            "shop.toml:1: trusted-proxy: expected a network",
        ),
    ] {
        let error = load(text, "all").unwrap_err();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    // A flag overrides the value of the file, which is not parsed then.
    assert!(load("grace = \"soon\"", "all --grace 1s").is_ok());
}

#[test]
fn a_flag_overrides_the_file_and_the_table_of_a_service_overrides_the_common_keys() {
    let text = "grace = 20\nlisten = \"127.0.0.1:1\"\n[catalog]\nlisten = \"127.0.0.1:2\"\n";
    for (line, expected) in [
        ("config", "listen = \"127.0.0.1:1\" # file, line 2"),
        ("config order", "listen = \"127.0.0.1:1\" # file, line 2"),
        ("config catalog", "listen = \"127.0.0.1:2\" # file, line 4"),
        (
            "config catalog --listen 127.0.0.1:3",
            "listen = \"127.0.0.1:3\" # flag --listen",
        ),
        ("config catalog", "grace = \"20\" # file, line 1"),
        ("config catalog", "drain-delay = \"0s\" # default"),
        ("config frontend", "# rate-limit is not set"),
    ] {
        let report = report(text, line);
        assert!(report.iter().any(|line| line == expected), "{line}: {report:#?}");
    }
}

#[test]
fn a_report_is_a_configuration_file_without_secrets() {
    let text = "allow-empty = true\nallowed-host = [\"a.example\", \"b.example,c.example\"]\n\
                store = \"postgres://user:secret@db/books\"\nbooks = 'a \"b\"'";
    let shown = load(text, "config catalog").unwrap().report();
    let lines: Vec<String> = shown
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "allow-empty = true # file, line 1",
        "allowed-host = [\"a.example\", \"b.example\", \"c.example\"] # file, line 2",
        "books = 'a \"b\"' # file, line 4",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {shown}");
    }
    let urls = "catalog-url = [\"http://u:secret@a:1\", \"http://b:2\"]";
    let urls = load(urls, "config frontend").unwrap().report();
    assert!(urls.contains("http://…@a:1,http://b:2"), "{urls}");
    assert!(!shown.contains("secret") && !urls.contains("secret"), "{shown}{urls}");
    parse(&shown).unwrap();
}

#[test]
fn a_misspelled_variable_is_reported_with_the_nearest_name() {
    let set = [
        "BOOKSTORE_GRACE",
        "BOOKSTORE_LISEN",
        "BOOKSTORE_URL",
        "BOOKSTORE_XYZZY",
        "HOME",
        "BOOKSTORE_ADMIN_TOKE",
    ];
    assert_eq!(
        unknown(set.into_iter().map(OsString::from)),
        [
            "the variable BOOKSTORE_ADMIN_TOKE has no effect; did you mean BOOKSTORE_ADMIN_TOKEN?",
            "the variable BOOKSTORE_LISEN has no effect; did you mean BOOKSTORE_LISTEN?",
            "the variable BOOKSTORE_XYZZY has no effect: there is no such setting",
        ]
    );
}
