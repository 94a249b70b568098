//! `import`, `export FILE` and `generate`.

use std::fs;

use super::{FOUR, Place, generated, ran};
use crate::shop::{Customer, open_all};

#[test]
fn a_catalog_goes_into_any_store_and_comes_out_as_it_was() {
    let text = generated(3_000);
    for place in Place::of_each_kind() {
        let file = place.file("books.csv", &text);
        let told = place.done(&["import", &file]);
        assert!(told.contains("and 2980 more") && told.contains("3000 added"), "{told}");
        assert_eq!(place.done(&["export"]), text);
        let copy = place.path("copy.csv").display().to_string();
        let told = place.done(&["export", &copy]);
        assert!(told.contains("3000 books") && told.contains("entry 3000"), "{told}");
        assert_eq!(fs::read_to_string(&copy).unwrap(), text);
        assert!(!place.path("copy.csv.part").exists());
        let told = place.done(&["import", &copy]);
        assert!(
            told.contains("0 added, 0 changed, 0 withdrawn") && told.contains("entry 3000"),
            "{told}"
        );
    }
}

#[test]
fn what_is_made_up_is_the_same_for_the_same_seed() {
    let with = |arguments: &[&str]| ran(&[&["generate", "200"], arguments].concat());
    assert_eq!(with(&[]), with(&["--seed", "1", "-"]));
    assert_ne!(with(&[]).1, with(&["--seed", "2"]).1);
    let topics = |text: &str| {
        let lines = text.lines().skip(1);
        let topics: std::collections::HashSet<String> =
            lines.map(|line| line.rsplit(',').nth(1).unwrap().to_owned()).collect();
        topics.len()
    };
    assert_eq!(topics(&with(&["--topics", "3"]).1), 3);
    assert_eq!(ran(&["generate", "0"]).0, 2);
}

#[tokio::test]
async fn an_import_into_a_filled_store_shows_its_changes_and_withdraws_only_when_told() {
    for place in Place::of_each_kind() {
        let file = place.file("books.csv", FOUR);
        place.done(&["import", &file]);
        place.sell(4).await;
        let edited = FOUR
            .replace("RPCs for Dummies,500,40", "RPCs for Everybody,498,42")
            .replace(
                "4,Cooking for the Impatient Graduate Student,500,150,graduate school\n",
                "",
            )
            .replace("in a day,400", "in a day,398")
            + "7,\"New, and \"\"quoted\"\"\",1,9.5,cooking\n";
        let file = place.file("edited.csv", &edited);
        let before = place.done(&["export"]);
        let shown = place.done(&["import", &file, "--dry-run"]);
        for line in [
            "~ 2 \"RPCs for Dummies\": name \"RPCs for Dummies\" → \"RPCs for Everybody\", cost 40.00 → 42.00\n",
            "~ 1 ",
            "+ 7 \"New, and \\\"quoted\\\"\": stock 1, cost 9.50, topic \"cooking\"\n",
            "1 added, 2 changed, 0 withdrawn, 1 not in the file and kept",
            "would be 5 books after the entry 11",
        ] {
            assert!(shown.contains(line), "{line} is not in {shown}");
        }
        assert_eq!(place.done(&["export"]), before, "a dry run changes nothing");
        let done = place.done(&["import", &file, "--yes"]);
        assert!(done.contains("there are 5 books after the entry 11"), "{done}");
        let done = place.done(&["import", &file, "--replace", "--json"]);
        let done: serde_json::Value = serde_json::from_str(done.lines().last().unwrap()).unwrap();
        assert_eq!((&done["withdrawn"], &done["books"]), (&1.into(), &4.into()), "{done}");
        assert!(place.done(&["audit"]).starts_with("clean"));
        let shop = open_all(&place.url);
        let customer = Customer::of(&shop, "frontend");
        assert_eq!(customer.get("/search?item=4").await.status, 404);
        let book = customer.get("/search?item=2").await.json();
        assert_eq!((&book["cost"], &book["stock"]), (&"42.00".into(), &498.into()));
        assert_eq!(customer.buy(7, 1, None).await.status, 200);
    }
}

#[test]
fn a_bad_line_changes_nothing_and_is_named() {
    for place in Place::of_each_kind() {
        let file = place.file("books.csv", FOUR);
        place.done(&["import", &file]);
        let bad = place.file("bad.csv", &format!("{FOUR}5,Five,many,1,t\n"));
        let (code, told, said) = place.run(&["import", &bad]);
        assert_eq!((code, told.as_str()), (1, ""));
        assert!(said.contains("bad.csv:6: stock: expected a stock"), "{said}");
        assert_eq!(place.done(&["export"]).lines().count(), 5);
    }
}

#[test]
fn wrong_usage_and_what_is_not_there_leave_different_codes() {
    let (csv, sqlite) = (Place::csv(), Place::sqlite());
    assert_eq!(sqlite.run(&["import"]).0, 2);
    assert_eq!(sqlite.run(&["export", "file", "--to", &csv.url]).0, 2);
    for place in Place::of_each_kind() {
        for command in [&["export"][..], &["audit"], &["export", "--to", &csv.url]] {
            let (code, told, said) = place.run(command);
            assert_eq!((code, told.as_str()), (1, ""), "{said}");
            assert!(said.contains("there is no store at"), "{said}");
        }
        let file = place.file("books.csv", FOUR);
        let told = place.done(&["import", &file, "--dry-run"]);
        assert!(told.contains("4 added"), "{told}");
        assert_eq!(place.run(&["audit"]).0, 1, "nothing was made");
    }
    assert!(!csv.path("store").exists() && !sqlite.path("store.db").exists());
}

#[test]
fn a_running_catalog_keeps_every_command_out() {
    for place in [Place::csv(), Place::sqlite()] {
        let _shop = open_all(&place.url);
        let file = place.file("books.csv", FOUR);
        for command in [&["import", &file][..], &["export"], &["audit"]] {
            let (code, _, said) = place.run(command);
            assert!(
                code == 1 && said.contains("in use by another program (process"),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn an_edit_by_hand_is_taken_on_request_and_undoes_no_sale() {
    let place = Place::csv();
    place.done(&["import", &place.file("books.csv", FOUR)]);
    place.sell(4).await;
    let catalog = place.path("store").join("catalog.csv");
    let written = fs::read_to_string(&catalog).unwrap();
    let bad = written.replace("RPCs for Dummies,498,40.00", "RPCs for Dummies,498,cheap");
    fs::write(&catalog, &bad).unwrap();
    let (code, _, said) = place.run(&["import"]);
    assert!(code == 1 && said.contains("catalog.csv:3: cost: expected"), "{said}");
    let edited = written.replace("RPCs for Dummies,498,40.00", "RPCs for Everybody,498,45.00");
    fs::write(&catalog, &edited).unwrap();
    for command in [&["export"][..], &["import", "books.csv"]] {
        assert_eq!(place.run(command).0, 1);
    }
    let (code, told, _) = place.run(&["audit"]);
    assert!(
        code == 1 && told.contains("catalog.csv was edited by hand: book 2, cost: the file says 45.00"),
        "{told}"
    );
    let told = place.done(&["import", "--dry-run"]);
    assert!(told.contains("cost 40.00 → 45.00"), "{told}");
    assert_eq!(fs::read_to_string(&catalog).unwrap(), edited, "still there to be taken");
    let told = place.done(&["import"]);
    assert!(told.contains("1 changed"), "{told}");
    assert!(place.done(&["audit"]).starts_with("clean"));
    let (code, _, said) = place.run(&["import"]);
    assert!(code == 1 && said.contains("nobody has edited"), "{said}");
    let shop = open_all(&place.url);
    let book = Customer::of(&shop, "frontend").get("/search?item=2").await.json();
    assert_eq!(
        (&book["title"], &book["cost"], &book["stock"]),
        (&"RPCs for Everybody".into(), &"45.00".into(), &498.into())
    );
}

#[test]
fn a_line_that_was_taken_out_by_hand_takes_its_book_away_only_when_told() {
    let place = Place::csv();
    place.done(&["import", &place.file("books.csv", FOUR)]);
    let catalog = place.path("store").join("catalog.csv");
    let take_out = |line_end: &str| {
        let written = fs::read_to_string(&catalog).unwrap();
        let lines: Vec<&str> = written.lines().filter(|line| !line.starts_with("3,")).collect();
        fs::write(&catalog, lines.join(line_end)).unwrap();
    };
    take_out("\n");
    let (code, told, said) = place.run(&["import"]);
    assert!(
        code == 0 && told.contains("0 withdrawn, 1 not in the file and kept") && said.contains("a copy is kept"),
        "{told}{said}"
    );
    assert_eq!(place.done(&["export"]).lines().count(), 5);
    take_out("\r\n");
    assert!(place.done(&["import", "--replace"]).contains("1 withdrawn"));
    assert_eq!(place.done(&["export"]).lines().count(), 4);
    assert!(place.done(&["audit"]).starts_with("clean"));
}
