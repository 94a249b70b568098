//! Errors on the wire: problem details for HTTP (RFC 9457) with a stable `code`.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ItemNumber, OrderId, Stock};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Every kind of failure the services tell of. A client may rely on these words for ever.
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
    /// There is nothing at that address.
    NotFound,
    /// The address exists, the method does not.
    MethodNotAllowed,
    /// The shelf holds fewer copies than were asked for.
    SoldOut,
    /// The body is larger than the limit.
    PayloadTooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// The key names another order.
    KeyReused,
    /// Too many requests at once.
    TooManyRequests,
    /// A fault of the service; the outcome is unknown.
    Internal,
    /// The service cannot take the request now; nothing was changed by it.
    Unavailable,
    /// The time was up; the outcome is unknown.
    DeadlineExceeded,
    /// The disk is full; nothing was changed by the request.
    StorageFull,
}

impl Code {
    /// All codes, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::UnknownItem,
        Self::UnknownOrder,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::SoldOut,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::KeyReused,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
        Self::DeadlineExceeded,
        Self::StorageFull,
    ];

    /// The HTTP status it travels with.
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

    /// A short summary that is the same for every occurrence.
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

    /// The word in a problem's `code`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::Unauthorized => "unauthorized",
            Self::UnknownItem => "unknown-item",
            Self::UnknownOrder => "unknown-order",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::SoldOut => "sold-out",
            Self::PayloadTooLarge => "payload-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::KeyReused => "key-reused",
            Self::TooManyRequests => "too-many-requests",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::StorageFull => "storage-full",
        }
    }

    /// Whether the answer says that this very request changed nothing. Of 500, 502 and 504 nobody knows.
    pub fn is_definite(self) -> bool {
        !matches!(self, Self::Internal | Self::DeadlineExceeded)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A failure as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URI that names the kind of problem: `urn:bookstore:problem:CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// The stable word for the kind.
    pub code: Code,
    /// What happened this time and what to do about it.
    pub detail: String,
    /// The book it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemNumber>,
    /// The copies on the shelf when it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Stock>,
    /// The order to ask for with `GET /orders/{order}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
}

impl Problem {
    /// A problem with nothing but its code and a sentence.
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

    /// The same problem, about that book.
    #[must_use]
    pub fn with_item(mut self, item: ItemNumber) -> Self {
        self.item = Some(item);
        self
    }

    /// The same problem with what was on the shelf.
    #[must_use]
    pub fn with_stock(mut self, stock: Stock) -> Self {
        self.stock = Some(stock);
        self
    }

    /// The same problem of that order, where there is one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_code_is_the_word_on_the_wire() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
