//! HTTP for all services: accept loop, limits, bodies, dispatch, responses, health.
//!
//! The only module that names warp or hyper. A service hands in [`Route`]s, whose handlers take a [`Request`] and return a
//! [`Response`] or an [`ApiError`]; they never see the web framework's own types.

mod body;
mod event_stream;
mod headers;
mod health;
mod latency_histogram;
mod metrics;
mod request;
mod response;
mod route;
mod server;
mod timer;

pub use event_stream::{Frame, FrameStream};
pub(crate) use event_stream::{write_event, write_event_with};
pub(crate) use health::Document as HealthDocument;
pub use health::{Readiness, ReadinessCheck, health_routes};
pub use metrics::install as install_metrics;
pub use request::Request;
pub use response::{ApiError, ApiResult, Response};
pub use route::{Route, Routes};
pub use server::{Server, bind};

#[cfg(test)]
pub(crate) mod document {
    //! Routes and their OpenAPI document agree.

    use std::collections::BTreeSet;

    use utoipa::openapi::OpenApi;

    use super::Routes;

    /// Asserts that a service answers exactly the operations that its document describes.
    pub(crate) fn assert_describes(document: &OpenApi, routes: &Routes) {
        let mut described = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for (path, item) in &document.paths.paths {
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
}
