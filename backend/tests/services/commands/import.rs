//! `import`, `export FILE` and `generate`.

use std::collections::HashSet;
use std::fs;
use std::process::Stdio;
use std::time::Instant;

use super::FOUR;
use crate::bookstored::{self, assert_contains, run};
use crate::client::Client;
use crate::fixture::StoreFixture;

#[test]
fn an_imported_catalog_is_exported_unchanged_by_every_engine() {
    let text = run(&["generate", "3000"]).1;
    for fixture in StoreFixture::each() {
        let file = fixture.file("books.csv", &text);
        let stdout = fixture.succeed(&["import", &file]);
        assert_contains(&stdout, &["and 2980 more", "3000 added"]);
        assert_eq!(fixture.succeed(&["export"]), text);
        let copy = fixture.path("copy.csv").display().to_string();
        let stdout = fixture.succeed(&["export", &copy]);
        assert_contains(&stdout, &["3000 books", "entry 3000"]);
        assert_eq!(fs::read_to_string(&copy).unwrap(), text);
        assert!(!fixture.path("copy.csv.part").exists());
        let stdout = fixture.succeed(&["import", &copy]);
        assert_contains(&stdout, &["0 added, 0 changed, 0 withdrawn", "entry 3000"]);
    }
}

#[test]
fn a_seed_determines_the_generated_catalog() {
    let with = |arguments: &[&str]| run(&[&["generate", "200"], arguments].concat());
    assert_eq!(with(&[]), with(&["--seed", "1", "-"]));
    assert_ne!(with(&[]).1, with(&["--seed", "2"]).1);
    let text = with(&["--topics", "3"]).1;
    let topics = text.lines().skip(1).map(|line| line.rsplit(',').nth(1).unwrap());
    assert_eq!(topics.collect::<HashSet<_>>().len(), 3);
    assert_eq!(run(&["generate", "0"]).0, 2);
}

#[tokio::test]
async fn an_import_shows_its_changes_and_withdraws_books_only_with_replace() {
    for fixture in StoreFixture::each() {
        let fixture = fixture.with_four_books();
        fixture.sell(4).await;
        let edited = FOUR
            .replace("RPCs for Dummies,500,40", "RPCs for Everybody,498,42")
            .replace(
                "4,Cooking for the Impatient Graduate Student,500,150,graduate school\n",
                "",
            )
            .replace("in a day,400", "in a day,398")
            + "7,\"New, and \"\"quoted\"\"\",1,9.5,cooking\n";
        let file = fixture.file("edited.csv", &edited);
        let before = fixture.succeed(&["export"]);
        let shown = fixture.succeed(&["import", &file, "--dry-run"]);
        let changes = [
            "~ 2 \"RPCs for Dummies\": name \"RPCs for Dummies\" → \"RPCs for Everybody\", cost 40.00 → 42.00\n",
            "~ 1 ",
            "+ 7 \"New, and \\\"quoted\\\"\": stock 1, cost 9.50, topic \"cooking\"\n",
            "1 added, 2 changed, 0 withdrawn, 1 not in the file and kept",
            "would be 5 books after the entry 11",
        ];
        assert_contains(&shown, &changes);
        assert_eq!(fixture.succeed(&["export"]), before, "a dry run changes nothing");
        let done = fixture.succeed(&["import", &file, "--yes"]);
        assert_contains(&done, &["there are 5 books after the entry 11"]);
        let done = fixture.succeed(&["import", &file, "--replace", "--json"]);
        let done: serde_json::Value = serde_json::from_str(done.lines().last().unwrap()).unwrap();
        assert_eq!((&done["withdrawn"], &done["books"]), (&1.into(), &4.into()), "{done}");
        assert!(fixture.succeed(&["audit"]).starts_with("clean"));
        let shop = fixture.start_all();
        let client = Client::of(&shop, "frontend");
        assert_eq!(client.get("/search?item=4").await.status, 404);
        let book = client.get("/search?item=2").await.json();
        assert_eq!((&book["cost"], &book["stock"]), (&"42.00".into(), &498.into()));
        assert_eq!(client.buy(7, 1, None).await.status, 200);
    }
}

#[test]
fn a_bad_line_changes_nothing_and_is_named() {
    for fixture in StoreFixture::each() {
        let fixture = fixture.with_four_books();
        let bad = fixture.file("bad.csv", &format!("{FOUR}5,Five,many,1,t\n"));
        let stderr = fixture.fail(&["import", &bad]);
        assert_contains(&stderr, &["bad.csv:6: stock: expected a stock"]);
        assert_eq!(fixture.succeed(&["export"]).lines().count(), 5);
    }
}

#[test]
fn a_file_without_books_is_refused_unless_that_is_allowed() {
    for fixture in StoreFixture::each() {
        let fixture = fixture.with_four_books();
        for (name, text) in [("nothing.csv", ""), ("header.csv", "item,name,stock,cost,topic\n")] {
            let empty = fixture.file(name, text);
            for flags in [&["import", &empty][..], &["import", &empty, "--replace"]] {
                assert_contains(&fixture.fail(flags), &[name, "has no books", "--allow-empty"]);
            }
        }
        assert_eq!(fixture.succeed(&["export"]).lines().count(), 5);
        let empty = fixture.file("nothing.csv", "");
        let done = fixture.succeed(&["import", &empty, "--replace", "--allow-empty"]);
        assert_contains(&done, &["4 withdrawn"]);
    }
}

#[test]
fn a_fresh_store_is_not_filled_from_a_file_without_books() {
    let fixture = StoreFixture::csv();
    let empty = fixture.file("nothing.csv", "\n,,,\n");
    let stderr = fixture.fail(&["catalog", "--listen", "127.0.0.1:0", "--books", &empty]);
    assert_contains(&stderr, &["nothing.csv has no books"]);
}

#[test]
fn wrong_usage_and_a_missing_store_have_different_exit_codes() {
    let (csv, sqlite) = (StoreFixture::csv(), StoreFixture::sqlite());
    assert_eq!(sqlite.run(&["import"]).0, 2);
    assert_eq!(sqlite.run(&["export", "file", "--to", &csv.url]).0, 2);
    for fixture in StoreFixture::each() {
        for command in [&["export"][..], &["audit"], &["export", "--to", &csv.url]] {
            assert_contains(&fixture.fail(command), &["there is no store at"]);
        }
        let file = fixture.file("books.csv", FOUR);
        assert_contains(&fixture.succeed(&["import", &file, "--dry-run"]), &["4 added"]);
        assert_eq!(fixture.run(&["audit"]).0, 1, "the command created no store");
    }
    assert!(!csv.path("store").exists() && !sqlite.path("store.db").exists());
}

#[tokio::test]
async fn an_edit_by_hand_is_imported_on_request_and_undoes_no_sale() {
    let fixture = StoreFixture::csv().with_four_books();
    fixture.sell(4).await;
    let catalog = fixture.path("store").join("catalog.csv");
    let written = fs::read_to_string(&catalog).unwrap();
    let bad = written.replace("RPCs for Dummies,498,40.00", "RPCs for Dummies,498,cheap");
    fs::write(&catalog, &bad).unwrap();
    assert_contains(&fixture.fail(&["import"]), &["catalog.csv:3: cost: expected"]);
    let edited = written.replace("RPCs for Dummies,498,40.00", "RPCs for Everybody,498,45.00");
    fs::write(&catalog, &edited).unwrap();
    for command in [&["export"][..], &["import", "books.csv"]] {
        assert_eq!(fixture.run(command).0, 1);
    }
    let (code, stdout, _) = fixture.run(&["audit"]);
    assert_eq!(code, 4);
    assert_contains(
        &stdout,
        &["catalog.csv was edited by hand: book 2, cost: the file says 45.00"],
    );
    assert_contains(&fixture.succeed(&["import", "--dry-run"]), &["cost 40.00 → 45.00"]);
    assert_eq!(
        fs::read_to_string(&catalog).unwrap(),
        edited,
        "the edited file is kept for the import"
    );
    assert_contains(&fixture.succeed(&["import"]), &["1 changed"]);
    assert!(fixture.succeed(&["audit"]).starts_with("clean"));
    assert_contains(&fixture.fail(&["import"]), &["was not edited"]);
    let shop = fixture.start_all();
    let book = Client::of(&shop, "frontend").get("/search?item=2").await.json();
    assert_eq!(book["title"], "RPCs for Everybody");
    assert_eq!((&book["cost"], &book["stock"]), (&"45.00".into(), &498.into()));
}

#[test]
fn a_line_removed_by_hand_withdraws_its_book_only_with_replace() {
    let fixture = StoreFixture::csv().with_four_books();
    let catalog = fixture.path("store").join("catalog.csv");
    let take_out = |line_end: &str| {
        let written = fs::read_to_string(&catalog).unwrap();
        let lines: Vec<&str> = written.lines().filter(|line| !line.starts_with("3,")).collect();
        fs::write(&catalog, lines.join(line_end)).unwrap();
    };
    take_out("\n");
    let (code, stdout, stderr) = fixture.run(&["import"]);
    assert_eq!(code, 0, "{stderr}");
    assert_contains(&stdout, &["0 withdrawn, 1 not in the file and kept"]);
    assert_contains(&stderr, &["a copy is kept"]);
    assert_eq!(fixture.succeed(&["export"]).lines().count(), 5);
    take_out("\r\n");
    assert!(fixture.succeed(&["import", "--replace"]).contains("1 withdrawn"));
    assert_eq!(fixture.succeed(&["export"]).lines().count(), 4);
    assert!(fixture.succeed(&["audit"]).starts_with("clean"));
}

/// Runs an import into the shop at that address, with the shopkeeper's token.
fn import_into(url: &str, arguments: &[&str]) -> (i32, String, String) {
    run(&[&["import", "--url", url], arguments].concat())
}

#[tokio::test]
async fn an_import_into_a_running_shop_keeps_its_stocks_on_request() {
    let fixture = StoreFixture::csv().with_four_books();
    let shop = fixture.start_all();
    let client = Client::of(&shop, "frontend");
    let url = shop.url("frontend");
    client.buy(2, 3, None).await;
    let edited = FOUR
        .replace("RPCs for Dummies,500,40", "RPCs for Everybody,500,42")
        .replace(
            "4,Cooking for the Impatient Graduate Student,500,150,graduate school\n",
            "",
        )
        + "7,Made of Sand,12,9.5,novels\n";
    let file = fixture.file("edited.csv", &edited);
    let (code, stdout, stderr) = import_into(url, &[&file, "--keep-stock", "--dry-run"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let changes = [
        "+ 7 \"Made of Sand\": stock 0",
        "cost 40.00 → 42.00",
        "1 added, 1 changed",
    ];
    assert_contains(&stdout, &changes);
    assert_eq!(
        client.get("/search?item=7").await.status,
        404,
        "a dry run changes nothing"
    );
    let (code, stdout, stderr) = import_into(url, &[&file, "--keep-stock", "--yes"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_contains(
        &stdout,
        &[
            "1 added, 1 changed, 0 withdrawn, 1 not in the file",
            "there are 5 books after the entry 7",
        ],
    );
    let book = client.get("/search?item=2").await.json();
    let columns = (&book["title"], &book["cost"], &book["stock"]);
    assert_eq!(columns, (&"RPCs for Everybody".into(), &"42.00".into(), &497.into()));
    let (code, stdout, _) = import_into(url, &[&file, "--replace", "--json"]);
    let done: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (code, &done["changed"], &done["withdrawn"], &done["head"]),
        (0, &2.into(), &1.into(), &10.into())
    );
    assert_eq!((client.stock(2).await, client.stock(7).await), (500, 12));
    assert_eq!(client.get("/search?item=4").await.status, 404);
    let (_, stdout, _) = import_into(url, &[&file, "--replace"]);
    assert_contains(&stdout, &["0 added, 0 changed, 0 withdrawn"]);
    let empty = fixture.file("nothing.csv", "");
    assert_contains(&import_into(url, &[&empty, "--replace"]).2, &["has no books"]);
    assert_eq!(import_into(url, &[]).0, 2, "an import without a file is wrong usage");
    assert!(shop.stop().success());
    assert!(fixture.succeed(&["audit"]).starts_with("clean"));
}

#[test]
fn an_import_into_a_running_shop_needs_its_address_and_its_token() {
    let fixture = StoreFixture::csv();
    let file = fixture.file("books.csv", FOUR);
    let shop = fixture.start_all();
    let mut without = bookstored::command(&["import", &file, "--url", shop.url("frontend")]);
    let refused = without.env_remove("BOOKSTORE_ADMIN_TOKEN").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert_contains(&String::from_utf8_lossy(&refused.stderr), &["--admin-token-file"]);
    let mut other = bookstored::command(&["import", &file, "--url", shop.url("frontend")]);
    let refused = other
        .env("BOOKSTORE_ADMIN_TOKEN", "another-token-for-tests")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert_contains(&String::from_utf8_lossy(&refused.stderr), &["the shop cannot be read"]);
    for (url, code) in [
        ("ftp://127.0.0.1:1", 2),
        ("http://user@127.0.0.1:1", 2),
        ("http://127.0.0.1:1", 1),
    ] {
        assert_eq!(import_into(url, &[&file]).0, code, "{url}");
    }
}

#[test]
fn an_import_continues_after_the_shop_is_killed() {
    let fixture = StoreFixture::sqlite().with_four_books();
    let address = testing::ReservedAddress::new().unwrap();
    let listen = address.to_string();
    let mut arguments = bookstored::all_arguments(&fixture.url);
    arguments[4] = &listen;
    let shop = bookstored::start(&arguments);
    let text = run(&["generate", "40000"]).1;
    let file = fixture.file("books.csv", &text);
    let mut import = bookstored::command(&["import", "--url", &address.url(), &file, "--json"]);
    let import = import.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Some batches are applied, others are not.
    let start = Instant::now();
    while entries(&fixture) < 5_000 {
        assert!(start.elapsed() < testing::WAIT_TIMEOUT, "the import does not start");
        std::thread::yield_now();
    }
    drop(shop);
    assert!(entries(&fixture) < 40_000, "the import was over before the kill");
    let shop = bookstored::start(&arguments);
    let done = import.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert_eq!((done.status.code(), &*stderr), (Some(0), ""));
    let done: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (&done["added"], &done["books"]),
        (&39_996.into(), &40_000.into()),
        "{done}"
    );
    assert!(shop.stop().success());
    assert_eq!(fixture.succeed(&["export"]), text);
    assert!(fixture.succeed(&["audit"]).starts_with("clean"));
}

/// The number of entries of a SQLite store, read while its catalog runs.
fn entries(fixture: &StoreFixture) -> i64 {
    let file = fixture.path("store.db");
    let database = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database
        .query_row("SELECT coalesce(max(seq), 0) FROM ledger", [], |row| row.get(0))
        .unwrap()
}
