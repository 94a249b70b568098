//! Invalid token files, and other settings that are refused at the start.

use crate::bookstored::{ANY_PORT, assert_contains, assert_wrong_usage, run, start};
use crate::client::Client;
use crate::fixture::StoreFixture;

#[test]
fn an_invalid_token_file_is_refused_at_the_start() {
    let store = StoreFixture::csv();
    for (content, why) in [
        ("x", "1 character can be guessed; make"),
        ("", "empty"),
        ("two-lines-of-text\ntwo-lines-of-text\n", "one line"),
    ] {
        let file = store.file("token", content);
        let (code, _, stderr) = run(&["frontend", "--listen", ANY_PORT, "--admin-token-file", &file]);
        assert_eq!(code, 2, "{content:?}: {stderr}");
        assert_contains(&stderr, &["shopkeeper's token", &file, why]);
    }
    for file in ["/dev/zero", "/dev/random", "/", "/nowhere"] {
        let (code, _, stderr) = run(&["frontend", "--listen", ANY_PORT, "--admin-token-file", file]);
        assert_eq!(code, 2, "{file}: {stderr}");
        assert_contains(&stderr, &[file]);
    }
}

#[tokio::test]
async fn a_token_is_read_from_a_pipe_once_for_all_services() {
    let store = StoreFixture::csv();
    let file = store.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
    assert!(made.success());
    let writer = {
        let file = file.clone();
        std::thread::spawn(move || std::fs::write(file, "a-token-of-a-pipe\n"))
    };
    let file = file.display().to_string();
    let arguments = crate::bookstored::all_arguments(&store.url);
    let shop = start(&[&arguments[..], &["--admin-token-file", &file]].concat());
    writer.join().unwrap().unwrap();
    let token = [("authorization", "Bearer a-token-of-a-pipe")];
    let client = Client::of(&shop, "frontend");
    let restocked = client.send("PUT", "/stock/1", &token, r#"{"change":1}"#).await;
    assert_eq!(restocked.status, 200, "{}", restocked.body);
}

#[test]
fn addresses_that_can_never_work_are_wrong_usage() {
    for listen in ["nonsense", "127.0.0.1", "127.0.0.1:99999", "192.0.2.1:8080"] {
        assert_wrong_usage(&["order", "--listen", listen]);
    }
    for url in [
        "nonsense",
        "127.0.0.1:8081",
        "ftp://127.0.0.1:8081",
        "http://",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:8081?a=b",
        "http://127.0.0.1:8081,nonsense",
        "",
    ] {
        assert_wrong_usage(&["order", "--listen", ANY_PORT, "--catalog-url", url]);
        assert_wrong_usage(&["frontend", "--listen", ANY_PORT, "--order-url", url]);
    }
}
