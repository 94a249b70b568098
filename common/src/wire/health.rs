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
    /// The status of a service that is up.
    pub enum LiveStatus("ok") {
        /// The only one.
        Ok = "ok",
    }
}

words! {
    /// Whether a service is ready.
    pub enum ReadyStatus("ready or not-ready") {
        /// It has all that it needs.
        Ready = "ready",
        /// Something is missing.
        NotReady = "not-ready",
    }
}

/// `/livez`: a service is up. It holds what the service knows without a request to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Liveness {
    /// `ok`.
    pub status: LiveStatus,
    /// Which service answers.
    pub service: ServiceKind,
    /// The program's version.
    pub version: String,
    /// The time by the service's clock.
    pub at: Timestamp,
    /// The store that the catalog has, or of which the service read last; absent if none is known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
    /// The newest entry that it knows of that store's ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Seq>,
    /// How often the store's history was replaced; left out if never.
    #[serde(default, skip_serializing_if = "Epoch::is_first")]
    pub epoch: Epoch,
    /// The last known condition of a catalog's store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StoreHealth>,
    /// `false` if the service wants a service token on its other routes and the request has not that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized: Option<bool>,
    /// What the service has done.
    #[serde(flatten)]
    pub activity: Activity,
}

/// What a service has done since its start, except for the requests for its health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activity {
    /// Seconds since its start.
    #[serde(default)]
    pub uptime_s: u64,
    /// Requests answered.
    #[serde(default)]
    pub requests: u64,
    /// The median latency in microseconds, rounded up to a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    /// The 99th percentile of the latency in microseconds, rounded up to a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<u64>,
}

/// `/readyz`: whether a service has what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether nothing is missing.
    pub status: ReadyStatus,
    /// Which service answers.
    pub service: ServiceKind,
    /// The program's version.
    pub version: String,
    /// The newest ledger entry that it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Seq>,
    /// The services that it can use.
    pub neighbours: Vec<Neighbour>,
    /// The services that it can do without, because another one of the same list is usable.
    pub degraded: Vec<Lack>,
    /// What it waits for; absent if it is ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Lack>,
    /// What the service has done.
    #[serde(flatten)]
    pub activity: Activity,
}

/// A service that another one uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Neighbour {
    /// Its address; absent if the caller may not see addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Which service it is.
    pub service: ServiceKind,
    /// The program's version.
    pub version: String,
    /// The newest ledger entry that it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Seq>,
    /// What it has done.
    #[serde(flatten)]
    pub activity: Activity,
}

/// Something that a service lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lack {
    /// What is missing, like `catalog at http://127.0.0.1:8081`.
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
