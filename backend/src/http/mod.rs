//! HTTP for all services: accept loop, limits, bodies, dispatch, responses, health.
//!
//! The only module that names warp or hyper. A service hands in [`Route`]s, whose handlers take a [`Request`] and return a
//! [`Response`] or an [`ApiError`]; they never see the web framework's own types.

mod access;
mod access_log;
mod authority;
mod body;
mod client_address;
mod connection;
mod dispatcher;
mod document;
mod event_stream;
mod exposition;
mod fields;
mod headers;
mod health;
mod metrics;
mod process;
mod rate_limit;
mod request;
mod request_fields;
mod request_head;
mod request_id;
mod response;
mod route;
mod routes;
mod server;
mod threads;
mod timer;
mod tls;

pub(crate) use access::AccessRules;
pub(crate) use authority::{AllowedHost, AllowedOrigin};
pub(crate) use event_stream::{Frame, FrameStream, write_event, write_event_with};
pub(crate) use exposition::{Exposition, seconds};
pub(crate) use health::{DependencyStatus, Health, HttpService, KnownStore, MissingDependency, VERSION};
pub(crate) use metrics::COMMIT;
pub(crate) use rate_limit::RateLimit;
pub use rate_limit::client_network;
pub(crate) use request::Request;
pub(crate) use response::{ApiError, ApiResult, Response};
pub(crate) use route::Route;
pub(crate) use routes::Routes;
pub(crate) use server::{Stop, bind, run as run_server};
pub(crate) use threads::ConnectionThreads;
pub(crate) use tls::Tls;

/// Asserts that a service answers exactly the operations that its OpenAPI document describes, each under an id of its own.
#[cfg(test)]
pub(crate) fn assert_described(routes: &Routes) {
    use std::collections::BTreeSet;
    let (mut described, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (path, item) in &routes.document.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("PUT", &item.put),
            ("POST", &item.post),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                described.insert((method.to_owned(), path.clone()));
                let id = operation.operation_id.clone().unwrap();
                assert!(ids.insert(id.clone()), "two operations have the id {id}");
            }
        }
    }
    assert_eq!(routes.list(), described);
}
