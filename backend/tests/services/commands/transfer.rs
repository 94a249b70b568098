//! `export --to`: moving a store to another engine.

use serde_json::Value;

use super::{FOUR, Place, ran};
use crate::shop::{Customer, open_all};
use common::Seq;

fn audit(place: &Place) -> Value {
    serde_json::from_str(&place.done(&["audit", "--json"])).unwrap()
}

#[tokio::test]
async fn a_store_moves_from_engine_to_engine_and_back_with_every_entry() {
    let first = Place::csv();
    first.done(&["import", &first.file("books.csv", FOUR)]);
    let orders = first.sell(25).await;
    let fewer = FOUR.replace(
        "3,Xen and the Art of Surviving Graduate School,300,75,graduate school\n",
        "",
    );
    first.done(&["import", &first.file("fewer.csv", &fewer), "--replace"]);
    let (books, proved) = (first.done(&["export"]), audit(&first));
    let mut places = vec![first];
    for next in Place::of_each_kind().into_iter().skip(1).chain([Place::csv()]) {
        let last = places.last().unwrap();
        let told = last.done(&["export", "--to", &next.url]);
        assert!(told.contains("read again and equal"), "{told}");
        let again = audit(&next);
        for same in ["digest", "entries", "books", "sold", "withdrawn", "verdict"] {
            assert_eq!(again[same], proved[same], "{same} of {}", next.url);
        }
        assert_eq!(next.done(&["export"]), books);
        places.push(next);
    }
    let mut seqs = Vec::new();
    for place in &places {
        let shop = open_all(&place.url);
        let customer = Customer::of(&shop, "frontend");
        for (order, receipt) in &orders {
            assert_eq!(customer.get(&format!("/orders/{order}")).await.body, *receipt);
            let again = customer.buy(1, 1, Some(order)).await;
            assert!(again.status == 422 || again.header("idempotency-replayed") == Some("true"));
        }
        seqs.push(customer.get("/search?item=2").await.json()["seq"].clone());
    }
    assert!(seqs.iter().all(|seq| *seq == seqs[0]), "{seqs:?}");
}

#[test]
fn only_a_fresh_store_takes_another_one_over() {
    for (from, to) in Place::of_each_kind().into_iter().zip(Place::of_each_kind()) {
        from.done(&["import", &from.file("books.csv", FOUR)]);
        to.done(&["import", &to.file("books.csv", FOUR)]);
        let before = audit(&to);
        let (code, _, said) = from.run(&["export", "--to", &to.url]);
        assert!(code == 1 && said.contains("is a store already"), "{said}");
        assert_eq!(audit(&to), before);
        let (code, _, said) = from.run(&["export", "--to", &from.url]);
        assert!(code == 1 && said.contains("into itself"), "{said}");
    }
}

#[tokio::test]
async fn a_move_that_broke_off_is_no_store_until_it_is_finished() {
    let from = Place::csv();
    from.done(&["import", &from.file("books.csv", FOUR)]);
    from.sell(20).await;
    let other = Place::sqlite();
    other.done(&["import", &other.file("books.csv", FOUR)]);
    let entries = from.open().read(Seq::ZERO, 10).unwrap();
    for to in Place::of_each_kind() {
        to.open().restore(Seq::ZERO, &entries).unwrap();
        let file = to.file("books.csv", FOUR);
        for command in [
            &["catalog", "--listen", "127.0.0.1:0"][..],
            &["audit"],
            &["export"],
            &["import", &file],
        ] {
            let (code, _, said) = to.run(command);
            assert!(
                code == 1 && said.contains("a part of another store only, up to the entry 10"),
                "{command:?}: {said}"
            );
        }
        let (code, _, said) = other.run(&["export", "--to", &to.url]);
        assert!(code == 1 && said.contains("another store"), "{said}");
        from.done(&["export", "--to", &to.url]);
        assert_eq!(audit(&to)["digest"], audit(&from)["digest"]);
    }
}

#[test]
fn a_result_can_be_read_by_programs() {
    let (from, to) = (Place::csv(), Place::sqlite());
    from.done(&["import", &from.file("books.csv", FOUR)]);
    let (code, told, _) = ran(&["export", "--store", &from.url, "--to", &to.url, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["head"], &told["verdict"]), (0, &4.into(), &"clean".into()));
}
