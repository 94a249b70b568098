//! The ledger's entries. An entry is a decision: a purchase is done if and only if its entry is durable.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::parse::{schema_of, words};
use crate::wire::Book;
use crate::{ArcStr, Cost, Description, ItemNumber, OrderId, Quantity, Seq, Stock, Timestamp, limits};

words! {
    /// The kind of an entry.
    pub enum Kind("sold, refused, restocked, set or withdrawn") {
        /// An order was sold; the stock decreased.
        Sold = "sold",
        /// An order or a stock change was refused finally.
        Refused = "refused",
        /// The shopkeeper added copies to the stock or removed copies.
        Restocked = "restocked",
        /// The shopkeeper set the stock, or added or changed the book; `change` may be 0.
        Set = "set",
        /// The book was removed from the catalog with its stock.
        Withdrawn = "withdrawn",
    }
}

impl Kind {
    /// Whether an entry of this kind changes the book.
    pub fn changes_book(self) -> bool {
        self != Self::Refused
    }
}

words! {
    /// The reason of a refusal in the ledger. A buyer can get other reasons too, which are not recorded: the key names
    /// another order, the deadline has passed, too many refusals, or no room in the store.
    pub enum Reason("sold-out, unknown-item or with-others") {
        /// The stock is lower than the quantity.
        SoldOut = "sold-out",
        /// No book has that number.
        UnknownItem = "unknown-item",
        /// The line could have been sold, but another line of the order was refused.
        WithOthers = "with-others",
    }
}

/// The position of an entry in its group. A group consists of the lines of an order, or of a shopkeeper's change of several
/// books: consecutive entries that have the same order id and become durable together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupPosition {
    number: u16,
    count: u16,
}

impl GroupPosition {
    /// The position of the entry of a group of one.
    pub const ONLY: Self = Self { number: 1, count: 1 };

    /// Line `number` of `count`, counted from 1; `None` unless `number` ≤ `count` ≤ [`limits::GROUP_LINES_MAX`].
    pub fn new(number: u16, count: u16) -> Option<Self> {
        let is_valid = 1 <= number && number <= count && count <= limits::GROUP_LINES_MAX;
        is_valid.then_some(Self { number, count })
    }

    /// The positions in a group of `count` lines; none if `count` exceeds [`limits::GROUP_LINES_MAX`].
    pub fn of_group(count: usize) -> impl Iterator<Item = Self> {
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        (1..=count).map_while(move |number| Self::new(number, count))
    }

    /// The number of the line in its group, from 1.
    pub fn number(self) -> u16 {
        self.number
    }

    /// The number of lines of the group.
    pub fn count(self) -> u16 {
        self.count
    }

    /// Whether the line is the first of its group.
    pub fn is_first(self) -> bool {
        self.number == 1
    }

    /// Whether the line is the last of its group.
    pub fn is_last(self) -> bool {
        self.number == self.count
    }
}

impl Default for GroupPosition {
    fn default() -> Self {
        Self::ONLY
    }
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EntryJson", into = "EntryJson")]
pub struct Entry {
    /// The position in the ledger.
    pub seq: Seq,
    /// The time of the decision, by the catalog's clock.
    pub at: Timestamp,
    /// The kind of the decision.
    pub kind: Kind,
    /// The book.
    pub item: ItemNumber,
    /// The position in the group.
    pub line: GroupPosition,
    /// The ordered copies; `None` unless the entry decides an order.
    pub quantity: Option<Quantity>,
    /// The copies added to the stock; negative for a sale.
    pub change: i64,
    /// The stock after the entry; `None` if the book is unknown.
    pub stock_after: Option<Stock>,
    /// The id of the order or of the shopkeeper's change; `None` if a catalog file was imported.
    pub order: Option<OrderId>,
    /// The cost of one copy at that time.
    pub unit_cost: Option<Cost>,
    /// The reason of a refusal.
    pub reason: Option<Reason>,
    /// The title of the book at that time, for orders of known books and with a description.
    pub title: Option<ArcStr>,
    /// The description of the book if a `set` adds the book or changes more than its stock; then `title` and `unit_cost`
    /// are present too.
    pub description: Option<Box<Description>>,
}

impl Entry {
    /// The book after an entry with a description; `None` without one.
    pub fn described(&self) -> Option<Book> {
        let description = self.description.as_deref()?.clone();
        let (title, cost, stock) = (self.title.clone()?, self.unit_cost?, self.stock_after?);
        Some(Book::new(self.item, title, description, cost, stock, self.seq))
    }
}

/// Splits consecutive entries into groups; only the last group may be incomplete.
pub fn groups(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|entry, _| !entry.line.is_last())
}

/// An entry of the ledger: a decision.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Entry)]
struct EntryJson {
    /// The position in the ledger.
    seq: Seq,
    /// The time of the decision, by the catalog's clock.
    at: Timestamp,
    /// The kind of the decision.
    kind: Kind,
    /// The book.
    item: ItemNumber,
    /// The number of the line, from 1, if the order or change has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u16>,
    /// The number of lines, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u16>,
    /// The ordered copies; absent unless the entry decides an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<Quantity>,
    /// The copies added to the stock; negative for a sale.
    change: i64,
    /// The stock after the entry; absent if the book is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    stock_after: Option<Stock>,
    /// The id of the order or change; absent if a catalog file was imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderId>,
    /// The cost of one copy at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_cost: Option<Cost>,
    /// The reason of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// The title of the book at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    title: Option<ArcStr>,
    /// The topic, if the book is added or changed in more than its stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    topic: Option<ArcStr>,
    /// The author, if the topic is present and the author is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    author: Option<ArcStr>,
}

schema_of!(Entry: EntryJson);

impl From<Entry> for EntryJson {
    fn from(entry: Entry) -> Self {
        let is_single = entry.line == GroupPosition::ONLY;
        let description = entry.description.as_deref();
        let [topic, author] = description.map(Description::texts).unwrap_or_default();
        Self {
            seq: entry.seq,
            at: entry.at,
            kind: entry.kind,
            item: entry.item,
            line: (!is_single).then(|| entry.line.number()),
            lines: (!is_single).then(|| entry.line.count()),
            quantity: entry.quantity,
            change: entry.change,
            stock_after: entry.stock_after,
            order: entry.order,
            unit_cost: entry.unit_cost,
            reason: entry.reason,
            title: entry.title,
            topic: topic.cloned(),
            author: author.cloned(),
        }
    }
}

impl TryFrom<EntryJson> for Entry {
    type Error = &'static str;

    fn try_from(json: EntryJson) -> Result<Self, &'static str> {
        let line = match (json.line, json.lines) {
            (None, None) => Some(GroupPosition::ONLY),
            (number, count) => GroupPosition::new(number.unwrap_or_default(), count.unwrap_or_default()),
        };
        let description = Description::from_texts([json.topic, json.author])?;
        Ok(Self {
            seq: json.seq,
            at: json.at,
            kind: json.kind,
            item: json.item,
            line: line.ok_or("expected a `line` from 1 to `lines`, which is at most 1000")?,
            quantity: json.quantity,
            change: json.change,
            stock_after: json.stock_after,
            order: json.order,
            unit_cost: json.unit_cost,
            reason: json.reason,
            title: json.title,
            description: description.map(Box::new),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        // The catalog keeps a million entries in memory.
        assert_eq!(size_of::<Entry>(), 88);
    }

    #[test]
    fn an_entry_of_a_group_has_a_line_and_an_invalid_line_is_refused() {
        let json = r#"{"seq":5,"at":"2026-01-31T12:00:00.000000Z","kind":"sold","item":2,"line":1,"lines":2,"quantity":1,"change":-1}"#;
        let entry: Entry = serde_json::from_str(json).unwrap();
        assert_eq!(entry.line, GroupPosition::new(1, 2).unwrap());
        assert_eq!(serde_json::to_string(&entry).unwrap(), json);
        for wrong in ["\"line\":3", "\"line\":0", "\"topic_\":0"] {
            assert!(
                serde_json::from_str::<Entry>(&json.replace("\"line\":1", wrong)).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn groups_end_with_their_last_line() {
        let json = r#"{"seq":5,"at":"2026-01-31T12:00:00.000000Z","kind":"set","item":2,"change":0}"#;
        let entry: Entry = serde_json::from_str(json).unwrap();
        let lines = [(1, 1), (1, 2), (2, 2), (1, 1), (1, 3)];
        let entries = lines.map(|(number, count)| Entry {
            line: GroupPosition::new(number, count).unwrap(),
            ..entry.clone()
        });
        assert_eq!(groups(&entries).map(<[Entry]>::len).collect::<Vec<_>>(), [1, 2, 1, 1]);
    }
}
