//! The context of all handlers.

use std::sync::Arc;

use common::client::Freshness;
use common::wire::ServiceKind;
use common::{Position, Problem, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::catalog::{CatalogService, Error};
use crate::http::{ApiError, DependencyStatus, Exposition, HttpService, KnownStore, MissingDependency};
use crate::token::Token;

pub(super) struct Context {
    pub(super) catalog: Arc<CatalogService>,
    /// The shopkeeper's token; without one the shopkeeper's routes return 401.
    pub(super) token: Token,
    /// Ends the feeds.
    pub(super) stopping: CancellationToken,
}

impl HttpService for CatalogService {
    fn kind(&self) -> ServiceKind {
        ServiceKind::Catalog
    }

    fn newest_position(&self) -> Option<Position> {
        self.head()
    }

    fn known_store(&self) -> KnownStore {
        KnownStore {
            id: self.store_id(),
            head: self.head(),
            health: self.store_health(),
        }
    }

    fn write_metrics(&self, out: &mut Exposition) {
        self.write_metrics_to(out);
    }

    fn check_dependencies(&self) -> BoxFuture<'_, DependencyStatus> {
        let check = async {
            // The store may have failed since the last append.
            let fresh = Freshness {
                min_position: None,
                check_head: true,
            };
            let checked = tokio::time::timeout(limits::PROBE_TIMEOUT, self.ensure_fresh(fresh)).await;
            let why = match (self.store_problem(), checked) {
                (Some(problem), _) => problem,
                (None, Ok(Err(Error::Store(error)))) => error.to_string(),
                // A full queue of jobs is not a fault of the store.
                (None, Ok(_)) => {
                    let degraded = self.store_risk().map(|why| MissingDependency::own("store", why));
                    return DependencyStatus {
                        degraded: degraded.into_iter().collect(),
                        ..DependencyStatus::default()
                    };
                }
                (None, Err(_)) => "it does not answer in time".to_owned(),
            };
            DependencyStatus {
                missing: vec![MissingDependency::own("store", why)],
                ..DependencyStatus::default()
            }
        };
        check.boxed()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}
