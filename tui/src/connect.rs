//! Connects to the store that the command line names, or to the user's local store.

use autopilot::Settings;
use backend::service::RunningServices;
use common::client::{self, ServiceEndpoint, ShopClient, http_client};
use common::wire::Topics;
use tokio::sync::watch;

use crate::cli::ShopArgs;
use crate::local_store::{self, LocalStore};

/// Why there is no connection to a store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not valid.
    #[error("--url: {0}")]
    Url(String),
    /// The local store can neither be opened nor reached.
    #[error(transparent)]
    LocalStore(#[from] local_store::Error),
    /// The store does not answer as a front-end does.
    #[error(transparent)]
    NoAnswer(#[from] client::Error),
    /// The request needs the shopkeeper's token, and there is none.
    #[error("{0} needs the shopkeeper's token; give it with --token")]
    NotAuthorized(&'static str),
    /// The HTTP client cannot be created.
    #[error("cannot create the HTTP client: {0}")]
    HttpClient(String),
}

/// A client of a store, together with the store itself if this process opened it.
#[derive(Debug)]
pub struct StoreConnection {
    /// The client.
    pub shop: ShopClient,
    /// The store's name, for people.
    pub name: String,
    /// Which store was chosen, if the command line names none.
    pub note: Option<String>,
    local: Option<Box<RunningServices>>,
}

impl StoreConnection {
    /// Connects to the running store at `url`; sends nothing yet.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::HttpClient`].
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, Error> {
        Ok(Self {
            shop: client(url, token)?,
            name: url.to_owned(),
            note: None,
            local: None,
        })
    }

    /// Receives the reason when the store in this process closes for good.
    pub fn store_closed(&self) -> Option<watch::Receiver<Option<String>>> {
        self.local.as_ref().and_then(|local| local.store_closed())
    }

    /// Closes the connection, and the store if this process opened it.
    pub async fn close(self) {
        if let Some(local) = self.local {
            local.stop().await;
        }
    }
}

/// Connects to the store that `args` names; opens or finds the local store if it names none.
///
/// # Errors
/// See [`Error`].
pub async fn connect(args: &ShopArgs) -> Result<StoreConnection, Error> {
    let token = args.token();
    if let Some(url) = args.url() {
        return StoreConnection::new(url, token);
    }
    Ok(match local_store::open_or_find(token).await? {
        LocalStore::Opened { all, token, store } => StoreConnection {
            shop: client(&all.url(), Some(&token))?,
            note: Some(format!("opened the store {store} at {}", all.url())),
            name: store,
            local: Some(all),
        },
        LocalStore::Found { shop: running, store } => StoreConnection {
            shop: client(&running.url, token.or(running.token.as_deref()))?,
            note: Some(format!(
                "the store {store} is open in process {}; using it at {}",
                running.pid, running.url
            )),
            name: store,
            local: None,
        },
    })
}

fn client(url: &str, token: Option<&str>) -> Result<ShopClient, Error> {
    let http = http_client().map_err(|error| Error::HttpClient(error.to_string()))?;
    let endpoint = ServiceEndpoint::parse(http, url).map_err(Error::Url)?;
    Ok(ShopClient::new(endpoint, token))
}

/// Checks that a run of the autopilot can start: the store answers, and the token is there if the run restocks.
///
/// # Errors
/// [`Error::NoAnswer`], [`Error::NotAuthorized`].
pub async fn check_autopilot(shop: &ShopClient, settings: &Settings) -> Result<(), Error> {
    shop.topics().await?.parse::<Topics>()?;
    if settings.restock.is_some() && !shop.is_shopkeeper() {
        return Err(Error::NotAuthorized("--restock"));
    }
    Ok(())
}
