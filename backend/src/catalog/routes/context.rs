//! What all handlers share.

use std::sync::Arc;

use common::{Code, ItemNumber, Problem, Seq};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, Error};
use crate::http::{ApiError, HttpService, Readiness, Request};

/// What the handlers work on.
pub(super) struct Context {
    pub(super) catalog: Arc<Catalog>,
    /// The shopkeeper's; without one the shopkeeper's routes answer 401.
    pub(super) token: Option<Arc<str>>,
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
    fn name(&self) -> &'static str {
        "catalog"
    }

    fn newest_seq(&self) -> Option<Seq> {
        self.head()
    }

    fn check_readiness(&self) -> BoxFuture<'_, Readiness> {
        let readiness = Readiness {
            head: self.head(),
            missing: self.store_problem().into_iter().collect(),
            ..Readiness::default()
        };
        std::future::ready(readiness).boxed()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy(why) => Self::new(Code::Unavailable, why),
            Error::Unavailable(why) => Self::new(Code::Unavailable, why),
            Error::Full(_) => Self::new(Code::StorageFull, "The store has no room left; nothing was changed."),
            Error::Store(error) => {
                tracing::error!(%error, "the store could not be read");
                Self::new(Code::Internal, "The store could not be read.")
            }
        }
    }
}

pub(super) fn unknown_item(item: ItemNumber) -> Problem {
    Problem::new(Code::UnknownItem, format!("No book has the number {item}.")).with_item(item)
}
