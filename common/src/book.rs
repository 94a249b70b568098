//! A book and its columns.
//!
//! [`Description`] lists the columns that describe a book. Code that stores, compares, normalizes or exports all columns uses
//! its methods, or destructures a book or a description without `..`, so that the compiler reports each place that a new
//! column affects.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ArcStr, Cost, ItemNumber, Seq, Stock};

/// A book with its stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Book {
    /// The item number.
    pub item: ItemNumber,
    /// The title; the column `name` of a catalog file.
    #[schema(value_type = String)]
    pub title: ArcStr,
    /// Its author, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub author: Option<ArcStr>,
    /// Its topic.
    #[schema(value_type = String)]
    pub topic: ArcStr,
    /// The cost of one copy.
    pub cost: Cost,
    /// The copies in stock. A sale changes only this field and `seq`, which must remain the last fields.
    pub stock: Stock,
    /// The entry of the book's last change.
    pub seq: Seq,
}

/// The description of a book, without its title and cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its topic.
    pub topic: ArcStr,
    /// Its author, if known.
    pub author: Option<ArcStr>,
}

/// A value for each column of a description.
pub type Columns<T> = [T; Description::COLUMNS.len()];

impl Description {
    /// The names of the columns in JSON, files and tables. Only the first one is required. Append new columns; files without
    /// the last ones are older.
    pub const COLUMNS: [&'static str; 2] = ["topic", "author"];

    /// A description with only a topic.
    pub fn new(topic: impl Into<ArcStr>) -> Self {
        Self {
            topic: topic.into(),
            author: None,
        }
    }

    /// The text in each column.
    pub fn texts(&self) -> Columns<Option<&ArcStr>> {
        let Self { topic, author } = self;
        [Some(topic), author.as_ref()]
    }

    /// The description with these texts; `None` if all are absent.
    ///
    /// # Errors
    /// If there are texts, but no topic.
    pub fn from_texts(texts: Columns<Option<ArcStr>>) -> Result<Option<Self>, &'static str> {
        let is_empty = texts.iter().all(Option::is_none);
        let [topic, author] = texts;
        match topic {
            Some(topic) => Ok(Some(Self { topic, author })),
            None if is_empty => Ok(None),
            None => Err("expected a topic where a book is described"),
        }
    }
}

impl Book {
    /// The book with this description.
    pub fn new(item: ItemNumber, title: ArcStr, description: Description, cost: Cost, stock: Stock, seq: Seq) -> Self {
        let Description { topic, author } = description;
        Self {
            item,
            title,
            author,
            topic,
            cost,
            stock,
            seq,
        }
    }

    /// The book's description.
    pub fn description(&self) -> Description {
        let Self {
            item: _,
            title: _,
            author,
            topic,
            cost: _,
            stock: _,
            seq: _,
        } = self;
        Description {
            topic: topic.clone(),
            author: author.clone(),
        }
    }

    /// Replaces the title and every text of the description.
    #[must_use]
    pub fn map_texts(self, mut map: impl FnMut(ArcStr) -> ArcStr) -> Self {
        let Self {
            item,
            title,
            author,
            topic,
            cost,
            stock,
            seq,
        } = self;
        Self {
            item,
            title: map(title),
            author: author.map(&mut map),
            topic: map(topic),
            cost,
            stock,
            seq,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A book with a text in every column.
    fn whole_book() -> Book {
        let texts = Description::COLUMNS.map(|column| Some(column.into()));
        Book::new(
            "2".parse().unwrap(),
            "title".into(),
            Description::from_texts(texts).unwrap().unwrap(),
            "40".parse().unwrap(),
            Stock::try_from(500).unwrap(),
            Seq(4),
        )
    }

    #[test]
    fn a_book_is_written_with_its_fields_in_order_and_without_absent_ones() {
        let Book {
            item,
            title,
            cost,
            stock,
            seq,
            ..
        } = whole_book();
        let book = Book::new(item, title, Description::new("topic"), cost, stock, seq);
        assert_eq!(
            serde_json::to_string(&book).unwrap(),
            r#"{"item":2,"title":"title","topic":"topic","cost":"40.00","stock":500,"seq":4}"#
        );
    }

    #[test]
    fn every_column_is_written_and_read_back_under_its_name() {
        let json = serde_json::to_value(whole_book()).unwrap();
        for column in Description::COLUMNS {
            assert_eq!(json[column], column);
        }
        assert_eq!(serde_json::from_value::<Book>(json).unwrap(), whole_book());
    }

    #[test]
    fn every_text_is_mapped() {
        let mapped = whole_book().map_texts(|text| format!("{text}!").into());
        let texts = Description::COLUMNS.map(|column| Some(format!("{column}!")));
        assert_eq!(mapped.title, "title!");
        assert_eq!(
            mapped.description().texts().map(|text| text.map(ToString::to_string)),
            texts
        );
    }
}
