//! The fields of a book that a shopkeeper sets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::present;
use crate::parse::schema_of;
use crate::text::{check_name, normalize_name};
use crate::wire::Book;
use crate::{ArcStr, Cost, Description, ItemNumber, Stock};

/// The fields of a book without its number, and with its stock only if that changes. Texts are in their stored form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BookBody", into = "BookBody")]
pub struct BookFields {
    /// Its title.
    pub title: ArcStr,
    /// The other texts that describe the book.
    pub description: Description,
    /// The cost of one copy.
    pub cost: Cost,
    /// The new stock; if absent, the stock is unchanged, and that of a new book is 0.
    pub stock: Option<Stock>,
}

/// The fields of a book. Surrounding blanks of texts are removed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookBody {
    /// The title, at most 1,024 bytes.
    #[schema(value_type = String)]
    title: ArcStr,
    /// The author; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    author: Option<ArcStr>,
    /// Its topic.
    #[schema(value_type = String)]
    topic: ArcStr,
    /// The cost of one copy.
    cost: Cost,
    /// The new stock; if absent, the stock is unchanged, and that of a new book is 0.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    stock: Option<Stock>,
}

schema_of!(BookFields: BookBody);

impl BookFields {
    /// Normalizes the texts to their stored form.
    ///
    /// # Errors
    /// If a text is invalid: names it, and states what was expected.
    pub fn new(title: ArcStr, description: Description, cost: Cost, stock: Option<Stock>) -> Result<Self, String> {
        let named = |column: &str, name: ArcStr| {
            let name = normalize_name(name);
            let checked = check_name(&name).map_err(|why| format!("{column}: {why}"));
            checked.map(|()| name)
        };
        let Description { topic, author } = description;
        Ok(Self {
            title: named("title", title)?,
            description: Description {
                topic: named("topic", topic)?,
                author: author.map(|author| named("author", author)).transpose()?,
            },
            cost,
            stock,
        })
    }
}

impl TryFrom<BookBody> for BookFields {
    type Error = String;

    fn try_from(body: BookBody) -> Result<Self, String> {
        let BookBody {
            title,
            author,
            topic,
            cost,
            stock,
        } = body;
        Self::new(title, Description { topic, author }, cost, stock)
    }
}

impl From<BookFields> for BookBody {
    fn from(fields: BookFields) -> Self {
        let BookFields {
            title,
            description: Description { topic, author },
            cost,
            stock,
        } = fields;
        Self {
            title,
            author,
            topic,
            cost,
            stock,
        }
    }
}

/// The fields of a book with its number, in a change of several books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "NumberedBookBody", into = "NumberedBookBody")]
pub struct NumberedBook {
    /// The item number.
    pub item: ItemNumber,
    /// The fields to set.
    pub fields: BookFields,
}

/// The fields of a book, with its number.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberedBookBody {
    /// The item number.
    item: ItemNumber,
    /// The title, at most 1,024 bytes.
    #[schema(value_type = String)]
    title: ArcStr,
    /// The author; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    author: Option<ArcStr>,
    /// Its topic.
    #[schema(value_type = String)]
    topic: ArcStr,
    /// The cost of one copy.
    cost: Cost,
    /// The new stock; if absent, the stock is unchanged, and that of a new book is 0.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    stock: Option<Stock>,
}

schema_of!(NumberedBook: NumberedBookBody);

impl TryFrom<NumberedBookBody> for NumberedBook {
    type Error = String;

    fn try_from(body: NumberedBookBody) -> Result<Self, String> {
        let NumberedBookBody {
            item,
            title,
            author,
            topic,
            cost,
            stock,
        } = body;
        let fields = BookBody {
            title,
            author,
            topic,
            cost,
            stock,
        };
        let fields = fields.try_into().map_err(|why| format!("item {item}: {why}"))?;
        Ok(Self { item, fields })
    }
}

impl From<NumberedBook> for NumberedBookBody {
    fn from(NumberedBook { item, fields }: NumberedBook) -> Self {
        let BookBody {
            title,
            author,
            topic,
            cost,
            stock,
        } = fields.into();
        Self {
            item,
            title,
            author,
            topic,
            cost,
            stock,
        }
    }
}

impl From<Book> for BookFields {
    /// The fields of the book as it is, without its stock.
    fn from(book: Book) -> Self {
        Self {
            description: book.description(),
            title: book.title,
            cost: book.cost,
            stock: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[test]
    fn the_texts_of_a_book_are_stored_in_nfc_and_must_fit_into_a_catalog_file() {
        let fields: BookFields =
            serde_json::from_str(r#"{"title":" Cafe\u0301 ","topic":"t","author":"A","cost":"30","stock":0}"#).unwrap();
        assert_eq!((&*fields.title, fields.stock), ("Café", Some(Stock::ZERO)));
        assert_eq!(
            serde_json::to_string(&fields).unwrap(),
            r#"{"title":"Café","author":"A","topic":"t","cost":"30.00","stock":0}"#
        );
        let long = "x".repeat(limits::NAME_BYTES_MAX + 1);
        for body in [
            r#"{"title":" ","topic":"t","cost":"1.00"}"#,
            r#"{"title":"T","topic":"","cost":"1.00"}"#,
            r#"{"title":"T","topic":"t","author":"","cost":"1.00"}"#,
            r#"{"title":"T","topic":"t","author":null,"cost":"1.00"}"#,
            r#"{"title":"a\nb","topic":"t","cost":"1.00"}"#,
            &format!(r#"{{"title":"{long}","topic":"t","cost":"1.00"}}"#),
            r#"{"title":"T","topic":"t"}"#,
            r#"{"title":"T","topic":"t","cost":1}"#,
            r#"{"title":"T","topic":"t","cost":"1.00","stock":null}"#,
            r#"{"title":"T","topic":"t","cost":"1.00","item":2}"#,
        ] {
            assert!(serde_json::from_str::<BookFields>(body).is_err(), "{body} was accepted");
        }
    }
}
