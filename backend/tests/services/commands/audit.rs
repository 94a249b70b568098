//! `audit`: the violations that it finds, and that it changes no file.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::bookstored::assert_contains;
use crate::client::{Client, key};
use crate::fixture::StoreFixture;

/// A store with the four books and 20 sales.
async fn sold(fixture: StoreFixture) -> StoreFixture {
    let fixture = fixture.with_four_books();
    fixture.sell(20).await;
    let stdout = fixture.succeed(&["audit"]);
    assert!(stdout.starts_with("clean"), "{stdout}");
    assert_contains(&stdout, &["24 entries, 4 books: 20 sold (20 copies for 700.00)"]);
    fixture
}

/// The output of an audit that must find a violation.
fn violations(fixture: &StoreFixture) -> String {
    let (code, stdout, stderr) = fixture.run(&["audit"]);
    assert_eq!((code, stderr.as_str()), (4, ""), "{stdout}");
    assert!(stdout.starts_with("violated"), "{stdout}");
    stdout
}

fn ledger(fixture: &StoreFixture) -> PathBuf {
    fixture.path("store").join("ledger.csv")
}

/// Changes columns of an entry's line, as in `quantity=2 change=-2`, and corrects its checksum if `skilled`.
fn edit(fixture: &StoreFixture, seq: u64, changes: &str, skilled: bool) {
    let text = fs::read_to_string(ledger(fixture)).unwrap();
    let columns: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let lines = text.lines().map(|line| {
        let mut fields: Vec<&str> = line.split(',').collect();
        if fields[0] != seq.to_string() || fields[2] == "checkpoint" {
            return format!("{line}\n");
        }
        for change in changes.split(' ') {
            let (column, value) = change.split_once('=').unwrap();
            let index = columns.iter().position(|name| *name == column);
            fields[index.unwrap()] = value;
        }
        let (sum, checked) = fields.split_last().unwrap();
        let checked = checked.join(",");
        let sum = match skilled {
            true => format!("{:08x}", crc32c::crc32c(checked.as_bytes())),
            false => (*sum).to_owned(),
        };
        format!("{checked},{sum}\n")
    });
    fs::write(ledger(fixture), lines.collect::<String>()).unwrap();
}

fn files(fixture: &StoreFixture) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(fixture.path("store")).unwrap();
    let paths = files
        .map(|file| file.unwrap().path())
        .filter(|path| !path.ends_with("lock"));
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// The cells of a table in a text, one row a line.
fn rows<const N: usize>(table: &str) -> impl Iterator<Item = [&str; N]> {
    let lines = table.trim().lines();
    lines.map(|line| Vec::from_iter(line.split('|').map(str::trim)).try_into().unwrap())
}

#[tokio::test]
async fn a_sale_edited_by_hand_is_found_in_a_csv_store() {
    // Entry 9 reduced the stock of book 1 from 398 to 397; it is line 13 of the file.
    const CASES: &str = "
        unskilled | stock_after=398 | ledger.csv:13: the checksum does not match
        skilled | stock_after=398 | entry 9, book 1: the stock of 398 changed by -1 does not make 398
        skilled | quantity=2 change=-2 stock_after=396 \
            | entry 11, book 1: the stock of 396 changed by -1 does not make 396
        skilled | quantity=2 | entry 9, book 1: the sale has a quantity of 2, but changes the stock by -1
        skilled | unit_cost=3.00 | entry 9, book 1: the entry has a price of 3.00, but the price in force is 30.00
        skilled | kind=refused reason=sold-out change=0 stock_after=398 \
            | entry 9, book 1: a quantity of 1 was refused as sold out with 398 in stock";
    let fixture = sold(StoreFixture::csv()).await;
    let sound = fs::read_to_string(ledger(&fixture)).unwrap();
    let sale = sound.lines().nth(12).unwrap();
    assert!(sale.starts_with("9,") && sale.contains(",397,"), "{sale}");
    for [skill, changes, expected] in rows(CASES) {
        fs::write(ledger(&fixture), &sound).unwrap();
        edit(&fixture, 9, changes, skill == "skilled");
        let before = files(&fixture);
        assert_contains(&violations(&fixture), &[expected]);
        assert_eq!(files(&fixture), before, "an audit changes nothing");
    }
}

#[tokio::test]
async fn the_last_sale_edited_by_hand_is_found_by_the_catalog_file() {
    let fixture = sold(StoreFixture::csv()).await;
    edit(&fixture, 24, "quantity=3 change=-3 stock_after=488", true);
    let expected = "entry 24, book 2: the catalog has a stock of 490, the ledger 488";
    assert_contains(&violations(&fixture), &[expected]);
}

#[tokio::test]
async fn an_order_that_was_decided_twice_is_found() {
    let fixture = sold(StoreFixture::csv()).await;
    let rows = fixture.ledger_rows();
    let order = &rows.iter().find(|row| row[0] == "7").unwrap()[9];
    edit(&fixture, 12, &format!("order={order}"), true);
    let expected = format!("entry 12, book 2: order {order} was already decided by entry 7");
    assert_contains(&violations(&fixture), &[&expected]);
}

#[tokio::test]
async fn a_sale_edited_by_hand_is_found_in_a_database() {
    // The row, its change, the reverse change, and the audit's output between the two.
    const CASES: &str = "
        ledger seq = 9 | stock_after = 398 | stock_after = 397 \
            | entry 9, book 1: the stock of 398 changed by -1 does not make 398
        ledger seq = 9 | change = -5, stock_after = 393 | change = -1, stock_after = 397 \
            | entry 9, book 1: the sale has a quantity of 1, but changes the stock by -5
        ledger seq = 9 | kind = 'lent' | kind = 'sold' | the entry 9 has a bad kind
        books item = 1 | stock = 391 | stock = 390 | entry 23, book 1: the catalog has a stock of 391, the ledger 390
        books item = 1 | cost_cents = 1 | cost_cents = 3000 \
            | entry 23, book 1: the catalog has a cost of 0.01, the ledger 30.00
        ledger seq IN (24, 1000) | seq = 1000 | seq = 24 | the entry 24 is missing";
    for fixture in StoreFixture::each().into_iter().skip(1) {
        let fixture = sold(fixture).await;
        for [row, wrong, right, expected] in rows(CASES) {
            let (table, condition) = row.split_once(' ').unwrap();
            fixture.sql(&format!("UPDATE {table} SET {wrong} WHERE {condition}"));
            assert_contains(&violations(&fixture), &[expected]);
            fixture.sql(&format!("UPDATE {table} SET {right} WHERE {condition}"));
        }
        fixture.sql("UPDATE books SET stock = stock + 1 WHERE item = 2");
        let (code, stdout, _) = fixture.run(&["audit", "--json"]);
        assert_eq!(code, 4);
        let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(report["verdict"], "violated", "{stdout}");
        assert_eq!(report["violations"][0]["item"], 2, "{stdout}");
        fixture.sql("DELETE FROM ledger WHERE seq = 24");
        assert_contains(&violations(&fixture), &["the entry 24 changed the book 2"]);
    }
}

#[tokio::test]
async fn a_line_of_an_order_edited_by_hand_is_found() {
    // The order of books 1 and 2 is entries 5 and 6. A change of the row, the reverse change, the audit's output.
    const CASES: &str = "
        seq = 5 | lines = 1 | lines = 2 | entry 6: order ORDER: line 2 of 2 does not continue the entry before it
        seq = 6 | lines = 3 | lines = 2 | entry 6: order ORDER: line 2 of 3 does not continue the entry before it
        seq = 6 | kind = 'refused', reason = 'sold-out' | kind = 'sold', reason = NULL \
            | entry 6: order ORDER: line 2 of 2 does not continue the entry before it
        seq = 6 | title = 'Another' | title = 'RPCs for Dummies' \
            | entry 6, book 2: the entry has the title \"Another\", but the title in force is \"RPCs for Dummies\"";
    let in_csv = basket(StoreFixture::csv()).await.0;
    edit(&in_csv, 6, "title=Another", true);
    assert_contains(
        &violations(&in_csv),
        &["entry 6, book 2: the entry has the title \"Another\""],
    );
    for fixture in StoreFixture::each().into_iter().skip(1) {
        let (fixture, order) = basket(fixture).await;
        for [row, wrong, right, expected] in rows(CASES) {
            fixture.sql(&format!("UPDATE ledger SET {wrong} WHERE {row}"));
            assert_contains(&violations(&fixture), &[&expected.replace("ORDER", &order)]);
            fixture.sql(&format!("UPDATE ledger SET {right} WHERE {row}"));
        }
        assert!(fixture.succeed(&["audit"]).starts_with("clean"));
    }
}

/// A store with the four books and one order of books 1 and 2, and the order's id.
async fn basket(fixture: StoreFixture) -> (StoreFixture, String) {
    let fixture = fixture.with_four_books();
    let services = fixture.start_all();
    let client = Client::of(&services, "frontend");
    let (order, body) = (key(), r#"{"lines":[{"item":1},{"item":2}]}"#);
    let reply = client.send("POST", "/buy", &[("idempotency-key", &order)], body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(services.stop().success());
    assert!(fixture.succeed(&["audit"]).starts_with("clean"));
    (fixture, order)
}

#[tokio::test]
async fn an_index_that_has_lost_an_order_is_found() {
    // A leaf of an index (https://sqlite.org/fileformat2.html#b_tree_pages) that leads to all 20 orders.
    const PAGE_BYTES: usize = 4096;
    const LEAF: [u8; 5] = [0x0a, 0, 0, 0, 20];
    let fixture = sold(StoreFixture::sqlite()).await;
    let file = fixture.path("store.db");
    let mut bytes = fs::read(&file).unwrap();
    let mut leaves = bytes.chunks_mut(PAGE_BYTES).filter(|page| page.starts_with(&LEAF));
    leaves.next().unwrap()[4] -= 1;
    assert!(leaves.next().is_none());
    fs::write(&file, bytes).unwrap();
    assert_contains(&violations(&fixture), &["row 24 missing from index ledger_ord"]);
}

#[tokio::test]
async fn a_torn_tail_is_not_a_violation_and_is_not_changed() {
    let fixture = sold(StoreFixture::csv()).await;
    let mut torn = fs::read(ledger(&fixture)).unwrap();
    torn.extend_from_slice(b"25,2026-");
    fs::write(ledger(&fixture), &torn).unwrap();
    let before = files(&fixture);
    let stdout = fixture.succeed(&["audit"]);
    assert!(stdout.starts_with("clean"), "{stdout}");
    assert_contains(&stdout, &["note: ", "the next start truncates it"]);
    assert_eq!(files(&fixture), before);
    fixture.sell(1).await;
    assert!(!fixture.succeed(&["audit"]).contains("note"));
}

#[test]
fn an_audit_that_cannot_run_prints_the_reason_and_reports_no_violation() {
    for fixture in StoreFixture::each_of_files() {
        let (code, stdout, stderr) = fixture.run(&["audit"]);
        assert_eq!((code, stdout.as_str()), (1, ""));
        let (code, json, same) = fixture.run(&["audit", "--json"]);
        assert_eq!((code, &same), (1, &stderr));
        let report: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(report["verdict"], "incomplete", "{json}");
        assert_contains(&stderr, &[report["why"].as_str().unwrap()]);
    }
}
