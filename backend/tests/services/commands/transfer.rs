//! `export --to`: copying a store to another engine.

use common::Seq;
use serde_json::Value;

use super::FOUR;
use crate::bookstored::assert_contains;
use crate::client::Client;
use crate::fixture::StoreFixture;

fn audit(fixture: &StoreFixture) -> Value {
    serde_json::from_str(&fixture.succeed(&["audit", "--json"])).unwrap()
}

#[tokio::test]
async fn a_store_is_copied_from_engine_to_engine_with_every_entry() {
    let first = StoreFixture::csv().with_four_books();
    let orders = first.sell(25).await;
    let xen = "3,Xen and the Art of Surviving Graduate School,300,75,graduate school\n";
    let fewer = FOUR.replace(xen, "");
    first.succeed(&["import", &first.file("fewer.csv", &fewer), "--replace"]);
    let (books, proved) = (first.succeed(&["export"]), audit(&first));
    let mut fixtures = vec![first];
    for next in StoreFixture::each().into_iter().skip(1).chain([StoreFixture::csv()]) {
        let last = fixtures.last().unwrap();
        let stdout = last.succeed(&["export", "--to", &next.url]);
        assert_contains(&stdout, &["read again and equal"]);
        let again = audit(&next);
        for same in ["digest", "entries", "books", "sold", "withdrawn", "verdict"] {
            assert_eq!(again[same], proved[same], "{same} of {}", next.url);
        }
        assert_eq!(next.succeed(&["export"]), books);
        fixtures.push(next);
    }
    let mut seqs = Vec::new();
    for fixture in &fixtures {
        let shop = fixture.start_all();
        let client = Client::of(&shop, "frontend");
        for (order, receipt) in &orders {
            assert_eq!(client.get(&format!("/orders/{order}")).await.body, *receipt);
            let again = client.buy(1, 1, Some(order)).await;
            assert!(again.status == 422 || again.header("idempotency-replayed") == Some("true"));
        }
        seqs.push(client.get("/search?item=2").await.json()["seq"].clone());
    }
    assert!(seqs.iter().all(|seq| *seq == seqs[0]), "{seqs:?}");
}

#[test]
fn only_a_new_store_can_be_the_target_of_a_copy() {
    for (from, to) in StoreFixture::each().into_iter().zip(StoreFixture::each()) {
        let (from, to) = (from.with_four_books(), to.with_four_books());
        let before = audit(&to);
        assert_contains(&from.fail(&["export", "--to", &to.url]), &["already is a store"]);
        assert_eq!(audit(&to), before);
        assert_contains(&from.fail(&["export", "--to", &from.url]), &["into itself"]);
    }
}

#[tokio::test]
async fn an_unfinished_copy_is_refused_until_it_is_finished() {
    let from = StoreFixture::csv().with_four_books();
    from.sell(20).await;
    let other = StoreFixture::sqlite().with_four_books();
    let entries = from.open().read(Seq::ZERO, 10).unwrap();
    for to in StoreFixture::each() {
        to.open().restore(Seq::ZERO, &entries).unwrap();
        let file = to.file("books.csv", FOUR);
        for command in [
            &["catalog", "--listen", "127.0.0.1:0"][..],
            &["audit"],
            &["export"],
            &["import", &file],
        ] {
            let (code, _, stderr) = to.run(command);
            assert_eq!(code, 1, "{command:?}");
            assert_contains(&stderr, &["only a part of another store, up to entry 10"]);
        }
        assert_contains(&other.fail(&["export", "--to", &to.url]), &["another store"]);
        from.succeed(&["export", "--to", &to.url]);
        assert_eq!(audit(&to)["digest"], audit(&from)["digest"]);
    }
}

#[test]
fn the_result_of_a_copy_is_json_on_request() {
    let (from, to) = (StoreFixture::csv().with_four_books(), StoreFixture::sqlite());
    let stdout = from.succeed(&["export", "--to", &to.url, "--json"]);
    let result: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&result["head"], &result["verdict"]), (&4.into(), &"clean".into()));
}
