//! Clients of the services of other processes, by the addresses in settings.

use std::path::Path;
use std::sync::Arc;

use common::client::{Catalog, HttpClient, Orders, RemoteCatalog, RemoteOrders, ServiceEndpoint};

use super::Error;
use super::shared::Shared;
use crate::descriptors::DescriptorBudget;
use crate::settings::{self, CatalogUrl, ServerSettings};

/// A client of the catalog in another process.
pub(super) fn remote_catalog(
    args: &CatalogUrl,
    shared: &Shared,
    server: &ServerSettings,
) -> Result<Arc<dyn Catalog>, Error> {
    let endpoint = endpoint("--catalog-url", &args.catalog_url, args.ca.as_deref(), shared, server)?;
    let catalog = RemoteCatalog::new(endpoint).with_shopkeeper_token(shared.shopkeeper.source());
    Ok(Arc::new(catalog))
}

/// A client of the order service in another process.
pub(super) fn remote_orders(
    urls: &str,
    ca: Option<&Path>,
    shared: &Shared,
    server: &ServerSettings,
) -> Result<Arc<dyn Orders>, Error> {
    let endpoint = endpoint("--order-url", urls, ca, shared, server)?;
    Ok(Arc::new(RemoteOrders::new(endpoint)))
}

/// The service at the comma-separated addresses that `flag` was given.
fn endpoint(
    flag: &str,
    urls: &str,
    ca: Option<&Path>,
    shared: &Shared,
    server: &ServerSettings,
) -> Result<ServiceEndpoint, Error> {
    let parsed = ServiceEndpoint::parse_services(HttpClient::for_addresses(urls, ca)?, urls);
    let endpoint = parsed.map_err(|why| settings::Error(format!("{flag}: {why}")))?;
    let endpoint = endpoint.with_calls_max(DescriptorBudget::of(server.services_in_process).calls);
    Ok(endpoint.with_service_token(shared.service.source()))
}
