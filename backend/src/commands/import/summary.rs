//! What an import changes, shown before it is done.

use std::fmt::{Display, Write as _};

use common::wire::Book;
use common::{ArcStr, Description, Entry, ItemNumber, Kind, Seq, text};
use serde_json::Value;

use crate::catalog::CatalogDiff;
use crate::store::StoreState;

/// The most changes that are listed; the others are only counted.
const LISTED_MAX: usize = 20;

/// The numbers of changes, and a line for each of the first [`LISTED_MAX`].
#[derive(Debug)]
pub(super) struct Summary {
    lines: Vec<String>,
    added: usize,
    changed: usize,
    withdrawn: usize,
    /// The number of books that are not in the file and stay.
    kept: usize,
    /// The number of books afterwards.
    books: usize,
    /// The last entry afterwards.
    pub(super) head: Seq,
}

impl Summary {
    /// Summarizes `changes` to the store `before`.
    pub(super) fn of(before: &StoreState, changes: &CatalogDiff) -> Self {
        let old = |item: ItemNumber| before.book(item);
        let count = |counts: &dyn Fn(&Entry) -> bool| changes.entries.iter().filter(|entry| counts(entry)).count();
        let withdrawn = count(&|entry| entry.kind == Kind::Withdrawn);
        let added = count(&|entry| entry.kind == Kind::Set && old(entry.item).is_none());
        let listed = changes.entries.iter().take(LISTED_MAX);
        let lines = listed.filter_map(|entry| describe(old(entry.item), after(old(entry.item), entry).as_ref()));
        Self {
            lines: lines.collect(),
            added,
            changed: changes.entries.len() - withdrawn - added,
            withdrawn,
            kept: changes.kept,
            books: changes.books,
            head: changes.entries.last().map_or(before.head, |last| last.seq),
        }
    }

    fn count(&self) -> usize {
        self.added + self.changed + self.withdrawn
    }

    /// The listed changes, a line each.
    pub(super) fn list(&self) -> String {
        let mut list = String::new();
        for line in &self.lines {
            let _ = writeln!(list, "{line}");
        }
        if self.count() > self.lines.len() {
            let _ = writeln!(list, "  and {} more", self.count() - self.lines.len());
        }
        list
    }

    /// The result as text.
    pub(super) fn text(&self, target: &impl Display, dry_run: bool) -> String {
        let Self {
            added,
            changed,
            withdrawn,
            kept,
            books,
            head,
            ..
        } = self;
        let done = if dry_run { "would be" } else { "are" };
        let mut text = format!("{target}: {added} added, {changed} changed, {withdrawn} withdrawn");
        if *kept > 0 {
            let _ = write!(text, ", {kept} not in the file and kept (--replace withdraws them)");
        }
        let _ = write!(text, "; there {done} {books} books after the entry {head}");
        text
    }

    /// The result as JSON.
    pub(super) fn json(&self, target: &impl Display, dry_run: bool) -> Value {
        serde_json::json!({
            "store": target.to_string(), "dry_run": dry_run, "added": self.added, "changed": self.changed,
            "withdrawn": self.withdrawn, "kept": self.kept, "books": self.books, "head": self.head,
            "changes": self.lines,
        })
    }
}

/// The book after an entry; `None` if it is withdrawn.
pub(super) fn after(before: Option<&Book>, entry: &Entry) -> Option<Book> {
    if entry.kind == Kind::Withdrawn {
        return None;
    }
    let only_stock = || {
        let stock = entry.stock_after?;
        Some(Book {
            stock,
            ..before?.clone()
        })
    };
    entry.described().or_else(only_stock)
}

fn describe(before: Option<&Book>, after: Option<&Book>) -> Option<String> {
    let name = |book: &Book| format!("{} {:?}", book.item, text::sanitize(&book.title));
    Some(match (before, after) {
        (None, None) => return None,
        (None, Some(new)) => {
            let (stock, cost, topic) = (new.stock, new.cost, text::sanitize(&new.topic));
            format!("+ {}: stock {stock}, cost {cost}, topic {topic:?}", name(new))
        }
        (Some(old), None) => format!("- {}: stock {}", name(old), old.stock),
        (Some(old), Some(new)) => format!("~ {}: {}", name(old), differences(old, new).join(", ")),
    })
}

fn differences(old: &Book, new: &Book) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |column: &str, old: &dyn Display, new: &dyn Display| {
        let (old, new) = (old.to_string(), new.to_string());
        if old != new {
            differences.push(format!("{column} {old} → {new}"));
        }
    };
    let name = |name: &str| format!("{:?}", text::sanitize(name));
    compare("name", &name(&old.title), &name(&new.title));
    compare("stock", &old.stock, &new.stock);
    compare("cost", &old.cost, &new.cost);
    let (old, new) = (old.description(), new.description());
    for (column, (old, new)) in Description::COLUMNS
        .into_iter()
        .zip(old.texts().into_iter().zip(new.texts()))
    {
        let text = |text: Option<&ArcStr>| text.map_or_else(|| "none".to_owned(), |text| name(text));
        compare(column, &text(old), &text(new));
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::book;

    #[test]
    fn a_difference_in_any_text_is_listed() {
        let old = book(1, 5, 1);
        let texts = Description::COLUMNS.map(|column| Some(column.into()));
        let description = Description::from_texts(texts).unwrap().unwrap();
        let new = Book::new(old.item, "Title".into(), description, old.cost, old.stock, old.seq);
        let listed = differences(&old, &new);
        assert_eq!(listed.len(), 1 + Description::COLUMNS.len());
        for (column, line) in std::iter::once("name").chain(Description::COLUMNS).zip(listed) {
            assert!(line.starts_with(&format!("{column} ")), "{line}");
        }
    }
}
