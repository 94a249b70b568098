//! The user's local store: opened in this process with all its services or, if another program has it open, reached at the
//! address that program published beside the lock.

use std::time::{Duration, Instant};

use backend::discovery::RunningShop;
use backend::service::{self, RunningServices};
use backend::settings::{AdminToken, AllInOneSettings};
use backend::store;
use uuid::Uuid;

/// How long the lock's holder has to publish its address.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the published address is looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long requests in flight have to finish when the store is closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Why the local store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user has no home folder.
    #[error("no home folder is known, so there is no local store; name a running store with --url")]
    NoFolder,
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] service::Error),
    /// Another program holds the lock and has not published its address.
    #[error("{locked}; it does not publish its address, so name it with --url")]
    NoAddress {
        /// The lock's error.
        locked: store::Error,
    },
}

/// The local store, ready to be used.
#[derive(Debug)]
pub enum LocalStore {
    /// Opened by this process.
    Opened {
        /// The services.
        all: Box<RunningServices>,
        /// The shopkeeper's token.
        token: String,
        /// The store's address.
        store: String,
    },
    /// Opened by another process.
    Found {
        /// The address that process published.
        shop: RunningShop,
        /// The store's address.
        store: String,
    },
}

/// Opens the local store, or finds the process that has it open. If it is opened here, `token` becomes the shopkeeper's.
///
/// # Errors
/// See [`Error`].
pub async fn open_or_find(token: Option<&str>) -> Result<LocalStore, Error> {
    let store = store::Url::user_default().ok_or(Error::NoFolder)?;
    let token = token.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    let settings = AllInOneSettings {
        share_token: true,
        ..AllInOneSettings::on_free_ports(store.clone(), AdminToken::new(&token), DRAIN_TIMEOUT)
    };
    let started = Instant::now();
    loop {
        let locked = match RunningServices::open_all(&settings).await {
            Ok(all) => {
                return Ok(LocalStore::Opened {
                    all: Box::new(all),
                    token,
                    store: store.to_string(),
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
            && let Ok(Some(shop)) = RunningShop::read(&lock)
            && holder.is_none_or(|holder| holder == shop.pid)
        {
            return Ok(LocalStore::Found {
                shop,
                store: store.to_string(),
            });
        }
        if started.elapsed() > ADDRESS_TIMEOUT {
            return Err(Error::NoAddress { locked });
        }
        // The holder is opening or closing the store.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
