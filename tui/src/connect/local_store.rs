//! The local store: opened by this process, or used through the process that has it open. When that process ends, this process
//! opens the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::discovery::RunningShop;
use backend::service::{self, RunningServices};
use backend::settings::{AdminToken, AllInOneSettings};
use backend::store;
use common::client::ShopClient;
use tempfile::TempDir;
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use super::{Error, ShopConnection, endpoint};

/// How long the lock's holder has to publish its address.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between two attempts to open the store or to read the published address.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long requests in flight have to finish when the store is closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(crate) struct LocalStore {
    store: store::Url,
    /// The shopkeeper's token of the command line.
    token: Option<String>,
    /// Certificate authorities for a holder that serves with TLS.
    ca: Option<PathBuf>,
    shop: ShopClient,
    holder: Mutex<Holder>,
    /// The reason why the store of this process has closed permanently.
    store_closed: watch::Sender<Option<String>>,
    /// The folder of a temporary store; removed when the store is closed.
    temporary: Option<TempDir>,
}

/// Which process has the store open.
#[derive(Debug)]
enum Holder {
    This(Box<RunningServices>),
    /// Another process, which listens at this address.
    Other {
        url: String,
    },
    /// This process has closed the store permanently.
    Closed,
}

/// The result of a search for the store.
struct Found {
    holder: Holder,
    url: String,
    token: Option<String>,
    notice: String,
}

impl LocalStore {
    /// Opens the store or, if another process has it open, connects to the address that the process published beside the lock.
    /// If this process opens the store, `token` becomes the shopkeeper's token.
    pub(super) async fn connect(
        store: store::Url,
        token: Option<&str>,
        ca: Option<&Path>,
    ) -> Result<ShopConnection, Error> {
        let found = find(&store, token, None).await?;
        Self::connection(store, token, ca, found, None)
    }

    /// Opens a store that is removed when it is closed.
    pub(super) async fn connect_temporary(token: Option<&str>) -> Result<ShopConnection, Error> {
        let folder = tempfile::Builder::new().prefix("bookstore-").tempdir();
        let folder = folder.map_err(Error::TemporaryFolder)?;
        let url = format!("csv:{}", folder.path().display());
        let store = url.parse().map_err(Error::Url)?;
        let mut found = find(&store, token, None).await?;
        found.notice = format!("opened a temporary store at {}; it is removed at the end", found.url);
        let mut connection = Self::connection(store, token, None, found, Some(folder))?;
        connection.name = "temporary store".to_owned();
        Ok(connection)
    }

    fn connection(
        store: store::Url,
        token: Option<&str>,
        ca: Option<&Path>,
        found: Found,
        temporary: Option<TempDir>,
    ) -> Result<ShopConnection, Error> {
        let shop = ShopClient::new(endpoint(&found.url, ca)?, found.token.as_deref());
        let store_closed = watch::Sender::default();
        report_closing(&found.holder, &store_closed);
        let own = Self {
            token: token.map(str::to_owned),
            ca: ca.map(Path::to_owned),
            shop: shop.clone(),
            holder: Mutex::new(found.holder),
            store_closed,
            temporary,
            store,
        };
        Ok(ShopConnection {
            shop,
            name: own.store.to_string(),
            notice: Some(found.notice),
            local_store: Some(Arc::new(own)),
        })
    }

    /// Receives the reason when the store of this process closes permanently.
    pub(super) fn store_closed(&self) -> watch::Receiver<Option<String>> {
        self.store_closed.subscribe()
    }

    /// Finds the store again after its holder did not answer: reads the holder's address again and, if the lock is free, opens
    /// the store. Moves all sessions to the address. Returns a message if the store has moved.
    ///
    /// # Errors
    /// If the store does not open, or if its holder publishes no address in time.
    pub(crate) async fn find_again(self: &Arc<Self>) -> Result<Option<String>, Error> {
        let own = Arc::clone(self);
        // In its own task, so that cancellation cannot abandon a store that is being opened, with its lock.
        let found = tokio::spawn(async move { own.find_holder().await });
        found.await.unwrap_or(Ok(None))
    }

    async fn find_holder(&self) -> Result<Option<String>, Error> {
        let mut holder = self.holder.lock().await;
        let Holder::Other { url: known } = &*holder else {
            return Ok(None);
        };
        let found = find(&self.store, self.token.as_deref(), Some(known)).await?;
        if matches!(&found.holder, Holder::Other { url } if url == known) {
            return Ok(None);
        }
        let endpoint = endpoint(&found.url, self.ca.as_deref())?;
        self.shop.move_to(endpoint, found.token.as_deref());
        report_closing(&found.holder, &self.store_closed);
        *holder = found.holder;
        Ok(Some(found.notice))
    }

    /// Stops the services if they run in this process.
    pub(super) async fn close(&self) {
        let holder = std::mem::replace(&mut *self.holder.lock().await, Holder::Closed);
        if let Holder::This(services) = holder {
            services.stop().await;
        }
        if let Some(folder) = &self.temporary {
            // The system clears its folder for temporary files if this fails.
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

/// Forwards the reason why the store of this process closes.
fn report_closing(holder: &Holder, store_closed: &watch::Sender<Option<String>>) {
    let Holder::This(services) = holder else { return };
    let Some(mut closed) = services.store_closed() else {
        return;
    };
    let store_closed = store_closed.clone();
    tokio::spawn(async move {
        if let Ok(reason) = closed.wait_for(Option::is_some).await {
            store_closed.send_replace(reason.clone());
        }
    });
}

/// Opens the store, or finds the address of its holder. `known` is an address at which the holder did not answer.
async fn find(store: &store::Url, token: Option<&str>, known: Option<&str>) -> Result<Found, Error> {
    let admin_token = token.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    let settings = AllInOneSettings {
        share_token: true,
        ..AllInOneSettings::on_free_ports(store.clone(), AdminToken::new(&admin_token), DRAIN_TIMEOUT)
    };
    let started = Instant::now();
    loop {
        let locked = match RunningServices::open_all(&settings).await {
            Ok(services) => {
                let url = services.url();
                let notice = match known {
                    None => format!("opened the store {store} at {url}"),
                    Some(_) => {
                        format!("the program that had the store {store} open has ended; opened the store at {url}")
                    }
                };
                return Ok(Found {
                    notice,
                    url,
                    holder: Holder::This(Box::new(services)),
                    token: Some(admin_token),
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
            let (pid, url) = (running.pid, running.url);
            return Ok(Found {
                notice: format!("the store {store} is open in process {pid}; using it at {url}"),
                holder: Holder::Other { url: url.clone() },
                url,
                token: token.map(str::to_owned).or(running.token),
            });
        }
        if started.elapsed() > ADDRESS_TIMEOUT {
            return Err(Error::NoAddress { locked });
        }
        // The holder is opening or closing the store.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
