//! Detects a server with only asynchronous replicas: a failover to one may lose acknowledged entries.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::PgConnection;

use super::{Address, statements};

const RISK: &str = "the database has replicas, but commits wait for none of them, so a failover may lose acknowledged sales; \
                    set synchronous_standby_names";

/// The result of the last check.
#[derive(Debug, Default)]
pub(super) struct Replicas {
    are_asynchronous: AtomicBool,
}

impl Replicas {
    /// Queries the server and logs a change. An engine without these system tables counts as one without replicas.
    pub(super) async fn check(&self, connection: &mut PgConnection, address: &Address) {
        let asking = sqlx::query_scalar(statements::ARE_ASYNCHRONOUS).persistent(false);
        let are_asynchronous = asking.fetch_one(connection).await.unwrap_or(false);
        if self.are_asynchronous.swap(are_asynchronous, Ordering::Relaxed) == are_asynchronous {
            return;
        }
        match are_asynchronous {
            true => tracing::warn!(store = %address, "{RISK}"),
            false => tracing::info!(store = %address, "commits wait for a replica, or there is none"),
        }
    }

    pub(super) fn risk(&self) -> Option<String> {
        self.are_asynchronous.load(Ordering::Relaxed).then(|| RISK.to_owned())
    }
}
