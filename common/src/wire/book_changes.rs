//! A shopkeeper's changes of books.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Book, BookFields, NumberedBook, StockChange, objects};
use crate::parse::Error;
use crate::{ItemNumber, Seq, limits};

/// The body of `POST /books`: 1…1,000 books in total, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BooksBody {
    /// The books to add or to change.
    #[schema(max_items = 1000)]
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "objects")]
    pub set: Vec<NumberedBook>,
    /// The books to withdraw.
    #[schema(max_items = 1000)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdraw: Vec<ItemNumber>,
}

/// The action of a change on one book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookAction {
    /// Changes the stock of an existing book.
    Stock(StockChange),
    /// Adds the book, or replaces its fields.
    Set(BookFields),
    /// Removes an existing book with its stock.
    Withdraw,
}

/// A change of one book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookChange {
    /// The book.
    pub item: ItemNumber,
    /// The action on the book.
    pub action: BookAction,
}

/// Changes that are applied together or not at all. The JSON of several is a [`BooksBody`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BooksBody")]
pub enum BookChanges {
    /// The change of the book in the request's path; preconditions are compared with this book's state.
    One(BookChange),
    /// The changes of 1…[`limits::GROUP_LINES_MAX`] books, by item number, each once; preconditions are compared with
    /// the state of the whole store.
    Several(Vec<BookChange>),
}

impl BookChanges {
    /// The change of one book.
    pub fn one(item: ItemNumber, action: BookAction) -> Self {
        Self::One(BookChange { item, action })
    }

    /// The changes, by item number.
    pub fn as_slice(&self) -> &[BookChange] {
        match self {
            Self::One(change) => std::slice::from_ref(change),
            Self::Several(changes) => changes,
        }
    }
}

impl TryFrom<BooksBody> for BookChanges {
    type Error = Error;

    fn try_from(body: BooksBody) -> Result<Self, Error> {
        let set = body.set.into_iter().map(|NumberedBook { item, fields }| BookChange {
            item,
            action: BookAction::Set(fields),
        });
        let withdrawn = body.withdraw.into_iter().map(|item| BookChange {
            item,
            action: BookAction::Withdraw,
        });
        let mut changes: Vec<BookChange> = set.chain(withdrawn).collect();
        changes.sort_unstable_by_key(|change| change.item);
        let is_repeated = changes.windows(2).any(|pair| pair[0].item == pair[1].item);
        if is_repeated || !(1..=limits::GROUP_LINES_MAX.into()).contains(&changes.len()) {
            return Err(Error("1 to 1000 books in `set` and `withdraw` together, each once"));
        }
        Ok(Self::Several(changes))
    }
}

impl From<&[BookChange]> for BooksBody {
    /// Omits changes of stocks, which have another route.
    fn from(changes: &[BookChange]) -> Self {
        let mut body = Self::default();
        for BookChange { item, action } in changes {
            match action {
                BookAction::Set(fields) => body.set.push(NumberedBook {
                    item: *item,
                    fields: fields.clone(),
                }),
                BookAction::Withdraw => body.withdraw.push(*item),
                BookAction::Stock(_) => {}
            }
        }
        body
    }
}

/// The answer to a change of several books, or to a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedBooks {
    /// The added or changed books right after the change, by item number.
    pub books: Vec<Book>,
    /// The numbers of the withdrawn books.
    pub withdrawn: Vec<ItemNumber>,
    /// The last entry of the change.
    pub seq: Seq,
}

impl From<Book> for ChangedBooks {
    /// The answer to a change of one book.
    fn from(book: Book) -> Self {
        Self {
            seq: book.seq,
            books: vec![book],
            withdrawn: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: &str = r#""title":"T","topic":"t","cost":"3.00""#;

    fn changes(body: &str) -> Result<BookChanges, String> {
        serde_json::from_str(body).map_err(|error| error.to_string())
    }

    #[test]
    fn several_books_are_changed_in_the_order_of_their_numbers_and_each_once() {
        let body = format!(r#"{{"set":[{{"item":7,{BOOK}}},{{"item":2,{BOOK}}}],"withdraw":[9,1]}}"#);
        let parsed = changes(&body).unwrap();
        let items: Vec<u64> = parsed.as_slice().iter().map(|change| change.item.get()).collect();
        assert_eq!(items, [1, 2, 7, 9]);
        let again = serde_json::to_string(&BooksBody::from(parsed.as_slice())).unwrap();
        assert_eq!(changes(&again).unwrap(), parsed);
        for body in [
            "{}".to_owned(),
            r#"{"set":[],"withdraw":[]}"#.to_owned(),
            r#"{"withdraw":[1,1]}"#.to_owned(),
            format!(r#"{{"set":[{{"item":2,{BOOK}}}],"withdraw":[2]}}"#),
            format!(r#"{{"set":[{{{BOOK}}}]}}"#),
            r#"{"set":[[2,"T",null,"t","3.00",1]]}"#.to_owned(),
            r#"{"withdraw":null}"#.to_owned(),
            r#"{"withdraw":[0]}"#.to_owned(),
        ] {
            assert!(changes(&body).is_err(), "{body} was accepted");
        }
        let many = |count: u64| format!(r#"{{"withdraw":{:?}}}"#, (1..=count).collect::<Vec<_>>());
        assert!(changes(&many(1_000)).is_ok() && changes(&many(1_001)).is_err());
    }
}
