//! Settings of services and commands: clap fills them from flags and environment variables.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use common::time::parse_duration;
use ipnet::IpNet;

use crate::http::{AllowedHost, AllowedOrigin, RateLimit};
use crate::store;

/// The environment variable that holds the shopkeeper's token.
const TOKEN_VARIABLE: &str = "BOOKSTORE_ADMIN_TOKEN";
const FRONTEND_ADDRESS: &str = "127.0.0.1:8080";
const CATALOG_ADDRESS: &str = "127.0.0.1:8081";
const ORDER_ADDRESS: &str = "127.0.0.1:8082";
const CATALOG_URL: &str = "http://127.0.0.1:8081";
const ORDER_URL: &str = "http://127.0.0.1:8082";

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub(crate) String);

/// The store.
#[derive(Debug, Clone, Default, Args)]
pub struct StoreArg {
    /// Where the ledger is kept: csv:DIR, sqlite:FILE or postgres://… [default: csv: in your data folder]
    #[arg(long, env = "BOOKSTORE_STORE", value_name = "URL")]
    pub store: Option<store::Url>,
}

impl StoreArg {
    /// The store's URL.
    ///
    /// # Errors
    /// If none is given and the user has no data folder.
    pub fn url(&self) -> Result<store::Url, Error> {
        let url = self.store.clone().or_else(store::Url::user_default);
        url.ok_or_else(|| Error("no data folder is known; say where the store is with --store".to_owned()))
    }
}

/// The shopkeeper's token.
#[derive(Debug, Clone, Default, Args)]
pub struct AdminToken {
    /// A file with the shopkeeper's token; the variable BOOKSTORE_ADMIN_TOKEN may hold the token itself
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    #[arg(skip)]
    token: Option<Arc<str>>,
}

impl AdminToken {
    /// A token that no file or variable holds.
    pub fn new(token: &str) -> Self {
        Self {
            admin_token_file: None,
            token: Some(token.into()),
        }
    }

    /// The token, from its file or else from the environment variable.
    ///
    /// # Errors
    /// If the file cannot be read, or its text cannot be a token.
    pub fn read(&self) -> Result<Option<Arc<str>>, Error> {
        if self.token.is_some() {
            return Ok(self.token.clone());
        }
        let (token, source) = match &self.admin_token_file {
            Some(path) => {
                let source = path.display().to_string();
                let token = std::fs::read_to_string(path)
                    .map_err(|error| Error(format!("cannot read the shopkeeper's token from {source}: {error}")))?;
                (token, source)
            }
            None => match std::env::var(TOKEN_VARIABLE) {
                Ok(token) => (token, TOKEN_VARIABLE.to_owned()),
                Err(std::env::VarError::NotPresent) => return Ok(None),
                Err(error) => return Err(Error(format!("{TOKEN_VARIABLE}: {error}"))),
            },
        };
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let why = format!("{source}: expected one word of visible ASCII characters as the shopkeeper's token");
            return Err(Error(why));
        }
        Ok(Some(Arc::from(token)))
    }
}

/// Settings of a catalog.
#[derive(Debug, Clone, Default, Args)]
pub struct CatalogSettings {
    /// The store.
    #[command(flatten)]
    pub store: StoreArg,
    /// A catalog file whose books fill a fresh store [default: four books, built in]
    #[arg(long, env = "BOOKSTORE_BOOKS", value_name = "FILE")]
    pub books: Option<PathBuf>,
    /// If the store's catalog file was edited by hand, keep a copy of it and go by the ledger
    #[arg(long)]
    pub discard_edit: bool,
    /// If the ledger is missing but other parts of a store are there, move those aside and begin a new store
    #[arg(long, env = "BOOKSTORE_INIT")]
    pub init: bool,
    /// The shopkeeper's token.
    #[command(flatten)]
    pub token: AdminToken,
}

/// The hosts and origins that a service accepts.
#[derive(Debug, Clone, Default, Args)]
pub struct AccessSettings {
    /// A host name that a service on loopback answers to, besides localhost; several with commas or several flags
    #[arg(long, env = "BOOKSTORE_ALLOWED_HOST", value_name = "HOST", value_delimiter = ',')]
    pub(crate) allowed_host: Vec<AllowedHost>,
    /// Another origin whose pages may buy and change, like `https://shop.example`; several as above
    #[arg(long, env = "BOOKSTORE_ALLOWED_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) allowed_origin: Vec<AllowedOrigin>,
}

/// How fast the clients of a front-end may send requests.
#[derive(Debug, Clone, Default, Args)]
pub struct RateLimitSettings {
    /// The most requests of one client address (IPv6: of a /64), like 100/s [default: no limit]
    #[arg(long, env = "BOOKSTORE_RATE_LIMIT", value_name = "N/s")]
    pub(crate) rate_limit: Option<RateLimit>,
    /// Proxies whose X-Forwarded-For and Forwarded name the client, like 10.0.0.0/8; several as above
    #[arg(long, env = "BOOKSTORE_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',', value_parser = parse_network)]
    pub(crate) trusted_proxy: Vec<IpNet>,
}

/// A network, or one address.
fn parse_network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "expected a network like 10.0.0.0/8, or an address".to_owned())
}

/// Where a service listens, which requests it accepts, and how it stops.
#[derive(Debug, Clone, Args)]
pub struct ServerSettings {
    /// Where it listens; port 0 takes a free one
    #[arg(long, env = "BOOKSTORE_LISTEN", value_name = "ADDRESS", default_value = FRONTEND_ADDRESS)]
    pub listen: SocketAddr,
    /// How long open requests may take after a stop, like 10s
    #[arg(long, env = "BOOKSTORE_GRACE", value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub grace: Duration,
    /// Which requests it accepts.
    #[command(flatten)]
    pub access: AccessSettings,
    /// How many services of this process share its limit of open files.
    #[arg(skip = 1_u64)]
    pub services_in_process: u64,
}

/// The catalog that a service uses.
#[derive(Debug, Clone, Args)]
pub struct CatalogUrl {
    /// The catalog's address; of several, separated by commas, the first that is ready is used
    #[arg(long, env = "BOOKSTORE_CATALOG_URL", value_name = "URL", default_value = CATALOG_URL)]
    pub catalog_url: String,
}

/// `bookstored all`.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("listen", |arg| arg.help("Where the front-end listens; port 0 takes a free one")))]
pub struct AllInOneSettings {
    /// The catalog and its store.
    #[command(flatten)]
    pub catalog: CatalogSettings,
    /// The front-end's server; all services stop as it does.
    #[command(flatten)]
    pub server: ServerSettings,
    /// How fast the front-end's clients may send requests.
    #[command(flatten)]
    pub rate_limit: RateLimitSettings,
    /// Where the catalog listens
    #[arg(long, env = "BOOKSTORE_CATALOG_LISTEN", value_name = "ADDRESS", default_value = CATALOG_ADDRESS)]
    pub catalog_listen: SocketAddr,
    /// Where the order service listens
    #[arg(long, env = "BOOKSTORE_ORDER_LISTEN", value_name = "ADDRESS", default_value = ORDER_ADDRESS)]
    pub order_listen: SocketAddr,
    /// Whether programs of the same user that find this shop beside its store get the shopkeeper's token.
    #[arg(skip)]
    pub share_token: bool,
}

impl AllInOneSettings {
    /// A shop over that store which listens at free ports of the loopback interface.
    pub fn on_free_ports(store: store::Url, token: AdminToken, grace: Duration) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            catalog: CatalogSettings {
                store: StoreArg { store: Some(store) },
                token,
                ..CatalogSettings::default()
            },
            server: ServerSettings {
                listen,
                grace,
                access: AccessSettings::default(),
                services_in_process: 3,
            },
            rate_limit: RateLimitSettings::default(),
            catalog_listen: listen,
            order_listen: listen,
            share_token: false,
        }
    }
}

/// `bookstored catalog`.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("listen", |arg| arg.default_value(CATALOG_ADDRESS)))]
pub struct CatalogArgs {
    /// The catalog and its store.
    #[command(flatten)]
    pub catalog: CatalogSettings,
    /// Its server.
    #[command(flatten)]
    pub server: ServerSettings,
}

/// `bookstored order`.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("listen", |arg| arg.default_value(ORDER_ADDRESS)))]
pub struct OrderArgs {
    /// Its server.
    #[command(flatten)]
    pub server: ServerSettings,
    /// The catalog that it uses.
    #[command(flatten)]
    pub catalog: CatalogUrl,
}

/// `bookstored frontend`.
#[derive(Debug, Clone, Args)]
pub struct FrontendArgs {
    /// Its server.
    #[command(flatten)]
    pub server: ServerSettings,
    /// The catalog that it uses.
    #[command(flatten)]
    pub catalog: CatalogUrl,
    /// The order service's address; of several, separated by commas, the first that is ready is used
    #[arg(long, env = "BOOKSTORE_ORDER_URL", value_name = "URL", default_value = ORDER_URL)]
    pub order_url: String,
    /// How fast its clients may send requests.
    #[command(flatten)]
    pub rate_limit: RateLimitSettings,
    /// The shopkeeper's token.
    #[command(flatten)]
    pub token: AdminToken,
}
