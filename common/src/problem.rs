//! Errors on the wire: problem details for HTTP (RFC 9457) with a stable `code`.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;
use crate::{ItemNumber, OrderId, Stock};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The kinds of failure. Their words never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request is not well formed.
    InvalidRequest,
    /// The shopkeeper's token is missing or wrong.
    Unauthorized,
    /// No book has that number.
    UnknownItem,
    /// No decision is known under that id.
    UnknownOrder,
    /// No resource has that path.
    NotFound,
    /// The path exists, but not with that method.
    MethodNotAllowed,
    /// The stock is lower than the quantity.
    SoldOut,
    /// The body is larger than the limit.
    PayloadTooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// The key was used for another order.
    KeyReused,
    /// Too many requests at once.
    TooManyRequests,
    /// An error of the service; the outcome is unknown.
    Internal,
    /// The service cannot process the request now; the request changed nothing.
    Unavailable,
    /// The deadline has passed; the outcome is unknown.
    DeadlineExceeded,
    /// The disk is full; the request changed nothing.
    StorageFull,
}

words!(Code, "a problem's code", {
    InvalidRequest => "invalid-request",
    Unauthorized => "unauthorized",
    UnknownItem => "unknown-item",
    UnknownOrder => "unknown-order",
    NotFound => "not-found",
    MethodNotAllowed => "method-not-allowed",
    SoldOut => "sold-out",
    PayloadTooLarge => "payload-too-large",
    UnsupportedMediaType => "unsupported-media-type",
    KeyReused => "key-reused",
    TooManyRequests => "too-many-requests",
    Internal => "internal",
    Unavailable => "unavailable",
    DeadlineExceeded => "deadline-exceeded",
    StorageFull => "storage-full",
});

impl Code {
    /// The HTTP status of a response with this code.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthorized => 401,
            Self::UnknownItem | Self::UnknownOrder | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::SoldOut => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::KeyReused => 422,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
            Self::StorageFull => 507,
        }
    }

    /// A summary that is the same for every occurrence.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not valid",
            Self::Unauthorized => "The shopkeeper's token is needed",
            Self::UnknownItem => "There is no such book",
            Self::UnknownOrder => "There is no such order",
            Self::NotFound => "There is nothing here",
            Self::MethodNotAllowed => "That method is not allowed here",
            Self::SoldOut => "Not enough copies are left",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body must be JSON",
            Self::KeyReused => "The key was used for another order",
            Self::TooManyRequests => "Too many requests",
            Self::Internal => "Something went wrong here",
            Self::Unavailable => "The service is not available",
            Self::DeadlineExceeded => "The time is up",
            Self::StorageFull => "The store has no room left",
        }
    }

    /// Whether the code says that this request changed nothing. After `internal` and `deadline-exceeded` it is unknown.
    pub fn is_definite(self) -> bool {
        !matches!(self, Self::Internal | Self::DeadlineExceeded)
    }
}

/// The body of an error response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The URI of its kind: `urn:bookstore:problem:CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// [`Code::title`].
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Its kind.
    pub code: Code,
    /// What happened and what to do about it.
    pub detail: String,
    /// The book that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemNumber>,
    /// The stock when the order was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Stock>,
    /// The id for `GET /orders/{order}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
}

impl Problem {
    /// A problem with its code and a sentence for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:bookstore:problem:{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: detail.into(),
            item: None,
            stock: None,
            order: None,
        }
    }

    /// Sets the book that it is about.
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
