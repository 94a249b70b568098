//! Violations of the ledger's rules, each with the values that prove it.

use common::money::Total;
use common::{ArcStr, Cost, GroupPosition, OrderId, Quantity, Seq, Stock};

/// The rule that a [`Violation`] breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Entries are numbered from 1 without a gap.
    Sequence,
    /// The lines of an order or a change are consecutive and complete; either all lines of an order are sold or none is.
    Group,
    /// An entry has the fields of its kind.
    Fields,
    /// An entry concerns a book that exists.
    BookExists,
    /// The stock after an entry is the stock before it plus its change.
    StockAddsUp,
    /// No entry takes a stock below 0.
    StockNotNegative,
    /// The price of an entry is the book's current price.
    Price,
    /// The title of an order is the book's current title, and a new book has a title and a topic.
    Title,
    /// A refusal changes nothing, and its reason fits the stock.
    Refusal,
    /// An order is decided once.
    DecidedOnce,
    /// A receipt has the lines of its order, and its totals add up.
    Receipt,
    /// The catalog's books are the books that follow from the ledger.
    Catalog,
}

/// A broken rule. Its message names neither the entry nor the book: the caller does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The entry's number is not the next one.
    #[error("expected the entry {expected} here")]
    OutOfSequence {
        /// The number after that of the previous entry.
        expected: Seq,
    },
    /// The entry does not continue the unfinished group before it, or a group does not begin with its first line.
    #[error("line {} of {} does not continue the entry before it", line.number(), line.count())]
    BrokenGroup {
        /// The entry's line.
        line: GroupPosition,
    },
    /// The ledger ends within a group.
    #[error("the ledger ends with line {} of {}", line.number(), line.count())]
    UnfinishedGroup {
        /// The last entry's line.
        line: GroupPosition,
    },
    /// An order has more lines than an order can have.
    #[error(
        "an order has {count} lines, but at most {} are possible",
        common::limits::ORDER_LINES_MAX
    )]
    TooManyLines {
        /// The number of lines.
        count: u16,
    },
    /// Every line of a refused order gives another line as the reason.
    #[error("every line of the refused order could have been sold")]
    RefusedWithoutReason,
    /// The entry needs a book that exists.
    #[error("no book has this number")]
    UnknownBook,
    /// The entry refuses an unknown item, but the book exists.
    #[error("the refusal says that no book has this number, but one has")]
    KnownBook,
    /// The change takes more copies than there are.
    #[error("a change of {change} takes the stock of {before} below 0")]
    NegativeStock {
        /// Copies before the entry.
        before: Stock,
        /// The entry's change.
        change: i64,
    },
    /// The stock after the entry does not follow from the stock before it.
    #[error("the stock of {before} changed by {change} does not make {}", or_none(*.stated))]
    StockMismatch {
        /// Copies before the entry.
        before: Stock,
        /// The entry's change.
        change: i64,
        /// The stock that the entry states.
        stated: Option<Stock>,
    },
    /// The entry's price is not the book's.
    #[error("the entry has a price of {}, but the price in force is {}", or_none(*.stated), or_none(*.in_force))]
    PriceMismatch {
        /// The price that the entry states.
        stated: Option<Cost>,
        /// The book's price before the entry.
        in_force: Option<Cost>,
    },
    /// A sale lacks its order or has no valid quantity.
    #[error("a sale needs an order id and a quantity from 1 to {}", common::limits::QUANTITY_MAX)]
    IncompleteSale,
    /// A sale's change differs from its quantity.
    #[error("the sale has a quantity of {quantity}, but changes the stock by {change}")]
    QuantityMismatch {
        /// The sale's quantity.
        quantity: Quantity,
        /// The sale's change.
        change: i64,
    },
    /// A refusal lacks its order or its reason.
    #[error("a refusal needs an order id and a reason")]
    IncompleteRefusal,
    /// A refusal has a change.
    #[error("a refusal must not change the stock, but this one changes it by {change}")]
    RefusalChangesStock {
        /// The refusal's change.
        change: i64,
    },
    /// The reason of a refusal is `sold out`, but the copies were in stock.
    #[error("a quantity of {quantity} was refused as sold out with {stock} in stock")]
    RefusedInStock {
        /// The refused quantity.
        quantity: Quantity,
        /// Copies before the entry.
        stock: Stock,
    },
    /// The reason of a refusal is another line, but the copies were not in stock.
    #[error("a quantity of {quantity} was refused only because of other lines with {stock} in stock")]
    RefusedOutOfStock {
        /// The refused quantity.
        quantity: Quantity,
        /// Copies before the entry.
        stock: Stock,
    },
    /// The order's title is not the book's.
    #[error("the entry has the title {}, but the title in force is {}", quoted(stated.as_ref()), quoted(in_force.as_ref()))]
    TitleMismatch {
        /// The title that the entry states.
        stated: Option<ArcStr>,
        /// The book's title before the entry.
        in_force: Option<ArcStr>,
    },
    /// A book is created, or its price changed, without a description.
    #[error("a new book and a new price need a title and a topic")]
    MissingDescription,
    /// A description lacks its title or its price.
    #[error("a description needs a title and a cost")]
    IncompleteDescription,
    /// An entry that neither is an order nor describes the book has a title.
    #[error("only an order and a description have a title")]
    UnexpectedTitle,
    /// A restock lacks its id.
    #[error("a restock needs an id")]
    IncompleteRestock,
    /// The stock after a withdrawal is not 0.
    #[error("a withdrawn book must have a stock of 0")]
    StockAfterWithdrawal,
    /// An entry that is not a refusal has a reason.
    #[error("only a refusal has a reason")]
    UnexpectedReason,
    /// The order was decided before.
    #[error("order {order} was already decided by entry {first}")]
    DecidedTwice {
        /// The order.
        order: OrderId,
        /// The entry that decided it.
        first: Seq,
    },
    /// The books or quantities of a receipt differ from those of its order.
    #[error("the receipt has other lines than the order")]
    OtherLines,
    /// The lines of a receipt are not consecutive entries.
    #[error("the lines of the receipt are not consecutive entries")]
    ScatteredLines,
    /// A receipt or one of its lines has a wrong total.
    #[error("the receipt states a total of {stated} instead of {expected}")]
    WrongTotal {
        /// The total in the receipt.
        stated: Total,
        /// The sum of the lines, or cost times quantity.
        expected: Total,
    },
    /// The ledger has a book that the catalog lacks.
    #[error("the ledger has this book, the catalog does not")]
    MissingInCatalog,
    /// The catalog has a book that does not follow from the ledger.
    #[error("the catalog has this book, the ledger does not")]
    MissingInLedger,
    /// Catalog and ledger differ in a stock.
    #[error("the catalog has a stock of {catalog}, the ledger {ledger}")]
    CatalogStock {
        /// The catalog's stock.
        catalog: Stock,
        /// The ledger's stock.
        ledger: Stock,
    },
    /// Catalog and ledger differ in a price.
    #[error("the catalog has a cost of {catalog}, the ledger {}", or_none(*.ledger))]
    CatalogCost {
        /// The catalog's price.
        catalog: Cost,
        /// The ledger's price.
        ledger: Option<Cost>,
    },
    /// Catalog and ledger differ in the title or a text of the description.
    #[error("the catalog has the {column} {}, the ledger {}", quoted(catalog.as_ref()), quoted(ledger.as_ref()))]
    CatalogDescription {
        /// The column's name.
        column: &'static str,
        /// The catalog's text.
        catalog: Option<ArcStr>,
        /// The ledger's text.
        ledger: Option<ArcStr>,
    },
    /// Catalog and ledger differ in the entry that changed a book last.
    #[error("the catalog says that entry {catalog} changed the book last, but entry {ledger} did")]
    CatalogSeq {
        /// The catalog's `seq`.
        catalog: Seq,
        /// The ledger's `seq`.
        ledger: Seq,
    },
}

impl Violation {
    /// The broken rule.
    pub fn rule(&self) -> Rule {
        match self {
            Self::OutOfSequence { .. } => Rule::Sequence,
            Self::UnknownBook => Rule::BookExists,
            Self::NegativeStock { .. } => Rule::StockNotNegative,
            Self::StockMismatch { .. } | Self::QuantityMismatch { .. } => Rule::StockAddsUp,
            Self::PriceMismatch { .. } => Rule::Price,
            Self::BrokenGroup { .. } | Self::UnfinishedGroup { .. } | Self::TooManyLines { .. } => Rule::Group,
            Self::TitleMismatch { .. } | Self::MissingDescription => Rule::Title,
            Self::KnownBook
            | Self::RefusalChangesStock { .. }
            | Self::RefusedInStock { .. }
            | Self::RefusedOutOfStock { .. }
            | Self::RefusedWithoutReason => Rule::Refusal,
            Self::IncompleteSale
            | Self::IncompleteRefusal
            | Self::IncompleteRestock
            | Self::StockAfterWithdrawal
            | Self::IncompleteDescription
            | Self::UnexpectedReason
            | Self::UnexpectedTitle => Rule::Fields,
            Self::DecidedTwice { .. } => Rule::DecidedOnce,
            Self::OtherLines | Self::ScatteredLines | Self::WrongTotal { .. } => Rule::Receipt,
            Self::MissingInCatalog
            | Self::MissingInLedger
            | Self::CatalogStock { .. }
            | Self::CatalogCost { .. }
            | Self::CatalogDescription { .. }
            | Self::CatalogSeq { .. } => Rule::Catalog,
        }
    }
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn quoted(text: Option<&ArcStr>) -> String {
    text.map_or_else(|| "none".to_owned(), |text| format!("{text:?}"))
}
