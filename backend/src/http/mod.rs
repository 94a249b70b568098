//! The services' HTTP: accept loop, limits, bodies, answers, routing, health.
//!
//! The only place that names warp or hyper. A service hands in [`Route`]s, whose handlers get a [`Call`] and give an
//! [`Answer`] or a [`Failure`]; it never sees a request or a response of the web framework.

mod answer;
mod body;
mod call;
mod clock;
mod events;
mod health;
mod metrics;
mod route;
mod server;
mod shortcut;
mod traffic;

pub use answer::{Answer, Failure, Outcome};
pub use call::Call;
pub use events::{Frame, Frames};
pub(crate) use events::{write_event, write_event_by};
pub(crate) use health::Document as HealthDocument;
pub use health::{Readiness, Ready, health_routes};
pub use metrics::install as install_metrics;
pub use route::{Route, Routes};
pub use server::{Server, bind};
pub use shortcut::Glance;

#[cfg(test)]
pub(crate) mod agreement {
    //! Routes and their document say the same.

    use std::collections::BTreeSet;

    use utoipa::openapi::OpenApi;

    use super::Routes;

    /// Asserts that a service answers exactly the operations that its document describes.
    pub(crate) fn assert_agree(routes: &Routes, document: &OpenApi) {
        let mut described = BTreeSet::new();
        let mut names = BTreeSet::new();
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
                    let name = operation.operation_id.clone().unwrap();
                    assert!(names.insert(name.clone()), "two operations are called {name}");
                }
            }
        }
        assert_eq!(routes.list(), described);
    }
}
