//! Connects to the shop that the command line names, or to the shop over the user's own store.

use std::time::{Duration, Instant};

use autopilot::Settings;
use backend::discovery::RunningShop;
use backend::service::RunningServices;
use backend::settings::{AdminToken, AllInOneSettings};
use backend::{service, store};
use common::client::{self, ServiceEndpoint, ShopClient, http_client};
use common::wire::Topics;
use tokio::sync::watch;
use uuid::Uuid;

use crate::cli::ShopArgs;

/// How long the lock's holder has to publish its address.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the published address is looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long requests in flight have to finish when the store is closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no connection to a shop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("--url: {0}")]
    Url(String),
    #[error("no home folder is known, so there is no local store; name a running shop with --url")]
    NoFolder,
    /// The local store does not open.
    #[error(transparent)]
    Store(#[from] service::Error),
    /// Another program holds the lock and has not published its address.
    #[error("{locked}; it does not publish its address, so name it with --url")]
    NoAddress { locked: store::Error },
    /// The address does not answer as a front-end does.
    #[error(transparent)]
    NoAnswer(#[from] client::Error),
    #[error("{0} needs the shopkeeper's token; give it with --token")]
    NotAuthorized(&'static str),
    #[error("cannot create the HTTP client: {0}")]
    HttpClient(String),
}

/// A client of a shop, together with the shop's services if they run in this process.
#[derive(Debug)]
pub(crate) struct ShopConnection {
    pub(crate) shop: ShopClient,
    /// What the header shows: the address, or the store that was found without one.
    pub(crate) name: String,
    /// Which store was chosen, if the command line names none.
    pub(crate) notice: Option<String>,
    local: Option<Box<RunningServices>>,
}

impl ShopConnection {
    /// Connects to the shop at `url`; sends nothing yet.
    pub(crate) fn new(url: &str, token: Option<&str>) -> Result<Self, Error> {
        let http = http_client().map_err(|error| Error::HttpClient(error.to_string()))?;
        let endpoint = ServiceEndpoint::parse(http, url).map_err(Error::Url)?;
        Ok(Self {
            shop: ShopClient::new(endpoint, token),
            name: url.to_owned(),
            notice: None,
            local: None,
        })
    }

    /// Receives the reason when the store in this process closes for good.
    pub(crate) fn store_closed(&self) -> Option<watch::Receiver<Option<String>>> {
        self.local.as_ref().and_then(|local| local.store_closed())
    }

    /// Closes the connection, and stops the services if they run in this process.
    pub(crate) async fn close(self) {
        if let Some(local) = self.local {
            local.stop().await;
        }
    }
}

/// Connects to the shop that `args` names; without an address, to the shop over the user's own store.
pub(crate) async fn connect(args: &ShopArgs) -> Result<ShopConnection, Error> {
    match args.url() {
        Some(url) => ShopConnection::new(url, args.token()),
        None => open_or_find(args.token()).await,
    }
}

/// Opens the user's own store with all services in this process or, if another program has it open, connects to the address
/// that program published beside the lock. If it is opened here, `token` becomes the shopkeeper's.
async fn open_or_find(token: Option<&str>) -> Result<ShopConnection, Error> {
    let store = store::Url::user_default().ok_or(Error::NoFolder)?;
    let admin_token = token.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    let settings = AllInOneSettings {
        share_token: true,
        ..AllInOneSettings::on_free_ports(store.clone(), AdminToken::new(&admin_token), DRAIN_TIMEOUT)
    };
    let started = Instant::now();
    loop {
        let locked = match RunningServices::open_all(&settings).await {
            Ok(all) => {
                let url = all.url();
                return Ok(ShopConnection {
                    name: store.to_string(),
                    notice: Some(format!("opened the store {store} at {url}")),
                    local: Some(Box::new(all)),
                    ..ShopConnection::new(&url, Some(&admin_token))?
                });
            }
            Err(service::Error::Store(locked @ store::Error::Locked { .. })) => locked,
            Err(error) => return Err(error.into()),
        };
        let store::Error::Locked { holder, .. } = &locked else {
            return Err(Error::NoAddress { locked });
        };
        // An address left by a process that no longer holds the lock is stale.
        if let Some(lock) = store.lock_path()
            && let Ok(Some(running)) = RunningShop::read(&lock)
            && holder.is_none_or(|holder| holder == running.pid)
        {
            let (pid, url) = (running.pid, &running.url);
            return Ok(ShopConnection {
                name: store.to_string(),
                notice: Some(format!("the store {store} is open in process {pid}; using it at {url}")),
                ..ShopConnection::new(url, token.or(running.token.as_deref()))?
            });
        }
        if started.elapsed() > ADDRESS_TIMEOUT {
            return Err(Error::NoAddress { locked });
        }
        // The holder is opening or closing the store.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Checks that a run of the autopilot can start: the shop answers, and the token is there if the run restocks.
pub(crate) async fn check_autopilot(shop: &ShopClient, settings: &Settings) -> Result<(), Error> {
    shop.topics().await?.parse::<Topics>()?;
    if settings.restock.is_some() && !shop.is_shopkeeper() {
        return Err(Error::NotAuthorized("--restock"));
    }
    Ok(())
}
