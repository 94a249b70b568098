//! The user's own store: opened in this process with all services behind it, or, where another program has it open,
//! found by the file that one left beside its lock.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::all::{All, Settings};
use backend::beacon::Beacon;
use backend::catalog::InitialCatalog;
use backend::service::{self, CatalogSettings};
use backend::store::{self, EditPolicy};
use uuid::Uuid;

/// How long a program that holds the lock may take to say where it answers.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long requests in hand may take after the shop was left.
const GRACE: Duration = Duration::from_secs(3);
/// How often the file beside the lock is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Why the user's own store cannot be shopped at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody knows where the user's data belongs.
    #[error("no data folder is known; name a running store with --url")]
    NoFolder,
    /// It does not open.
    #[error(transparent)]
    Store(#[from] service::Error),
    /// Another program has it open and does not say where it answers.
    #[error("{locked}; it does not say where it answers, so name its address with --url")]
    Silent {
        /// What the lock says.
        locked: store::Error,
    },
}

/// A store that can be shopped at.
#[derive(Debug)]
pub enum OwnStore {
    /// Opened by this program.
    Opened {
        /// The services.
        all: Box<All>,
        /// The shopkeeper's token.
        token: String,
        /// The store.
        store: String,
    },
    /// Opened by another program.
    Found {
        /// Where that one answers.
        beacon: Beacon,
        /// The store.
        store: String,
    },
}

/// Opens the user's store, or finds who has it open. `token` is to be the shopkeeper's if it is opened here.
///
/// # Errors
/// See [`Error`].
pub async fn open_or_find(token: Option<&str>) -> Result<OwnStore, Error> {
    let store = store::Url::user_default().ok_or(Error::NoFolder)?;
    let token = token.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    let begun = Instant::now();
    loop {
        let locked = match All::open(settings(&store, &token)).await {
            Ok(all) => {
                return Ok(OwnStore::Opened {
                    all: Box::new(all),
                    token,
                    store: store.to_string(),
                });
            }
            Err(service::Error::Store(locked @ store::Error::Locked { .. })) => locked,
            Err(error) => return Err(error.into()),
        };
        let store::Error::Locked { holder, .. } = &locked else {
            return Err(Error::Silent { locked });
        };
        // One that was left by a program that is gone does not count.
        if let Some(lock) = store.lock_path()
            && let Ok(Some(beacon)) = Beacon::find(&lock)
            && holder.is_none_or(|holder| holder == beacon.pid)
        {
            return Ok(OwnStore::Found {
                beacon,
                store: store.to_string(),
            });
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::Silent { locked });
        }
        // It is being opened, or closed, at this moment.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn settings(store: &store::Url, token: &str) -> Settings {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Settings {
        catalog: CatalogSettings {
            store: store.clone(),
            edit: EditPolicy::Refuse,
            books: InitialCatalog::BuiltIn,
            token: Some(Arc::from(token)),
        },
        listen: free,
        catalog_listen: free,
        order_listen: free,
        grace: GRACE,
        share_token: true,
    }
}
