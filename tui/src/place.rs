//! Where to shop: at a running store that was named, or at the user's own.

use backend::all_in_one::AllInOne;
use common::client::{self, ServiceEndpoint, ShopClient, http_client};
use common::wire::Topics;
use tokio::sync::watch;

use crate::cli::{AutopilotArgs, Cli};
use crate::own_store::{self, OwnStore};

/// Why there is no place to shop at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error("--url: {0}")]
    Url(String),
    /// The user's own store does not open.
    #[error(transparent)]
    OwnStore(#[from] own_store::Error),
    /// It does not answer as a shop does.
    #[error(transparent)]
    NoAnswer(#[from] client::Error),
    /// What is wanted is the shopkeeper's, and there is no token.
    #[error("{0} is the shopkeeper's: give the token")]
    Guest(&'static str),
    /// The system gave no resources for a client.
    #[error("no connections can be made: {0}")]
    Connections(String),
}

/// A shop that can be asked, for as long as this is kept.
#[derive(Debug)]
pub struct Place {
    /// Its client.
    pub shop: ShopClient,
    /// What to call it.
    pub name: String,
    /// How it was found, where nobody named it.
    pub note: Option<String>,
    own: Option<Box<AllInOne>>,
}

impl Place {
    /// A running store at that address.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn at(url: &str, token: Option<&str>) -> Result<Self, Error> {
        Ok(Self {
            shop: shop_at(url, token)?,
            name: url.to_owned(),
            note: None,
            own: None,
        })
    }

    /// Says when the store in this process is closed for good, and why.
    pub fn ended(&self) -> Option<watch::Receiver<Option<String>>> {
        self.own.as_ref().and_then(|own| own.store_closed())
    }

    /// Leaves the shop; the store in this process is stopped cleanly.
    pub async fn leave(self) {
        if let Some(own) = self.own {
            own.stop().await;
        }
    }
}

/// Finds the shop that the command line means, or opens it.
///
/// # Errors
/// See [`Error`].
pub async fn find(cli: &Cli) -> Result<Place, Error> {
    let token = cli.shop.token();
    if let Some(url) = cli.shop.url() {
        return Place::at(url, token);
    }
    Ok(match own_store::open_or_find(token).await? {
        OwnStore::Opened { all, token, store } => Place {
            shop: shop_at(&all.url(), Some(&token))?,
            note: Some(format!("opened the store {store} at {}", all.url())),
            name: store,
            own: Some(all),
        },
        OwnStore::Found { shop, store } => Place {
            shop: shop_at(&shop.url, token.or(shop.token.as_deref()))?,
            note: Some(format!(
                "the store {store} is open in process {}; shopping there, at {}",
                shop.pid, shop.url
            )),
            name: store,
            own: None,
        },
    })
}

fn shop_at(url: &str, token: Option<&str>) -> Result<ShopClient, Error> {
    let http = http_client().map_err(|error| Error::Connections(error.to_string()))?;
    let peer = ServiceEndpoint::parse(http, url).map_err(Error::Url)?;
    Ok(ShopClient::new(peer, token))
}

/// Makes sure that the autopilot can begin: a store that cannot be reached now is said at once; one that goes away later is
/// waited for.
///
/// # Errors
/// See [`Error`].
pub async fn check(shop: &ShopClient, args: &AutopilotArgs) -> Result<(), Error> {
    shop.topics().await?.parse::<Topics>()?;
    if args.restock.is_some() && !shop.is_shopkeeper() {
        return Err(Error::Guest("--restock"));
    }
    Ok(())
}
