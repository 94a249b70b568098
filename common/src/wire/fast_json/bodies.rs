//! The bodies, field by field.

use super::writer::{flag, list, number, quoted, text, title, word};
use super::{FastJson, JsonReader};
use crate::wire::{BuyBody, Decision, Decisions, Order, OrderBatch, OrderStatus, Outcome, Receipt, Sale, SaleBatch};
use crate::{Deadline, Entry, ItemNumber, OrderId, Quantity, Seq, Stock, Timestamp};

impl FastJson for Entry {
    fn write_json(&self, json: &mut Vec<u8>) {
        number(json, "{\"seq\":", self.seq.0);
        quoted(json, ",\"at\":", |json| self.at.write_to(json));
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
            quoted(json, ",\"order\":", |json| order.write_to(json));
        }
        if let Some(cost) = self.unit_cost {
            quoted(json, ",\"unit_cost\":", |json| cost.write_to(json));
        }
        if let Some(reason) = self.reason {
            word(json, ",\"reason\":", reason.as_str());
        }
        json.push(b'}');
    }

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        json.skip("{\"seq\":")?;
        let seq = Seq(json.number()?);
        json.skip(",\"at\":\"")?;
        let at: Timestamp = json.parsed()?;
        json.skip(",\"kind\":\"")?;
        let kind = json.parsed()?;
        json.skip(",\"item\":")?;
        let item = json.count()?;
        let quantity = json.maybe(",\"quantity\":", JsonReader::count)?;
        json.skip(",\"change\":")?;
        let change = json.signed()?;
        let entry = Self {
            seq,
            at,
            kind,
            item,
            quantity,
            change,
            stock_after: json.maybe(",\"stock_after\":", JsonReader::count)?,
            order: json.maybe(",\"order\":\"", JsonReader::parsed)?,
            unit_cost: json.maybe(",\"unit_cost\":\"", JsonReader::parsed)?,
            reason: json.maybe(",\"reason\":\"", JsonReader::parsed)?,
        };
        json.skip("}")?;
        Some(entry)
    }
}

impl FastJson for BuyBody {
    fn write_json(&self, json: &mut Vec<u8>) {
        json.push(b'{');
        if let Some(item) = self.item {
            number(json, "\"item\":", item.get());
            json.push(b',');
        }
        number(json, "\"quantity\":", self.quantity.get());
        json.push(b'}');
    }

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        json.skip("{\"item\":")?;
        let item = Some(json.count()?);
        let quantity = json.maybe(",\"quantity\":", JsonReader::count)?;
        json.skip("}")?;
        Some(Self {
            item,
            quantity: quantity.unwrap_or_default(),
        })
    }
}

impl FastJson for Order {
    fn write_json(&self, json: &mut Vec<u8>) {
        json.push(b'{');
        if let Some(order) = self.id {
            quoted(json, "\"order\":", |json| order.write_to(json));
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

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        json.skip("{\"order\":\"")?;
        let order = Some(json.parsed()?);
        json.skip(",\"item\":")?;
        let item: ItemNumber = json.count()?;
        json.skip(",\"quantity\":")?;
        let quantity: Quantity = json.count()?;
        let keyed = json.maybe(",\"keyed\":", JsonReader::is)?;
        let deadline = json.maybe(",\"deadline\":", JsonReader::number)?;
        json.skip("}")?;
        Some(Self {
            id: order,
            item,
            quantity,
            keyed,
            deadline: deadline.map(Deadline::from_millis),
        })
    }
}

impl FastJson for Sale {
    fn write_json(&self, json: &mut Vec<u8>) {
        quoted(json, "{\"order\":", |json| self.id.write_to(json));
        number(json, ",\"item\":", self.item.get());
        number(json, ",\"quantity\":", self.quantity.get());
        flag(json, ",\"keyed\":", self.keyed);
        flag(json, ",\"resent\":", self.resent);
        number(json, ",\"deadline\":", self.deadline.as_millis());
        json.push(b'}');
    }

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
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
            id: order,
            item,
            quantity,
            keyed,
            resent,
            deadline,
        })
    }
}

/// A batch that is nothing but its items.
macro_rules! batch {
    ($batch:ident, $items:ident) => {
        impl FastJson for $batch {
            fn write_json(&self, json: &mut Vec<u8>) {
                list(json, concat!("{\"", stringify!($items), "\":"), &self.$items);
                json.push(b'}');
            }

            fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
                json.skip(concat!("{\"", stringify!($items), "\":["))?;
                let $items = json.list()?;
                json.skip("}")?;
                Some(Self { $items })
            }
        }
    };
}

batch!(OrderBatch, orders);
batch!(SaleBatch, sales);

impl FastJson for Decision {
    fn write_json(&self, json: &mut Vec<u8>) {
        quoted(json, "{\"order\":", |json| self.order.write_to(json));
        word(json, ",\"outcome\":", self.outcome.as_str());
        flag(json, ",\"replayed\":", self.replayed);
        if let Some(entry) = &self.entry {
            text(json, ",\"entry\":");
            entry.write_json(json);
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

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        json.skip("{\"order\":\"")?;
        let order = json.parsed()?;
        json.skip(",\"outcome\":\"")?;
        let outcome = Outcome::of(json.word()?)?;
        json.skip(",\"replayed\":")?;
        let decision = Self {
            order,
            outcome,
            replayed: json.is()?,
            entry: json.maybe(",\"entry\":", Entry::read_json)?,
            title: json.maybe(",\"title\":", JsonReader::text)?,
            reason: json.maybe(",\"reason\":\"", JsonReader::parsed)?,
            stock: json.maybe(",\"stock\":", JsonReader::count::<Stock>)?,
        };
        json.skip("}")?;
        Some(decision)
    }
}

impl FastJson for Decisions {
    fn write_json(&self, json: &mut Vec<u8>) {
        list(json, "{\"decisions\":", &self.decisions);
        number(json, ",\"head\":", self.head.0);
        json.push(b'}');
    }

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        json.skip("{\"decisions\":[")?;
        let decisions = json.list()?;
        json.skip(",\"head\":")?;
        let head = Seq(json.number()?);
        json.skip("}")?;
        Some(Self { decisions, head })
    }
}

/// Appends a receipt's JSON up to the brace that ends it: in a batch something may follow.
pub(in crate::wire) fn push_open_receipt(json: &mut Vec<u8>, receipt: &Receipt) {
    quoted(json, "{\"order\":", |json| receipt.order.write_to(json));
    word(
        json,
        ",\"status\":",
        match receipt.status {
            OrderStatus::Sold => "sold",
            OrderStatus::Refused => "refused",
        },
    );
    number(json, ",\"item\":", receipt.item.get());
    title(json, receipt.title.as_deref());
    number(json, ",\"quantity\":", receipt.quantity);
    if let Some(cost) = receipt.cost {
        quoted(json, ",\"cost\":", |json| cost.write_to(json));
    }
    quoted(json, ",\"total\":", |json| receipt.total.write_to(json));
    if let Some(stock) = receipt.stock {
        number(json, ",\"stock\":", stock.get());
    }
    number(json, ",\"seq\":", receipt.seq.0);
    quoted(json, ",\"at\":", |json| receipt.at.write_to(json));
    if let Some(reason) = receipt.reason {
        word(json, ",\"reason\":", reason.as_str());
    }
}
