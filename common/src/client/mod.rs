//! The clients' interfaces of the services, and the typed HTTP client: one connection pool per process, a timeout for every
//! wait, and errors that tell whether a request may have had an effect.

mod batches;
mod catalog;
mod connection;
mod context;
mod endpoint;
mod error;
mod events;
mod feed;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod http_client;
mod message;
mod orders;
mod probe;
mod reconnect;
mod remote_catalog;
mod remote_orders;
mod resend;
mod shop;
mod sse;
mod stream;
mod tls;
mod url;

pub use catalog::{AsOf, Call, Catalog, CatalogUpdate, Follower, Freshness, ServiceClient, UpdateAnswer};
pub use context::{CallCause, TokenSource, caused_by, check_hops, current_traceparent};
pub use endpoint::ServiceEndpoint;
pub use error::Error;
pub use events::{EventStream, ShopEvent};
pub use http_client::{HttpClient, SetupError, http_client};
pub use message::{Request, Response};
pub use orders::{AppendedEntries, Orders, Placed, PlacedOrder};
pub use probe::Probe;
pub use reconnect::{ReconnectingStream, StreamItem};
pub use remote_catalog::RemoteCatalog;
pub use remote_orders::RemoteOrders;
pub use reqwest::Method;
pub use resend::{Resolution, send_until_decided};
pub use shop::ShopClient;
pub use stream::Stream;

/// The result of a request: by default a response, also if it is a problem.
pub type Result<T = Response> = std::result::Result<T, Error>;
