//! The faults of a dependency.

use std::fmt;

use common::client;
use common::wire::{ServiceKind, StoreHealth};

use super::clock::ClockDifference;

/// Why a dependency is not usable. Its text contains no address.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// It did not answer, or not like a service of the bookstore.
    NoAnswer(client::Error),
    /// It is a service of another kind.
    OtherKind(ServiceKind),
    /// It does not accept this service's token.
    Unauthorized,
    /// Its store does not serve.
    Store(StoreHealth),
    /// It knows no store yet.
    NoStore,
    /// It has another store than the catalog.
    OtherStore,
    /// Its clock differs too much.
    Clock(ClockDifference),
}

impl Fault {
    /// Whether the client that sent the probe has logged it.
    pub(super) fn is_logged_by_client(&self) -> bool {
        matches!(self, Self::NoAnswer(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(error) => match error {
                client::Error::Unreachable { why, .. } => write!(f, "it cannot be reached: {why}"),
                client::Error::Lost { why, .. } => write!(f, "it does not answer: {why}"),
                client::Error::Problem(_) | client::Error::Malformed { .. } => {
                    write!(
                        f,
                        "it does not answer like a service of the bookstore: {}",
                        error.cause()
                    )
                }
            },
            Self::OtherKind(ServiceKind::Catalog) => f.write_str("it is a catalog"),
            Self::OtherKind(ServiceKind::Order) => f.write_str("it is an order service"),
            Self::OtherKind(ServiceKind::Frontend) => f.write_str("it is a front-end"),
            Self::Unauthorized => {
                f.write_str("it expects another service token; give all services the same --service-token-file")
            }
            Self::Store(health) => f.write_str(condition(*health)),
            Self::NoStore => f.write_str("it has not reached its store yet"),
            Self::OtherStore => f.write_str("it works on another store than the catalog"),
            Self::Clock(difference) => difference.fmt(f),
        }
    }
}

/// A sentence without a full stop for the condition of a catalog's store.
fn condition(health: StoreHealth) -> &'static str {
    match health {
        StoreHealth::Ok => "its store works",
        StoreHealth::Full => "its store is out of disk space, so nothing can be sold",
        StoreHealth::ReadOnly => "its database accepts no writes",
        StoreHealth::Unreachable => "its database does not answer",
        StoreHealth::LostEntries => "its database lost entries of the ledger",
    }
}
