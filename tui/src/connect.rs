//! Connects to the shop at an address, to the shop over the local store, or to a shop over a temporary store. The local store
//! is the user's own store on this machine.

mod local_store;

use std::path::Path;
use std::sync::Arc;

use autopilot::Settings;
use backend::{service, store};
use common::client::{self, HttpClient, Response, ServiceEndpoint, SetupError, ShopClient};
use common::wire::Topics;
use tokio::sync::watch;

pub(crate) use local_store::LocalStore;

use crate::cli::ShopArgs;

/// Most repetitions of a request after the local store has moved to another process.
pub(crate) const MOVES_MAX: u32 = 3;

/// Why there is no connection to a shop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("--url: {0}")]
    Url(String),
    #[error(transparent)]
    Client(#[from] SetupError),
    #[error("no home folder is known, so there is no local store; name a running shop with --url")]
    NoFolder,
    #[error("cannot create a folder for a temporary store: {0}")]
    TemporaryFolder(std::io::Error),
    /// The local store does not open.
    #[error(transparent)]
    Store(#[from] service::Error),
    /// Another program holds the store's lock and has not published its address.
    #[error("{locked}; that program does not publish its shop's address, so give it with --url")]
    NoAddress { locked: store::Error },
    /// The address does not answer as a front-end does.
    #[error(transparent)]
    NoAnswer(#[from] client::Error),
    #[error("{0} needs the shopkeeper's token; give it with --token or BOOKSTORE_ADMIN_TOKEN")]
    NotAuthorized(&'static str),
}

/// A client of a shop, with the local store if the shop runs over it.
#[derive(Debug, Clone)]
pub(crate) struct ShopConnection {
    pub(crate) shop: ShopClient,
    /// The name in the header: the address, or the URL of the local store.
    pub(crate) name: String,
    /// A message that names the store, if the command line gives no address.
    pub(crate) notice: Option<String>,
    pub(crate) local_store: Option<Arc<LocalStore>>,
}

impl ShopConnection {
    /// Connects to the shop at `url`; sends nothing yet.
    pub(crate) fn new(url: &str, token: Option<&str>, ca: Option<&Path>) -> Result<Self, Error> {
        Ok(Self {
            shop: ShopClient::new(endpoint(url, ca)?, token),
            name: url.to_owned(),
            notice: None,
            local_store: None,
        })
    }

    /// Receives the reason when the local store of this process closes permanently.
    pub(crate) fn store_closed(&self) -> Option<watch::Receiver<Option<String>>> {
        self.local_store.as_ref().map(|own| own.store_closed())
    }

    /// Finds the local store again after a failed request; see [`LocalStore::find_again`].
    pub(crate) async fn find_again(&self) -> Result<Option<String>, Error> {
        match &self.local_store {
            Some(own) => own.find_again().await,
            None => Ok(None),
        }
    }

    /// Sends a request that changes nothing, and repeats it if the local store has moved to another process.
    pub(crate) async fn read<Sent>(&self, send: impl Fn(ShopClient) -> Sent) -> Result<Response, Error>
    where
        Sent: Future<Output = client::Result>,
    {
        let mut moves = 0;
        loop {
            let error = match send(self.shop.clone()).await {
                Err(error @ (client::Error::Unreachable { .. } | client::Error::Lost { .. })) => error,
                answer => return Ok(answer?),
            };
            moves += 1;
            if moves > MOVES_MAX || self.find_again().await?.is_none() {
                return Err(error.into());
            }
        }
    }

    /// Closes the connection, and stops the services if they run in this process.
    pub(crate) async fn close(self) {
        if let Some(own) = self.local_store {
            own.close().await;
        }
    }
}

/// The front-end at an address.
fn endpoint(url: &str, ca: Option<&Path>) -> Result<ServiceEndpoint, Error> {
    ServiceEndpoint::parse(HttpClient::for_addresses(url, ca)?, url).map_err(Error::Url)
}

/// Connects to the shop at the address in `args`; without an address, to the shop over the local store.
pub(crate) async fn connect(args: &ShopArgs) -> Result<ShopConnection, Error> {
    match args.url() {
        Some(url) => ShopConnection::new(url, args.token(), args.ca()),
        None => {
            LocalStore::connect(
                store::Url::user_default().ok_or(Error::NoFolder)?,
                args.token(),
                args.ca(),
            )
            .await
        }
    }
}

/// Connects a run of the autopilot to the shop at the address of a flag or a variable, to the local store if `local_store`, or
/// to a temporary store.
pub(crate) async fn connect_autopilot(args: &ShopArgs, local_store: bool) -> Result<ShopConnection, Error> {
    match args.named_url() {
        Some(url) => ShopConnection::new(url, args.token(), args.ca()),
        None if local_store => connect(&args.without_url()).await,
        None => LocalStore::connect_temporary(args.token()).await,
    }
}

/// Checks that a run of the autopilot can start: the shop answers, and the token is known if the run restocks.
pub(crate) async fn check_autopilot(shop: &ShopClient, settings: &Settings) -> Result<(), Error> {
    shop.topics().await?.parse::<Topics>()?;
    if settings.restock.is_some() && !shop.is_shopkeeper() {
        return Err(Error::NotAuthorized("--restock"));
    }
    Ok(())
}
