use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::wire::{
    BatchReceipt, BuyBody, Decision, Decisions, Order, OrderBatch, OrderResult, OrderResults, Outcome, Receipt, Sale,
    SaleBatch,
};
use crate::{Cost, Deadline, Entry, ItemNumber, Kind, OrderId, Reason, Seq, Stock, Timestamp};

fn order_ids() -> impl Strategy<Value = OrderId> {
    any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).into())
}

fn numbers<T: TryFrom<u64, Error: Debug> + Debug>(least: u64, most: u64) -> impl Strategy<Value = T> {
    (least..=most).prop_map(|number| T::try_from(number).unwrap())
}

fn reasons() -> impl Strategy<Value = Option<Reason>> {
    select(&[None, Some(Reason::SoldOut), Some(Reason::UnknownItem)][..])
}

fn stocks() -> impl Strategy<Value = Option<Stock>> {
    prop::option::of(numbers(0, 1_000_000_000))
}

fn titles() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof![
        any::<String>(),
        select(&["", "a \"quoted\\\" one", "\\", "\n\u{1f4da}"][..]).prop_map(str::to_owned)
    ])
}

prop_compose! {
    fn entries()(
        seq: u64, micros in -62_135_596_800_000_000_i64..253_402_207_200_000_000,
        kind in select(&[Kind::Sold, Kind::Refused, Kind::Restocked, Kind::Set, Kind::Withdrawn][..]),
        item in numbers(1, u64::from(u32::MAX)), quantity: Option<u32>, change: i64, stock_after in stocks(),
        order in prop::option::of(order_ids()), unit_cost in prop::option::of(numbers::<Cost>(0, 999_999_999)),
        reason in reasons(),
    ) -> Entry {
        let change = change.max(-i64::MAX);
        let (seq, at) = (Seq(seq), Timestamp::from_micros(micros));
        Entry { seq, at, kind, item, quantity, change, stock_after, order, unit_cost, reason }
    }
}

prop_compose! {
    fn batches_of_orders()(orders in prop::collection::vec(
        (order_ids(), numbers(1, 9), numbers(1, 100), prop::option::of(any::<bool>()), prop::option::of(any::<u64>())), 0..4,
    )) -> OrderBatch {
        let order = |(order, item, quantity, keyed, deadline): (_, _, _, _, Option<u64>)| {
            Order { id: Some(order), item, quantity, keyed, deadline: deadline.map(Deadline::from_millis) }
        };
        OrderBatch { orders: orders.into_iter().map(order).collect() }
    }
}

prop_compose! {
    fn batches_of_sales()(sales in prop::collection::vec(
        (order_ids(), numbers(1, 9), numbers(1, 100), any::<bool>(), any::<bool>(), any::<u64>()), 0..4,
    )) -> SaleBatch {
        let sale = |(id, item, quantity, keyed, resent, deadline)| {
            Sale { id, item, quantity, keyed, resent, deadline: Deadline::from_millis(deadline) }
        };
        SaleBatch { sales: sales.into_iter().map(sale).collect() }
    }
}

prop_compose! {
    fn batches_of_decisions()(head: u64, decisions in prop::collection::vec(
        (order_ids(), select(&Outcome::ALL[..]), any::<bool>(), prop::option::of(entries()), titles(), reasons(), stocks()),
        0..4,
    )) -> Decisions {
        let decision = |(order, outcome, replayed, entry, title, reason, stock)| {
            Decision { order, outcome, replayed, entry, title, reason, stock }
        };
        Decisions { decisions: decisions.into_iter().map(decision).collect(), head: Seq(head) }
    }
}

/// It is written as `serde_json` writes it, read back from that and from another form; and with one byte replaced the
/// result is that of `serde_json`.
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
    fn purchases_agree(item in numbers(1, u64::from(u32::MAX)), quantity in numbers(1, 100), place: Index, byte: u8) {
        assert_agrees(&BuyBody { item: Some(item), quantity }, place, byte);
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
    fn receipts_agree(entry in entries(), title in titles(), replayed: bool, place: Index, byte: u8) {
        if let Some(receipt) = Receipt::from_entry(&entry, title) {
            assert_agrees(&receipt, place, byte);
            let results = OrderResults { results: vec![OrderResult::Receipt(BatchReceipt { receipt, replayed })], head: entry.seq };
            let lines = String::from_utf8(results.to_json_lines()).unwrap();
            assert_eq!(lines.replace('\n', ""), serde_json::to_string(&results).unwrap());
        }
    }
}

#[test]
fn a_purchase_without_its_quantity_or_without_its_item_is_read() {
    for (json, item, quantity) in [(r#"{"item":2}"#, Some(2), 1), (r#"{"quantity":3}"#, None, 3)] {
        let body = BuyBody::from_json(json.as_bytes()).unwrap();
        assert_eq!((body.item.map(ItemNumber::get), body.quantity.get()), (item, quantity));
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
