//! The services' HTTP: accept loop, limits, bodies, answers, routing, health.
//!
//! The only place that names warp or hyper. A service hands in [`Route`]s, whose handlers get a [`Call`] and give an
//! [`Answer`] or a [`Failure`]; it never sees a request or a response of the web framework.

mod answer;
mod body;
mod call;
mod events;
mod health;
mod metrics;
mod route;
mod server;

pub use answer::{Answer, Failure, Outcome};
pub use call::Call;
pub use events::{Frame, Frames};
pub use health::{Ready, health_routes};
pub use metrics::install as install_metrics;
pub use route::{Route, Routes};
pub use server::{Server, bind};
