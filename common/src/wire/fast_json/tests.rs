use std::fmt::Debug;
use std::iter;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::book::Columns;
use crate::wire::{
    BatchReceipt, BuyBody, Decision, Decisions, LedgerPage, Order, OrderBatch, OrderLines, OrderResult,
    OrderResultLines, OrderResults, Outcome, Receipt, Sale, SaleBatch,
};
use crate::{
    ArcStr, Cost, Deadline, Description, Entry, Epoch, GroupPosition, ItemNumber, Kind, OrderId, Reason, Seq, Stock,
    StoreId, Timestamp, limits,
};

fn order_ids() -> impl Strategy<Value = OrderId> {
    any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).into())
}

fn numbers<T: TryFrom<u64, Error: Debug> + Debug>(least: u64, most: u64) -> impl Strategy<Value = T> {
    (least..=most).prop_map(|number| T::try_from(number).unwrap())
}

fn reasons() -> impl Strategy<Value = Option<Reason>> {
    prop::option::of(select(&Reason::ALL[..]))
}

fn stocks() -> impl Strategy<Value = Option<Stock>> {
    prop::option::of(numbers(0, 1_000_000_000))
}

fn texts() -> impl Strategy<Value = ArcStr> {
    let text = prop_oneof![
        any::<String>(),
        select(&["", "a \"quoted\\\" one", "\\", "\n\u{1f4da}"][..]).prop_map(str::to_owned)
    ];
    text.prop_map(ArcStr::from)
}

fn items() -> impl Strategy<Value = ItemNumber> {
    numbers(1, limits::ITEM_MAX)
}

prop_compose! {
    fn descriptions()(
        topic in texts(), others in prop::collection::vec(prop::option::of(texts()), Description::COLUMNS.len() - 1),
    ) -> Box<Description> {
        let mut texts = Columns::default();
        for (text, value) in texts.iter_mut().zip(iter::once(Some(topic)).chain(others)) {
            *text = value;
        }
        Box::new(Description::from_texts(texts).unwrap().unwrap())
    }
}

prop_compose! {
    fn group_lines()(count in 1..=limits::GROUP_LINES_MAX, place: Index, is_only: bool) -> GroupPosition {
        let number = u16::try_from(place.index(usize::from(count))).unwrap() + 1;
        if is_only { GroupPosition::ONLY } else { GroupPosition::new(number, count).unwrap() }
    }
}

/// Orders of one line, and of several.
fn order_lines() -> impl Strategy<Value = OrderLines> {
    let several = prop::collection::btree_map(items(), numbers(1, 100), 1..=limits::ORDER_LINES_MAX);
    let lines = prop_oneof![several, prop::collection::btree_map(items(), numbers(1, 100), 1)];
    lines.prop_map(|lines| {
        OrderLines::new(lines.into_iter().map(|(item, quantity)| OrderLine { item, quantity })).unwrap()
    })
}

prop_compose! {
    fn entries()(
        seq: u64, micros in -62_135_596_800_000_000_i64..253_402_207_200_000_000,
        kind in select(&Kind::ALL[..]), item in items(), line in group_lines(),
        quantity in prop::option::of(numbers(1, 100)), change: i64, stock_after in stocks(),
        order in prop::option::of(order_ids()), unit_cost in prop::option::of(numbers::<Cost>(0, 999_999_999)),
        reason in reasons(), title in prop::option::of(texts()), description in prop::option::of(descriptions()),
    ) -> Entry {
        let change = change.max(-i64::MAX);
        let (seq, at) = (Seq(seq), Timestamp::from_micros(micros));
        Entry {
            seq, at, kind, item, line, quantity, change, stock_after, order, unit_cost, reason, title, description,
        }
    }
}

prop_compose! {
    fn batches_of_orders()(orders in prop::collection::vec(
        (order_ids(), order_lines(), prop::option::of(any::<bool>()), prop::option::of(any::<u64>())), 0..4,
    )) -> OrderBatch {
        let order = |(order, lines, keyed, deadline): (_, _, _, Option<u64>)| {
            Order { id: Some(order), lines, keyed, deadline: deadline.map(Deadline::from_millis) }
        };
        OrderBatch { orders: orders.into_iter().map(order).collect() }
    }
}

prop_compose! {
    fn batches_of_sales()(sales in prop::collection::vec(
        (order_ids(), order_lines(), any::<bool>(), any::<bool>(), any::<u64>()), 0..4,
    )) -> SaleBatch {
        let sale = |(id, lines, keyed, resent, deadline)| {
            Sale { id, lines, keyed, resent, deadline: Deadline::from_millis(deadline) }
        };
        SaleBatch { sales: sales.into_iter().map(sale).collect() }
    }
}

prop_compose! {
    fn refused_lines()(item in items(), reason in select(&Reason::ALL[..]), stock in stocks()) -> RefusedLine {
        RefusedLine { item, reason, stock }
    }
}

prop_compose! {
    fn batches_of_decisions()(head: u64, epoch in 0..2_u64, store: u128, decisions in prop::collection::vec(
        (order_ids(), select(&Outcome::ALL[..]), any::<bool>(), prop::collection::vec(entries(), 0..4),
            prop::collection::vec(refused_lines(), 0..3)),
        0..4,
    )) -> Decisions {
        let decision = |(order, outcome, replayed, entries, refused): (_, _, _, Vec<Entry>, Vec<RefusedLine>)| {
            Decision { order, outcome, replayed, entries: entries.into(), refused: refused.into() }
        };
        let store: StoreId = uuid::Uuid::from_u128(store).to_string().parse().unwrap();
        Decisions { decisions: decisions.into_iter().map(decision).collect(), head: Seq(head), epoch: Epoch(epoch), store }
    }
}

/// Sold or refused orders of one line or several.
fn receipts() -> impl Strategy<Value = Receipt> {
    (prop::collection::vec(entries(), 1..4), any::<bool>()).prop_map(|(mut entries, is_sold)| {
        let order = OrderId::generate();
        for entry in &mut entries {
            entry.kind = if is_sold { Kind::Sold } else { Kind::Refused };
            entry.order = Some(order);
            entry.quantity.get_or_insert_default();
            entry.unit_cost.get_or_insert_default();
        }
        Receipt::from_entries(&entries).unwrap()
    })
}

/// Asserts that a value is serialized as by `serde_json`, and parsed from this and from another layout; and that with one
/// byte replaced the result is that of `serde_json`.
fn assert_agrees<T: FastJson + PartialEq + Debug>(value: &T, place: Index, byte: u8) {
    let json = value.to_json();
    let written = String::from_utf8(json.clone()).unwrap();
    assert_eq!(written, serde_json::to_string(value).unwrap());
    let mut reader = JsonReader::new(&written);
    assert_eq!(T::read_json(&mut reader).as_ref(), Some(value));
    assert!(reader.is_at_end());
    let other_order: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let pretty = serde_json::to_vec_pretty(&other_order).unwrap();
    assert_eq!(T::from_json(&pretty).as_ref(), Ok(value));
    let mut damaged = json;
    let place = place.index(damaged.len());
    damaged[place] = byte;
    let ours = T::from_json(&damaged).ok();
    assert_eq!(
        ours,
        serde_json::from_slice(&damaged).ok(),
        "{}",
        String::from_utf8_lossy(&damaged)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn entries_agree(value in entries(), place: Index, byte: u8) {
        assert_agrees(&value, place, byte);
    }

    #[test]
    fn purchases_agree(item in items(), quantity in numbers(1, 100), place: Index, byte: u8) {
        assert_agrees(&BuyBody::from(OrderLines::one(item, quantity)), place, byte);
    }

    #[test]
    fn purchases_of_several_books_are_read_by_serde_json(lines in order_lines()) {
        let body = BuyBody::from(lines);
        let json = body.to_json();
        assert_eq!(String::from_utf8(json.clone()).unwrap(), serde_json::to_string(&body).unwrap());
        assert_eq!(BuyBody::from_json(&json), Ok(body));
    }

    #[test]
    fn orders_agree(value in batches_of_orders(), place: Index, byte: u8) {
        assert_agrees(&value, place, byte);
    }

    #[test]
    fn sales_agree(value in batches_of_sales(), place: Index, byte: u8) {
        assert_agrees(&value, place, byte);
    }

    #[test]
    fn decisions_agree(value in batches_of_decisions(), place: Index, byte: u8) {
        assert_agrees(&value, place, byte);
    }

    #[test]
    fn pages_of_the_ledger_agree(
        entries in prop::collection::vec(entries(), 0..3), head: u64, epoch in 0..2_u64, place: Index, byte: u8,
    ) {
        assert_agrees(&LedgerPage { entries, head: Seq(head), epoch: Epoch(epoch) }, place, byte);
    }

    #[test]
    fn receipts_agree(
        receipt in receipts(), replayed: bool, epoch in 0..2_u64, store in prop::option::of(any::<u128>()),
        entries in prop::collection::vec(entries(), 0..3), place: Index, byte: u8,
    ) {
        assert_agrees(&receipt, place, byte);
        let head = receipt.seq;
        let results = vec![OrderResult::Receipt(BatchReceipt { receipt, replayed })];
        let store = store.map(|store| uuid::Uuid::from_u128(store).to_string().parse().unwrap());
        let results = OrderResults { results, head, epoch: Epoch(epoch), store, entries };
        let lines = results.to_json_lines();
        let split = OrderResultLines::split(&lines).unwrap();
        assert_eq!((split.position, split.store), (results.position(), results.store));
        assert_eq!(split.entries.is_empty(), results.entries.is_empty());
        if !split.entries.is_empty() {
            assert_eq!(Vec::<Entry>::from_json(split.entries).as_ref(), Ok(&results.entries));
        }
        let text = str::from_utf8(&lines).unwrap();
        assert_eq!(text.replace('\n', ""), serde_json::to_string(&results).unwrap());
    }
}

#[test]
fn a_purchase_without_its_quantity_or_without_its_item_is_read() {
    for (json, item, quantity) in [(r#"{"item":2}"#, Some(2), None), (r#"{"quantity":3}"#, None, Some(3))] {
        let body = BuyBody::from_json(json.as_bytes()).unwrap();
        assert_eq!(
            (body.item.map(ItemNumber::get), body.quantity.map(Quantity::get)),
            (item, quantity)
        );
    }
}

#[test]
fn an_order_without_an_id_is_read_by_serde_json() {
    let orders = OrderBatch::from_json(br#"{"orders":[{"item":2}]}"#).unwrap();
    let read = serde_json::from_slice::<OrderBatch>(&orders.to_json()).unwrap();
    assert_eq!((read.orders.len(), &read), (1, &orders));
    assert!(
        OrderBatch::from_json(br#"{"orders":[{"item":2,"colour":1}]}"#)
            .unwrap_err()
            .contains("colour")
    );
}

#[test]
fn a_receipt_of_one_line_has_the_fields_of_the_line() {
    let line = r#""item":2,"title":"RPCs for Dummies","quantity":1,"cost":"40.00","total":"40.00","stock":499,"seq":5"#;
    let id = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e";
    let at = r#""at":"2026-01-31T12:00:00.000000Z""#;
    let one = format!(r#"{{"order":"{id}","status":"sold",{line},{at}}}"#);
    let other = line.replace("2", "4").replace("5", "6").replace("R", "r");
    let two =
        format!(r#"{{"order":"{id}","status":"sold","lines":[{{{line}}},{{{other}}}],"total":"80.00","seq":6,{at}}}"#);
    for json in [one, two] {
        let receipt = Receipt::from_json(json.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(receipt.to_json()).unwrap(), json);
        assert_eq!(serde_json::to_string(&receipt).unwrap(), json);
    }
    // Its short form would lack the total and the seq of the line.
    let long = format!(r#"{{"order":"{id}","status":"sold","lines":[{{{line}}}],"total":"50.00","seq":6,{at}}}"#);
    assert!(Receipt::from_json(long.as_bytes()).is_err());
    assert!(serde_json::from_str::<Receipt>(&long).is_err());
}
