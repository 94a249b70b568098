//! The store that a command reads, and the running shop that it calls.

use std::path::Path;

use anyhow::Result;
use common::client::{HttpClient, ServiceEndpoint, SetupError};

use super::progress::Progress;
use crate::settings;
use crate::store::{self, Inspection, StoreState};

/// A shop at comma-separated addresses. `ca` is a file with the authorities to trust at `https://` addresses.
pub(super) fn endpoint(url: &str, ca: Option<&Path>) -> Result<ServiceEndpoint> {
    let http = HttpClient::for_addresses(url, ca).map_err(|error| match error {
        SetupError::Certificates(_) => anyhow::Error::from(settings::Error(error.to_string())),
        SetupError::Client(_) => error.into(),
    })?;
    Ok(ServiceEndpoint::parse(http, url).map_err(|why| settings::Error(format!("--url: {why}")))?)
}

/// Reads a store; an error if its catalog file was edited by hand. A catalog may run meanwhile.
pub(super) fn inspect(url: &store::Url) -> Result<(Box<dyn store::Store>, StoreState)> {
    let progress = Progress::waiting(format!("opening {url}"));
    let Inspection {
        store, state, edits, ..
    } = store::inspect(url)?;
    if !edits.is_empty() {
        return Err(store::Error::Edited {
            path: url.to_string().into(),
            differences: edits,
        }
        .into());
    }
    drop(progress);
    Ok((store, state))
}
