//! Where to shop: at a running store.

use common::client::{Peer, Shop, connections};

use crate::cli::Cli;

/// Why there is no place to shop at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No address was given.
    #[error("no store was named: give its address with --url or BOOKSTORE_URL, like http://127.0.0.1:8080")]
    Unnamed,
    /// The address is none.
    #[error("--url: {0}")]
    Url(String),
    /// The system gave no resources for a client.
    #[error("no connections can be made: {0}")]
    Connections(String),
}

/// A shop that can be asked, for as long as this is kept.
#[derive(Debug)]
pub struct Place {
    /// Its client.
    pub shop: Shop,
}

/// Finds the shop that the command line means.
///
/// # Errors
/// See [`Error`].
pub async fn find(cli: &Cli) -> Result<Place, Error> {
    let connections = connections().map_err(|error| Error::Connections(error.to_string()))?;
    let url = cli.shop.url().ok_or(Error::Unnamed)?;
    let peer = Peer::parse(connections, url).map_err(Error::Url)?;
    Ok(Place {
        shop: Shop::new(peer, cli.shop.token()),
    })
}
