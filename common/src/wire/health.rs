//! The documents of `/livez` and `/readyz`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::StoreHealth;
use crate::parse::words;
use crate::{Epoch, Seq, StoreId, Timestamp};

words! {
    /// The three services.
    pub enum ServiceKind("catalog, order or frontend") {
        /// Books, topics, stock and the ledger.
        Catalog = "catalog",
        /// Buying, receipts and order queries.
        Order = "order",
        /// The public HTTP.
        Frontend = "frontend",
    }
}

words! {
    /// The status of a live service.
    pub enum LiveStatus("ok") {
        /// The only status.
        Ok = "ok",
    }
}

words! {
    /// Whether a service is ready.
    pub enum ReadyStatus("ready or not-ready") {
        /// Nothing is missing.
        Ready = "ready",
        /// Something is missing.
        NotReady = "not-ready",
    }
}

/// The document of `/livez`: the service is live. It needs no request to another service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Liveness {
    /// Always `ok`.
    pub status: LiveStatus,
    /// The kind of the answering service.
    pub service: ServiceKind,
    /// The program's version.
    pub version: String,
    /// The current time by the service's clock.
    pub at: Timestamp,
    /// The catalog's store, or the store that another service read from last; absent if none is known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
    /// The last known entry of the store's ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Seq>,
    /// The number of times that the store's history was replaced; absent if 0.
    #[serde(default, skip_serializing_if = "Epoch::is_first")]
    pub epoch: Epoch,
    /// The last known condition of a catalog's store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StoreHealth>,
    /// `false` if the service requires a service token and the request lacks it; otherwise absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized: Option<bool>,
    /// The activity of the service.
    #[serde(flatten)]
    pub activity: Activity,
}

/// The activity of a service since its start, without requests for its health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activity {
    /// Seconds since its start.
    #[serde(default)]
    pub uptime_s: u64,
    /// Number of answered requests.
    #[serde(default)]
    pub requests: u64,
    /// The median latency in microseconds, rounded up to a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    /// The 99th percentile of the latency in microseconds, rounded up to a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<u64>,
}

/// The document of `/readyz`: whether a service has all its dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// The status: ready if nothing is missing.
    pub status: ReadyStatus,
    /// The kind of the answering service.
    pub service: ServiceKind,
    /// The program's version.
    pub version: String,
    /// The last known entry of the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Seq>,
    /// The usable services that it depends on.
    pub neighbours: Vec<Neighbour>,
    /// The unusable services that another one of the same list replaces.
    pub degraded: Vec<Lack>,
    /// The missing dependencies; absent if the service is ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Lack>,
    /// The activity of the service.
    #[serde(flatten)]
    pub activity: Activity,
}

/// A service that another one depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Neighbour {
    /// The base URL; absent if the caller may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The kind of the service.
    pub service: ServiceKind,
    /// The program's version.
    pub version: String,
    /// The last known entry of the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Seq>,
    /// The activity of the service.
    #[serde(flatten)]
    pub activity: Activity,
}

/// A missing dependency of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lack {
    /// The dependency, like `catalog at http://127.0.0.1:8081`.
    pub what: String,
    /// The cause.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_are_those_of_the_contract_and_leave_absent_fields_out() {
        let liveness = Liveness {
            status: LiveStatus::Ok,
            service: ServiceKind::Order,
            version: "0.2.0".to_owned(),
            at: Timestamp::from_micros(0),
            store: None,
            head: Some(Seq(7)),
            epoch: Epoch::FIRST,
            state: None,
            authorized: None,
            activity: Activity::default(),
        };
        let json = r#"{"status":"ok","service":"order","version":"0.2.0","at":"1970-01-01T00:00:00.000000Z","head":7,"uptime_s":0,"requests":0}"#;
        assert_eq!(serde_json::to_string(&liveness).unwrap(), json);
        let without_activity = json.replace(r#","uptime_s":0,"requests":0"#, "");
        assert_eq!(serde_json::from_str::<Liveness>(&without_activity).unwrap(), liveness);
        let catalog = json
            .replace("order", "catalog")
            .replace("}", r#","state":"read-only"}"#);
        let catalog: Liveness = serde_json::from_str(&catalog.replace("}", r#","epoch":1}"#)).unwrap();
        assert_eq!((catalog.state, catalog.epoch), (Some(StoreHealth::ReadOnly), Epoch(1)));
        for (field, wrong) in [("order", "shop"), ("ok", "up")] {
            assert!(serde_json::from_str::<Liveness>(&json.replace(field, wrong)).is_err());
        }
    }
}
