use common::wire::Receipt;
use common::{Deadline, ItemNumber, Quantity, Timestamp};

use super::*;

fn at(folder: &Path) -> JournalLocation {
    let folder = folder.to_owned();
    JournalLocation { folder, changes: None }
}

pub(super) fn sent() -> Record {
    sent_as("0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e")
}

fn sent_as(order: &str) -> Record {
    Record::Sent(SentOrder {
        order: order.parse().unwrap(),
        lines: vec![SentLine {
            item: ItemNumber::try_from(2).unwrap(),
            quantity: Quantity::ONE,
            title: Some("RPCs for Dummies".into()),
            cost: Some("40".parse().unwrap()),
        }],
        at: Timestamp::from_micros(1_769_860_800_000_000),
        deadline: Deadline::from_millis(1_769_860_805_000),
        shop: "http://127.0.0.1:8080".into(),
        store: None,
    })
}

pub(super) fn sold() -> Record {
    let receipt: Receipt = serde_json::from_str(
        r#"{"order":"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e","status":"sold","item":2,"quantity":1,"cost":"40.00","total":"40.00","stock":499,"seq":5,"at":"2026-01-31T12:00:00.000000Z"}"#,
    )
    .unwrap();
    Record::Sold { receipt }
}

pub(super) fn not_placed() -> Record {
    Record::NotSold(NotSold {
        order: "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e".parse().unwrap(),
        reason: NotSoldReason::NotPlaced,
        detail: "not now".into(),
        stock: None,
        short: Vec::new(),
        at: Timestamp::from_micros(1_769_860_800_000_000),
    })
}

#[test]
fn records_are_read_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(folder.path()).unwrap(), JournalContents::default());
    let (journal, contents) = Journal::open(&at(folder.path())).unwrap();
    assert_eq!(contents, JournalContents::default());
    journal.append(&[sent(), sold()]).unwrap();
    drop(journal);
    let (_, contents) = Journal::open(&at(folder.path())).unwrap();
    assert_eq!((contents.records, contents.skipped), (vec![sent(), sold()], 0));
    assert_eq!(read(folder.path()).unwrap().records, [sent(), sold()]);
}

#[test]
fn an_order_recorded_before_orders_had_lines_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let line = r#"{"step":"placed","order":"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e","item":2,"title":"RPCs for Dummies","quantity":1,"cost":"40.00","at":"2026-01-31T12:00:00.000000Z","deadline":1769860805000,"shop":"http://127.0.0.1:8080"}"#;
    fs::write(folder.path().join("orders.jsonl"), format!("{line}\n")).unwrap();
    assert_eq!(read(folder.path()).unwrap().records, [sent()]);
}

#[test]
fn a_torn_last_line_is_skipped_and_does_not_spoil_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    fs::write(&path, b"{\"step\":\"pla").unwrap();
    let (journal, contents) = Journal::open(&at(folder.path())).unwrap();
    assert_eq!(contents.skipped, 1);
    journal.append(&[sent()]).unwrap();
    // Another program is killed while it writes.
    OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"{\"st")
        .unwrap();
    journal.append(&[sold()]).unwrap();
    let (_, contents) = Journal::open(&at(folder.path())).unwrap();
    assert_eq!((contents.records, contents.skipped), (vec![sent(), sold()], 2));
}

#[test]
fn records_of_other_programs_are_read_when_their_line_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _) = Journal::open(&at(folder.path())).unwrap();
    let (other, _) = Journal::open(&at(folder.path())).unwrap();
    other.append(&[sent()]).unwrap();
    assert_eq!(ours.read_new().unwrap().records, [sent()]);
    assert_eq!(ours.read_new().unwrap(), JournalContents::default());
    let line = serde_json::to_string(&sold()).unwrap();
    let (first, rest) = line.split_at(20);
    let mut file = other.created().unwrap();
    file.write_all(first.as_bytes()).unwrap();
    assert_eq!(ours.read_new().unwrap(), JournalContents::default());
    file.write_all(format!("{rest}\n").as_bytes()).unwrap();
    assert_eq!(ours.read_new().unwrap().records, [sold()]);
}

#[test]
fn programs_that_append_at_the_same_time_lose_and_tear_no_record() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let folder = folder.path();
            scope.spawn(move || {
                let (journal, _) = Journal::open(&at(folder)).unwrap();
                for number in 0..25 {
                    let order = format!("0190b6d5-7f3c-7cc0-800{writer}-0000000000{number:02}");
                    journal.append(&[sent_as(&order)]).unwrap();
                }
            });
        }
    });
    let contents = read(folder.path()).unwrap();
    assert_eq!((contents.records.len(), contents.skipped), (100, 0));
    assert_eq!(recorded_orders(contents.records).len(), 100);
}

#[test]
fn the_journal_is_private_to_its_user() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    Journal::open(&at(folder.path())).unwrap();
    let metadata = fs::metadata(folder.path().join("orders.jsonl")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o077, 0);
}

#[test]
fn a_shared_journal_is_created_by_its_first_order_and_read_by_its_other_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let location = JournalLocation {
        folder: folder.path().join("customer"),
        changes: Some(watch::Sender::default()),
    };
    let mut changes = location.changes.as_ref().unwrap().subscribe();
    let (journal, contents) = Journal::open(&location).unwrap();
    let (other, _) = Journal::open(&location).unwrap();
    assert_eq!(contents, JournalContents::default());
    assert!(!location.folder.exists() && !changes.has_changed().unwrap());
    journal.append(&[sent()]).unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(other.read_new().unwrap().records, [sent()]);
}
