//! What all handlers share.

use std::sync::Arc;

use common::client::Freshness;
use common::wire::ServiceKind;
use common::{Code, ItemNumber, Position, Problem, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, Error};
use crate::http::{ApiError, HttpService, KnownStore, MissingNeed, Needs, Request};
use crate::token::Token;

/// What the handlers work on.
pub(super) struct Context {
    pub(super) catalog: Arc<Catalog>,
    /// The shopkeeper's; without one the shopkeeper's routes answer 401.
    pub(super) token: Token,
    /// Ends the feeds.
    pub(super) stopping: CancellationToken,
}

impl Context {
    /// Makes sure that the next read is as fresh as the request's headers ask.
    pub(super) async fn ensure_fresh(&self, request: &Request) -> Result<(), ApiError> {
        Ok(self.catalog.ensure_fresh(request.freshness()?).await?)
    }
}

impl HttpService for Catalog {
    fn kind(&self) -> ServiceKind {
        ServiceKind::Catalog
    }

    fn newest_seq(&self) -> Option<Position> {
        self.head()
    }

    fn known_store(&self) -> KnownStore {
        KnownStore {
            id: self.store_id(),
            head: self.head(),
            health: Some(self.store_health()),
        }
    }

    fn check_needs(&self) -> BoxFuture<'_, Needs> {
        let check = async {
            // The store may have failed since the last append.
            let confirm = Freshness {
                min_seq: None,
                confirm_head: true,
            };
            let confirmed = tokio::time::timeout(limits::PROBE_TIMEOUT, self.ensure_fresh(confirm)).await;
            let why = match (self.store_problem(), confirmed) {
                (Some(problem), _) => problem,
                (None, Ok(Err(Error::Store(error)))) => error.to_string(),
                // A full queue of jobs is no fault of the store.
                (None, Ok(_)) => {
                    let degraded = self.store_risk().map(|why| MissingNeed::own("store", why));
                    return Needs {
                        degraded: degraded.into_iter().collect(),
                        ..Needs::default()
                    };
                }
                (None, Err(_)) => "it does not answer in time".to_owned(),
            };
            Needs {
                missing: vec![MissingNeed::own("store", why)],
                ..Needs::default()
            }
        };
        check.boxed()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy(why) => Self::new(Code::Unavailable, why),
            Error::Unavailable(why) => Self::new(Code::Unavailable, why),
            Error::Full => Self::new(Code::StorageFull, error.to_string()),
            // The catalog has logged it.
            Error::Store(error) if error.is_transient() => {
                Self::new(Code::Unavailable, "The store cannot be read at the moment; try again.")
            }
            Error::Store(_) => Self::new(Code::Internal, "The store could not be read."),
        }
    }
}

pub(super) fn unknown_item(item: ItemNumber) -> Problem {
    Problem::new(Code::UnknownItem, format!("No book has the number {item}.")).with_item(item)
}
