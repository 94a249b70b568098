//! `audit`: what it finds, and that it changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::FOUR;
use crate::fixture::StoreFixture;

async fn sold(fixture: StoreFixture) -> StoreFixture {
    fixture.succeed(&["import", &fixture.file("books.csv", FOUR)]);
    fixture.sell(20).await;
    let stdout = fixture.succeed(&["audit"]);
    assert!(
        stdout.starts_with("clean") && stdout.contains("24 entries, 4 books: 20 sold (20 copies for 700.00)"),
        "{stdout}"
    );
    fixture
}

/// What an audit says that must find something.
fn violations(fixture: &StoreFixture) -> String {
    let (code, stdout, stderr) = fixture.run(&["audit"]);
    assert_eq!((code, stderr.as_str()), (1, ""), "{stdout}");
    assert!(stdout.starts_with("violated"), "{stdout}");
    stdout
}

fn ledger(fixture: &StoreFixture) -> PathBuf {
    fixture.path("store").join("ledger.csv")
}

/// Changes columns of an entry's line, and its checksum with them if the hand is a skilled one.
fn edit(fixture: &StoreFixture, seq: u64, columns: &[(usize, &str)], skilled: bool) {
    let text = fs::read_to_string(ledger(fixture)).unwrap();
    let lines = text.lines().map(|line| {
        let mut fields: Vec<&str> = line.split(',').collect();
        if fields[0] != seq.to_string() || fields[2] == "checkpoint" {
            return format!("{line}\n");
        }
        for &(column, value) in columns {
            fields[column] = value;
        }
        let checked = fields[..11].join(",");
        let sum = if skilled {
            format!("{:08x}", crc32c::crc32c(checked.as_bytes()))
        } else {
            fields[11].to_owned()
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

/// The columns of one sale that a hand changes, whether it is a skilled one, and what is stdout of that.
type Case<'a> = (&'a [(usize, &'a str)], bool, &'a str);

#[tokio::test]
async fn a_sale_edited_by_hand_is_found_in_a_csv_store() {
    // The sale 9 took book 1 from 398 to 397.
    let fixture = sold(StoreFixture::csv()).await;
    let sound = fs::read(ledger(&fixture)).unwrap();
    let (line, stock) = (12, 397);
    let cases: [Case<'_>; 6] = [
        (
            &[(6, "398")],
            false,
            &format!("ledger.csv:{line}: the checksum does not match"),
        ),
        (
            &[(6, "398")],
            true,
            "entry 9, book 1: the stock of 398 changed by -1 does not make 398",
        ),
        (
            &[(4, "2"), (5, "-2"), (6, "396")],
            true,
            "entry 11, book 1: the stock of 396 changed by -1 does not make 396",
        ),
        (
            &[(4, "2")],
            true,
            "entry 9, book 1: the sale has a quantity of 2, but changes the stock by -1",
        ),
        (
            &[(8, "3.00")],
            true,
            "entry 9, book 1: the entry has a price of 3.00, but the price in force is 30.00",
        ),
        (
            &[(2, "refused"), (9, "sold-out"), (5, "0"), (6, "398")],
            true,
            "entry 9, book 1: a quantity of 1 was refused as sold out with 398 in stock",
        ),
    ];
    assert!(
        String::from_utf8_lossy(&sound)
            .lines()
            .any(|line| line.starts_with("9,") && line.contains(&format!(",{stock},")))
    );
    for (columns, skilled, expected) in cases {
        fs::write(ledger(&fixture), &sound).unwrap();
        edit(&fixture, 9, columns, skilled);
        let before = files(&fixture);
        let stdout = violations(&fixture);
        assert!(stdout.contains(expected), "{expected} is not in {stdout}");
        assert_eq!(files(&fixture), before, "an audit changes nothing");
    }
}

#[tokio::test]
async fn the_last_sale_edited_by_hand_is_found_by_the_catalog_file() {
    let fixture = sold(StoreFixture::csv()).await;
    edit(&fixture, 24, &[(4, "3"), (5, "-3"), (6, "488")], true);
    let stdout = violations(&fixture);
    assert!(
        stdout.contains("entry 24, book 2: the catalog has a stock of 490, the ledger 488"),
        "{stdout}"
    );
}

#[tokio::test]
async fn an_order_that_was_decided_twice_is_found() {
    let fixture = sold(StoreFixture::csv()).await;
    let text = fs::read_to_string(ledger(&fixture)).unwrap();
    let order = text
        .lines()
        .find(|line| line.starts_with("7,"))
        .unwrap()
        .split(',')
        .nth(7)
        .unwrap()
        .to_owned();
    edit(&fixture, 12, &[(7, &order)], true);
    let stdout = violations(&fixture);
    assert!(
        stdout.contains(&format!(
            "entry 12, book 2: order {order} was already decided by entry 7"
        )),
        "{stdout}"
    );
}

#[tokio::test]
async fn a_sale_edited_by_hand_is_found_in_a_database() {
    let cases = [
        (
            "UPDATE ledger SET stock_after = 398 WHERE seq = 9",
            "UPDATE ledger SET stock_after = 397 WHERE seq = 9",
            "entry 9, book 1: the stock of 398 changed by -1 does not make 398",
        ),
        (
            "UPDATE ledger SET quantity = 1, change = -5, stock_after = 393 WHERE seq = 9",
            "UPDATE ledger SET quantity = 1, change = -1, stock_after = 397 WHERE seq = 9",
            "entry 9, book 1: the sale has a quantity of 1, but changes the stock by -5",
        ),
        (
            "UPDATE ledger SET kind = 'lent' WHERE seq = 9",
            "UPDATE ledger SET kind = 'sold' WHERE seq = 9",
            "the entry 9 has a bad kind",
        ),
        (
            "UPDATE books SET stock = 391 WHERE item = 1",
            "UPDATE books SET stock = 390 WHERE item = 1",
            "entry 23, book 1: the catalog has a stock of 391, the ledger 390",
        ),
        (
            "UPDATE books SET cost_cents = 1 WHERE item = 1",
            "UPDATE books SET cost_cents = 3000 WHERE item = 1",
            "entry 23, book 1: the catalog has a cost of 0.01, the ledger 30.00",
        ),
        (
            "UPDATE ledger SET seq = 1000 WHERE seq = 24",
            "UPDATE ledger SET seq = 24 WHERE seq = 1000",
            "the entry 24 is missing",
        ),
    ];
    for fixture in StoreFixture::each().into_iter().skip(1) {
        let fixture = sold(fixture).await;
        for (wrong, right, expected) in cases {
            fixture.sql(wrong).await;
            let stdout = violations(&fixture);
            assert!(stdout.contains(expected), "{expected} is not in {stdout}");
            fixture.sql(right).await;
        }
        fixture.sql("UPDATE books SET stock = stock + 1 WHERE item = 2").await;
        let stdout = fixture.run(&["audit", "--json"]).1;
        let stdout: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(
            (&stdout["verdict"], &stdout["violations"][0]["item"]),
            (&"violated".into(), &2.into()),
            "{stdout}"
        );
        fixture.sql("DELETE FROM ledger WHERE seq = 24").await;
        let stdout = violations(&fixture);
        assert!(stdout.contains("the entry 24 changed the book 2"), "{stdout}");
    }
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
    let stdout = violations(&fixture);
    assert!(stdout.contains("row 24 missing from index ledger_ord"), "{stdout}");
}

#[tokio::test]
async fn a_torn_tail_is_no_violation_and_stays_as_it_is() {
    let fixture = sold(StoreFixture::csv()).await;
    let mut torn = fs::read(ledger(&fixture)).unwrap();
    torn.extend_from_slice(b"25,2026-");
    fs::write(ledger(&fixture), &torn).unwrap();
    let before = files(&fixture);
    let stdout = fixture.succeed(&["audit"]);
    assert!(
        stdout.starts_with("clean") && stdout.contains("note: ") && stdout.contains("the next start truncates it"),
        "{stdout}"
    );
    assert_eq!(files(&fixture), before);
    fixture.sell(1).await;
    assert!(!fixture.succeed(&["audit"]).contains("note"));
}
