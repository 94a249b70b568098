//! The JSON of what travels in batches, written and read without looking names up: fields in the order of their
//! declaration, no blanks, as `serde_json` writes it too. What was written in any other way is read by `serde_json`, so that
//! every JSON that says the same is understood the same; it only costs more.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BuyBody, Decision, Decisions, Order, Orders, Outcome, Receipt, Sale, Sales, Status};
use crate::{Deadline, Entry, ItemNumber, OrderId, Quantity, Seq, Stock, Timestamp};

/// A body, or a part of one, that hundreds of thousands of purchases a second go through.
pub trait Lean: Serialize + DeserializeOwned {
    /// Appends its JSON.
    fn push(&self, json: &mut Vec<u8>);

    /// Reads it off the front of a text; nothing where it is written in another way.
    fn read(json: &mut Reader<'_>) -> Option<Self>;

    /// Its JSON.
    fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        self.push(&mut json);
        json
    }

    /// Reads it from a whole text, however it is written.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    fn from_json(json: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(json).map_err(|error| error.to_string())?;
        let mut reader = Reader(text);
        match Self::read(&mut reader) {
            Some(value) if reader.0.is_empty() => Ok(value),
            _ => serde_json::from_str(text).map_err(|error| error.to_string()),
        }
    }
}

/// What is still to be read of a text.
#[derive(Debug)]
pub struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn skip(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn skips(&mut self, expected: &str) -> bool {
        self.skip(expected).is_some()
    }

    /// Up to the quote that ends it; the one that begins it is read already.
    fn word(&mut self) -> Option<&'a str> {
        let end = memchr::memchr2(b'"', b'\\', self.0.as_bytes())?;
        let word = self.0.get(..end)?;
        self.0 = self.0.get(end..)?.strip_prefix('"')?;
        Some(word)
    }

    fn parsed<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.word()?.parse().ok()
    }

    /// A text that may need escapes, with both its quotes.
    fn text(&mut self) -> Option<String> {
        let inner = self.0.strip_prefix('"')?.as_bytes();
        let mut end = memchr::memchr2(b'"', b'\\', inner)?;
        while inner.get(end) == Some(&b'\\') {
            end += 2;
            end += memchr::memchr2(b'"', b'\\', inner.get(end..)?)?;
        }
        let (text, rest) = self.0.split_at_checked(end + 2)?;
        self.0 = rest;
        serde_json::from_str(text).ok()
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at_checked(digits)?;
        if digits > 1 && number.starts_with('0') {
            return None;
        }
        self.0 = rest;
        number.parse().ok()
    }

    fn count<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    fn signed(&mut self) -> Option<i64> {
        let is_negative = self.skips("-");
        let size = i64::try_from(self.number()?).ok()?;
        // JSON has a negative zero, which is no whole number to `serde_json`.
        match (is_negative, size) {
            (true, 0) => None,
            (true, size) => Some(-size),
            (false, size) => Some(size),
        }
    }

    fn is(&mut self) -> Option<bool> {
        if self.skips("true") {
            return Some(true);
        }
        self.skip("false").map(|()| false)
    }

    /// A field that may be absent.
    fn maybe<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.skips(name) {
            read(self).map(Some)
        } else {
            Some(None)
        }
    }

    /// What stands between two brackets; the first one is read already.
    fn list<T: Lean>(&mut self) -> Option<Vec<T>> {
        let mut items = Vec::new();
        if self.skips("]") {
            return Some(items);
        }
        loop {
            items.push(T::read(self)?);
            if !self.skips(",") {
                self.skip("]")?;
                return Some(items);
            }
        }
    }
}

fn text(json: &mut Vec<u8>, text: &str) {
    json.extend_from_slice(text.as_bytes());
}

fn number(json: &mut Vec<u8>, name: &str, number: impl itoa::Integer) {
    text(json, name);
    text(json, itoa::Buffer::new().format(number));
}

fn flag(json: &mut Vec<u8>, name: &str, flag: bool) {
    text(json, name);
    text(json, if flag { "true" } else { "false" });
}

/// A value in quotes that needs no escapes.
fn quoted(json: &mut Vec<u8>, name: &str, push: impl FnOnce(&mut Vec<u8>)) {
    text(json, name);
    json.push(b'"');
    push(json);
    json.push(b'"');
}

fn word(json: &mut Vec<u8>, name: &str, word: &str) {
    quoted(json, name, |json| text(json, word));
}

fn title(json: &mut Vec<u8>, title: Option<&str>) {
    if let Some(title) = title {
        text(json, ",\"title\":");
        // A string written into memory cannot fail.
        let _ = serde_json::to_writer(json, title);
    }
}

fn list<T: Lean>(json: &mut Vec<u8>, name: &str, items: &[T]) {
    text(json, name);
    json.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        item.push(json);
    }
    json.push(b']');
}

impl Lean for Entry {
    fn push(&self, json: &mut Vec<u8>) {
        number(json, "{\"seq\":", self.seq.0);
        quoted(json, ",\"at\":", |json| self.at.push(json));
        word(json, ",\"kind\":", self.kind.as_str());
        number(json, ",\"item\":", self.item.get());
        if let Some(quantity) = self.quantity {
            number(json, ",\"quantity\":", quantity);
        }
        number(json, ",\"change\":", self.change);
        if let Some(stock) = self.stock_after {
            number(json, ",\"stock_after\":", stock.get());
        }
        if let Some(order) = self.order {
            quoted(json, ",\"order\":", |json| order.push(json));
        }
        if let Some(cost) = self.unit_cost {
            quoted(json, ",\"unit_cost\":", |json| cost.push(json));
        }
        if let Some(reason) = self.reason {
            word(json, ",\"reason\":", reason.as_str());
        }
        json.push(b'}');
    }

    fn read(json: &mut Reader<'_>) -> Option<Self> {
        json.skip("{\"seq\":")?;
        let seq = Seq(json.number()?);
        json.skip(",\"at\":\"")?;
        let at: Timestamp = json.parsed()?;
        json.skip(",\"kind\":\"")?;
        let kind = json.parsed()?;
        json.skip(",\"item\":")?;
        let item = json.count()?;
        let quantity = json.maybe(",\"quantity\":", Reader::count)?;
        json.skip(",\"change\":")?;
        let change = json.signed()?;
        let entry = Self {
            seq,
            at,
            kind,
            item,
            quantity,
            change,
            stock_after: json.maybe(",\"stock_after\":", Reader::count)?,
            order: json.maybe(",\"order\":\"", Reader::parsed)?,
            unit_cost: json.maybe(",\"unit_cost\":\"", Reader::parsed)?,
            reason: json.maybe(",\"reason\":\"", Reader::parsed)?,
        };
        json.skip("}")?;
        Some(entry)
    }
}

impl Lean for BuyBody {
    fn push(&self, json: &mut Vec<u8>) {
        json.push(b'{');
        if let Some(item) = self.item {
            number(json, "\"item\":", item.get());
            json.push(b',');
        }
        number(json, "\"quantity\":", self.quantity.get());
        json.push(b'}');
    }

    fn read(json: &mut Reader<'_>) -> Option<Self> {
        json.skip("{\"item\":")?;
        let item = Some(json.count()?);
        let quantity = json.maybe(",\"quantity\":", Reader::count)?;
        json.skip("}")?;
        Some(Self {
            item,
            quantity: quantity.unwrap_or_default(),
        })
    }
}

impl Lean for Order {
    fn push(&self, json: &mut Vec<u8>) {
        json.push(b'{');
        if let Some(order) = self.order {
            quoted(json, "\"order\":", |json| order.push(json));
            json.push(b',');
        }
        number(json, "\"item\":", self.item.get());
        number(json, ",\"quantity\":", self.quantity.get());
        if let Some(keyed) = self.keyed {
            flag(json, ",\"keyed\":", keyed);
        }
        if let Some(deadline) = self.deadline {
            number(json, ",\"deadline\":", deadline.as_millis());
        }
        json.push(b'}');
    }

    fn read(json: &mut Reader<'_>) -> Option<Self> {
        json.skip("{\"order\":\"")?;
        let order = Some(json.parsed()?);
        json.skip(",\"item\":")?;
        let item: ItemNumber = json.count()?;
        json.skip(",\"quantity\":")?;
        let quantity: Quantity = json.count()?;
        let keyed = json.maybe(",\"keyed\":", Reader::is)?;
        let deadline = json.maybe(",\"deadline\":", Reader::number)?;
        json.skip("}")?;
        Some(Self {
            order,
            item,
            quantity,
            keyed,
            deadline: deadline.map(Deadline::from_millis),
        })
    }
}

impl Lean for Orders {
    fn push(&self, json: &mut Vec<u8>) {
        list(json, "{\"orders\":", &self.orders);
        json.push(b'}');
    }

    fn read(json: &mut Reader<'_>) -> Option<Self> {
        json.skip("{\"orders\":[")?;
        let orders = json.list()?;
        json.skip("}")?;
        Some(Self { orders })
    }
}

impl Lean for Sale {
    fn push(&self, json: &mut Vec<u8>) {
        quoted(json, "{\"order\":", |json| self.order.push(json));
        number(json, ",\"item\":", self.item.get());
        number(json, ",\"quantity\":", self.quantity.get());
        flag(json, ",\"keyed\":", self.keyed);
        flag(json, ",\"resent\":", self.resent);
        number(json, ",\"deadline\":", self.deadline.as_millis());
        json.push(b'}');
    }

    fn read(json: &mut Reader<'_>) -> Option<Self> {
        json.skip("{\"order\":\"")?;
        let order: OrderId = json.parsed()?;
        json.skip(",\"item\":")?;
        let item = json.count()?;
        json.skip(",\"quantity\":")?;
        let quantity = json.count()?;
        json.skip(",\"keyed\":")?;
        let keyed = json.is()?;
        json.skip(",\"resent\":")?;
        let resent = json.is()?;
        json.skip(",\"deadline\":")?;
        let deadline = Deadline::from_millis(json.number()?);
        json.skip("}")?;
        Some(Self {
            order,
            item,
            quantity,
            keyed,
            resent,
            deadline,
        })
    }
}

impl Lean for Sales {
    fn push(&self, json: &mut Vec<u8>) {
        list(json, "{\"sales\":", &self.sales);
        json.push(b'}');
    }

    fn read(json: &mut Reader<'_>) -> Option<Self> {
        json.skip("{\"sales\":[")?;
        let sales = json.list()?;
        json.skip("}")?;
        Some(Self { sales })
    }
}

impl Lean for Decision {
    fn push(&self, json: &mut Vec<u8>) {
        quoted(json, "{\"order\":", |json| self.order.push(json));
        word(json, ",\"outcome\":", self.outcome.as_str());
        flag(json, ",\"replayed\":", self.replayed);
        if let Some(entry) = &self.entry {
            text(json, ",\"entry\":");
            entry.push(json);
        }
        title(json, self.title.as_deref());
        if let Some(reason) = self.reason {
            word(json, ",\"reason\":", reason.as_str());
        }
        if let Some(stock) = self.stock {
            number(json, ",\"stock\":", stock.get());
        }
        json.push(b'}');
    }

    fn read(json: &mut Reader<'_>) -> Option<Self> {
        json.skip("{\"order\":\"")?;
        let order = json.parsed()?;
        json.skip(",\"outcome\":\"")?;
        let outcome = Outcome::of(json.word()?)?;
        json.skip(",\"replayed\":")?;
        let decision = Self {
            order,
            outcome,
            replayed: json.is()?,
            entry: json.maybe(",\"entry\":", Entry::read)?,
            title: json.maybe(",\"title\":", Reader::text)?,
            reason: json.maybe(",\"reason\":\"", Reader::parsed)?,
            stock: json.maybe(",\"stock\":", Reader::count::<Stock>)?,
        };
        json.skip("}")?;
        Some(decision)
    }
}

impl Lean for Decisions {
    fn push(&self, json: &mut Vec<u8>) {
        list(json, "{\"decisions\":", &self.decisions);
        number(json, ",\"head\":", self.head.0);
        json.push(b'}');
    }

    fn read(json: &mut Reader<'_>) -> Option<Self> {
        json.skip("{\"decisions\":[")?;
        let decisions = json.list()?;
        json.skip(",\"head\":")?;
        let head = Seq(json.number()?);
        json.skip("}")?;
        Some(Self { decisions, head })
    }
}

/// Appends a receipt's JSON up to the brace that ends it: in a batch something may follow.
pub(super) fn push_open_receipt(json: &mut Vec<u8>, receipt: &Receipt) {
    quoted(json, "{\"order\":", |json| receipt.order.push(json));
    word(
        json,
        ",\"status\":",
        match receipt.status {
            Status::Sold => "sold",
            Status::Refused => "refused",
        },
    );
    number(json, ",\"item\":", receipt.item.get());
    title(json, receipt.title.as_deref());
    number(json, ",\"quantity\":", receipt.quantity);
    if let Some(cost) = receipt.cost {
        quoted(json, ",\"cost\":", |json| cost.push(json));
    }
    quoted(json, ",\"total\":", |json| receipt.total.push(json));
    if let Some(stock) = receipt.stock {
        number(json, ",\"stock\":", stock.get());
    }
    number(json, ",\"seq\":", receipt.seq.0);
    quoted(json, ",\"at\":", |json| receipt.at.push(json));
    if let Some(reason) = receipt.reason {
        word(json, ",\"reason\":", reason.as_str());
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;
    use crate::wire::{OrderResult, OrderResults, Placed};
    use crate::{Cost, Kind, Reason};

    fn orders() -> impl Strategy<Value = OrderId> {
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
            order in prop::option::of(orders()), unit_cost in prop::option::of(numbers::<Cost>(0, 999_999_999)),
            reason in reasons(),
        ) -> Entry {
            let change = change.max(-i64::MAX);
            let (seq, at) = (Seq(seq), Timestamp::from_micros(micros));
            Entry { seq, at, kind, item, quantity, change, stock_after, order, unit_cost, reason }
        }
    }

    prop_compose! {
        fn batches_of_orders()(orders in prop::collection::vec(
            (orders(), numbers(1, 9), numbers(1, 100), prop::option::of(any::<bool>()), prop::option::of(any::<u64>())), 0..4,
        )) -> Orders {
            let order = |(order, item, quantity, keyed, deadline): (_, _, _, _, Option<u64>)| {
                Order { order: Some(order), item, quantity, keyed, deadline: deadline.map(Deadline::from_millis) }
            };
            Orders { orders: orders.into_iter().map(order).collect() }
        }
    }

    prop_compose! {
        fn batches_of_sales()(sales in prop::collection::vec(
            (orders(), numbers(1, 9), numbers(1, 100), any::<bool>(), any::<bool>(), any::<u64>()), 0..4,
        )) -> Sales {
            let sale = |(order, item, quantity, keyed, resent, deadline)| {
                Sale { order, item, quantity, keyed, resent, deadline: Deadline::from_millis(deadline) }
            };
            Sales { sales: sales.into_iter().map(sale).collect() }
        }
    }

    prop_compose! {
        fn batches_of_decisions()(head: u64, decisions in prop::collection::vec(
            (orders(), select(&Outcome::ALL[..]), any::<bool>(), prop::option::of(entries()), titles(), reasons(), stocks()),
            0..4,
        )) -> Decisions {
            let decision = |(order, outcome, replayed, entry, title, reason, stock)| {
                Decision { order, outcome, replayed, entry, title, reason, stock }
            };
            Decisions { decisions: decisions.into_iter().map(decision).collect(), head: Seq(head) }
        }
    }

    /// It is written as `serde_json` writes it, read at once, and read however else it is written; and where a byte is
    /// another one, whatever `serde_json` makes of that.
    fn agrees<T: Lean + PartialEq + Debug>(value: &T, place: Index, byte: u8) {
        let json = value.to_json();
        let written = String::from_utf8(json.clone()).unwrap();
        assert_eq!(written, serde_json::to_string(value).unwrap());
        let mut reader = Reader(&written);
        assert_eq!((T::read(&mut reader).as_ref(), reader.0), (Some(value), ""));
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
            agrees(&value, place, byte);
        }

        #[test]
        fn purchases_agree(item in numbers(1, u64::from(u32::MAX)), quantity in numbers(1, 100), place: Index, byte: u8) {
            agrees(&BuyBody { item: Some(item), quantity }, place, byte);
        }

        #[test]
        fn orders_agree(value in batches_of_orders(), place: Index, byte: u8) {
            agrees(&value, place, byte);
        }

        #[test]
        fn sales_agree(value in batches_of_sales(), place: Index, byte: u8) {
            agrees(&value, place, byte);
        }

        #[test]
        fn decisions_agree(value in batches_of_decisions(), place: Index, byte: u8) {
            agrees(&value, place, byte);
        }

        #[test]
        fn receipts_agree(entry in entries(), title in titles(), replayed: bool) {
            if let Some(receipt) = Receipt::of(&entry, title) {
                let results = OrderResults { results: vec![OrderResult::Receipt(Placed { receipt, replayed })], head: entry.seq };
                let lines = String::from_utf8(results.to_json_lines()).unwrap();
                assert_eq!(lines.replace('\n', ""), serde_json::to_string(&results).unwrap());
            }
        }
    }

    #[test]
    fn a_purchase_of_one_copy_or_of_a_book_named_elsewhere_is_read() {
        for (json, item, quantity) in [(r#"{"item":2}"#, Some(2), 1), (r#"{"quantity":3}"#, None, 3)] {
            let body = BuyBody::from_json(json.as_bytes()).unwrap();
            assert_eq!((body.item.map(ItemNumber::get), body.quantity.get()), (item, quantity));
        }
    }

    #[test]
    fn an_order_without_an_id_is_read_the_usual_way() {
        let orders = Orders::from_json(br#"{"orders":[{"item":2}]}"#).unwrap();
        let read = serde_json::from_slice::<Orders>(&orders.to_json()).unwrap();
        assert_eq!((read.orders.len(), &read), (1, &orders));
        assert!(
            Orders::from_json(br#"{"orders":[{"item":2,"colour":1}]}"#)
                .unwrap_err()
                .contains("colour")
        );
    }
}
