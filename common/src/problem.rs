//! Errors on the wire: problem details for HTTP (RFC 9457) with a stable `code`.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::parse::words;
use crate::{ArcStr, ItemNumber, OrderId, Quantity, Stock};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Declares the codes: the word, the HTTP status, and the title.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $word:tt, $status:literal, $title:literal;)*) => {
        words! {
            /// The kinds of failure. Their words never change.
            pub enum Code("a problem's code") { $($(#[$doc])* $code = $word,)* }
        }

        impl Code {
            /// The HTTP status of a response with this code.
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)*
                }
            }

            /// A summary that is the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$code => $title,)*
                }
            }
        }
    };
}

codes! {
    /// The request is malformed.
    InvalidRequest = "invalid-request", 400, "The request is not valid";
    /// The shopkeeper's token or the service token is missing or wrong.
    Unauthorized = "unauthorized", 401, "A token is needed";
    /// A web page of another origin requests a change.
    ForbiddenOrigin = "forbidden-origin", 403, "Pages of other origins may not change anything";
    /// No book has that number.
    UnknownItem = "unknown-item", 404, "There is no such book";
    /// No decision is known for that id.
    UnknownOrder = "unknown-order", 404, "There is no such order";
    /// No resource has that path.
    NotFound = "not-found", 404, "There is nothing here";
    /// The path exists, but does not support the method.
    MethodNotAllowed = "method-not-allowed", 405, "That method is not allowed here";
    /// The body was not received in time.
    RequestTimeout = "request-timeout", 408, "The request took too long";
    /// The stock is lower than the quantity.
    SoldOut = "sold-out", 409, "Not enough copies are left";
    /// The book was changed after the state that `If-Match` names.
    PreconditionFailed = "precondition-failed", 412, "The book was changed meanwhile";
    /// The body is larger than the limit.
    PayloadTooLarge = "payload-too-large", 413, "The body is too large";
    /// The body is not JSON.
    UnsupportedMediaType = "unsupported-media-type", 415, "The body must be JSON";
    /// The request is for another host.
    Misdirected = "misdirected", 421, "This service does not serve that host";
    /// The key belongs to another order or change.
    KeyReused = "key-reused", 422, "The key was used for another order";
    /// The client exceeds the rate limit, or the service its limit of event streams.
    TooManyRequests = "too-many-requests", 429, "Too many requests";
    /// A defect in the service; the outcome is unknown.
    Internal = "internal", 500, "An internal error occurred";
    /// The service cannot process the request now; the request changed nothing.
    Unavailable = "unavailable", 503, "The service is not available";
    /// The deadline has passed; the outcome is unknown.
    DeadlineExceeded = "deadline-exceeded", 504, "The deadline has passed";
    /// The disk is full; the request changed nothing.
    StorageFull = "storage-full", 507, "The store is out of disk space";
    /// The request came through too many services, which call each other.
    LoopDetected = "loop-detected", 508, "The services call each other in a loop";
}

impl Code {
    /// Whether the code means that this request changed nothing. After `internal` and `deadline-exceeded` that is unknown.
    pub fn is_not_applied(self) -> bool {
        !matches!(self, Self::Internal | Self::DeadlineExceeded)
    }
}

/// A line of an order for which there is too little stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShortLine {
    /// The book.
    pub item: ItemNumber,
    /// The copies left.
    pub stock: Stock,
    /// The copies ordered.
    pub wanted: Quantity,
}

/// The body of an error response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The URI of its kind: `urn:bookstore:problem:CODE`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: ArcStr,
    /// A summary that is the same for every problem of its kind.
    #[schema(value_type = String)]
    pub title: ArcStr,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem.
    pub code: Code,
    /// What happened and what to do about it.
    #[schema(value_type = String)]
    pub detail: ArcStr,
    /// The affected book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemNumber>,
    /// The stock when the order was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Stock>,
    /// The id for `GET /orders/{order}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The lines with too little stock, of an order of several lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<ShortLine>,
    /// The item numbers that no book has, of an order of several lines or of a change of several books.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemNumber>,
}

impl Problem {
    /// A problem with a code and a sentence for people.
    pub fn new(code: Code, detail: impl Into<ArcStr>) -> Self {
        Self {
            kind: format!("urn:bookstore:problem:{code}").into(),
            title: code.title().into(),
            status: code.status(),
            code,
            detail: detail.into(),
            item: None,
            stock: None,
            order: None,
            lines: Vec::new(),
            items: Vec::new(),
        }
    }

    /// Sets the affected book.
    #[must_use]
    pub fn with_item(mut self, item: ItemNumber) -> Self {
        self.item = Some(item);
        self
    }

    /// Sets the stock when the order was refused.
    #[must_use]
    pub fn with_stock(mut self, stock: Stock) -> Self {
        self.stock = Some(stock);
        self
    }

    /// Sets the order's id.
    #[must_use]
    pub fn with_order(mut self, order: Option<OrderId>) -> Self {
        self.order = order;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl std::error::Error for Problem {}
