//! Settings of services and commands. `config` fills them from flags, environment variables and a file. `…Settings` is a group
//! that several commands or services share; `…Args` has all settings of one command.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use common::time::parse_duration;
use common::wire::ServiceKind;
use ipnet::IpNet;

use crate::http::{AllowedHost, AllowedOrigin, RateLimit, Tls};
use crate::listeners::InheritedListeners;
use crate::logging::LogFormat;
use crate::store;
pub use crate::token::{AdminToken, ServiceToken};

/// How a program logs, and where it sends traces.
#[derive(Debug, Clone, Default, Args)]
pub struct LogSettings {
    /// Format of the log lines on standard error
    #[arg(
        long,
        global = true,
        env = "BOOKSTORE_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// Send traces to this OpenTelemetry collector by OTLP over HTTP, like http://127.0.0.1:4318 [default: none]
    #[cfg(feature = "otel")]
    #[arg(long, global = true, env = "BOOKSTORE_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

const FRONTEND_ADDRESS: &str = "127.0.0.1:8080";
const CATALOG_ADDRESS: &str = "127.0.0.1:8081";
const ORDER_ADDRESS: &str = "127.0.0.1:8082";
const CATALOG_URL: &str = "http://127.0.0.1:8081";
const ORDER_URL: &str = "http://127.0.0.1:8082";

/// An invalid setting, with the reason.
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
        url.ok_or_else(|| Error("the user's data folder is unknown; name the store with --store".to_owned()))
    }
}

/// The callers that catalog and order service answer.
#[derive(Debug, Clone, Default, Args)]
pub struct CallerSettings {
    /// The service token, without which a caller is refused.
    #[command(flatten)]
    pub service_token: ServiceToken,
    /// Let catalog and order service listen beyond loopback without a service token, so that they answer every caller
    #[arg(long, env = "BOOKSTORE_ALLOW_UNAUTHENTICATED")]
    pub allow_unauthenticated: bool,
}

impl CallerSettings {
    /// Refuses a catalog or an order service at `address` that would answer every caller unintentionally.
    ///
    /// # Errors
    /// Says what to do.
    pub(crate) fn check(&self, service: ServiceKind, address: SocketAddr) -> Result<(), Error> {
        if address.ip().to_canonical().is_loopback() || self.allow_unauthenticated || self.service_token.is_given() {
            return Ok(());
        }
        Err(Error(format!(
            "the {service} service would answer every caller that reaches {address}: set a service token with \
             --service-token-file or BOOKSTORE_SERVICE_TOKEN, or allow every caller with --allow-unauthenticated"
        )))
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
    /// Accept a catalog file without books
    #[arg(long, env = "BOOKSTORE_ALLOW_EMPTY")]
    pub allow_empty: bool,
    /// If the store's catalog file was edited by hand, keep a copy of the edit and restore the books from the ledger
    #[arg(long, env = "BOOKSTORE_DISCARD_EDIT")]
    pub discard_edit: bool,
    /// If the ledger is missing but other parts of a store exist, move those aside and begin a new store
    #[arg(long, env = "BOOKSTORE_INIT")]
    pub init: bool,
    /// The shopkeeper's token.
    #[command(flatten)]
    pub admin_token: AdminToken,
}

/// The hosts and origins that a service accepts.
#[derive(Debug, Clone, Default, Args)]
pub struct AccessSettings {
    /// A host name that a service on loopback accepts besides localhost; separate several by commas or repeat the flag
    #[arg(long, env = "BOOKSTORE_ALLOWED_HOST", value_name = "HOST", value_delimiter = ',')]
    pub(crate) allowed_host: Vec<AllowedHost>,
    /// An origin whose web pages may buy and change, like `https://shop.example`; separate several by commas or repeat the flag
    #[arg(long, env = "BOOKSTORE_ALLOWED_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) allowed_origin: Vec<AllowedOrigin>,
}

/// How fast the clients of a front-end may send requests.
#[derive(Debug, Clone, Default, Args)]
pub struct RateLimitSettings {
    /// Limit of requests per client address (IPv6: per /64), like 100/s [default: no limit]
    #[arg(long, env = "BOOKSTORE_RATE_LIMIT", value_name = "N/s")]
    pub(crate) rate_limit: Option<RateLimit>,
    /// Proxies whose X-Forwarded-For and Forwarded name the client, like 10.0.0.0/8; separate several by commas or repeat the
    /// flag
    #[arg(long, env = "BOOKSTORE_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',', value_parser = parse_network)]
    pub(crate) trusted_proxy: Vec<IpNet>,
}

/// A network, or one address.
fn parse_network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "expected a network like 10.0.0.0/8, or an address".to_owned())
}

/// The TLS of a service.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsSettings {
    /// Serve TLS with this PEM file: the certificate, then the intermediate certificates of its authority
    #[arg(long, env = "BOOKSTORE_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// A PEM file with the certificate's private key
    #[arg(long, env = "BOOKSTORE_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
}

impl TlsSettings {
    /// The certificate with its key; `None` without TLS.
    ///
    /// # Errors
    /// If only one of the two files is given, or if they are invalid.
    pub(crate) fn open(&self) -> Result<Option<Tls>, Error> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::open(certificate, key).map(Some),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Error(
                "--tls-cert needs --tls-key: the file with the certificate's key".to_owned(),
            )),
            (None, Some(_)) => Err(Error(
                "--tls-key needs --tls-cert: the file with the certificate".to_owned(),
            )),
        }
    }
}

/// Where a service listens, which requests it accepts, and how it stops.
#[derive(Debug, Clone, Args)]
pub struct ServerSettings {
    /// Address and port to listen at; port 0 takes a free port
    #[arg(long, env = "BOOKSTORE_LISTEN", value_name = "ADDRESS", default_value = FRONTEND_ADDRESS)]
    pub listen: SocketAddr,
    /// Time that open requests have to finish after a stop, like 10s
    #[arg(long, env = "BOOKSTORE_GRACE", value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub grace: Duration,
    /// Time to keep serving after a stop begins, while /readyz answers 503, so that load balancers switch away first
    #[arg(long, env = "BOOKSTORE_DRAIN_DELAY", value_name = "TIME", default_value = "0s", value_parser = parse_duration)]
    pub drain_delay: Duration,
    /// Which requests it accepts.
    #[command(flatten)]
    pub access: AccessSettings,
    /// Whether it speaks TLS.
    #[command(flatten)]
    pub tls: TlsSettings,
    /// The listeners that the process has inherited.
    #[arg(skip)]
    pub inherited: InheritedListeners,
    /// The number of services in this process, which share its limit of open files.
    #[arg(skip = 1_u64)]
    pub services_in_process: u64,
}

/// The catalog that a service uses.
#[derive(Debug, Clone, Args)]
pub struct CatalogUrl {
    /// The catalog's address, or several separated by commas, of which the first that is ready is used
    #[arg(long, env = "BOOKSTORE_CATALOG_URL", value_name = "URL", default_value = CATALOG_URL)]
    pub catalog_url: String,
    /// Trust the certificate authorities in this PEM file instead of the system's, for https:// addresses
    #[arg(long, env = "BOOKSTORE_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// `bookstored all`, and the shop that the terminal starts itself.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("listen", |arg| arg.help("Address and port of the front-end; port 0 takes a free port")))]
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
    /// Which callers catalog and order service answer.
    #[command(flatten)]
    pub callers: CallerSettings,
    /// Address and port of the catalog
    #[arg(long, env = "BOOKSTORE_CATALOG_LISTEN", value_name = "ADDRESS", default_value = CATALOG_ADDRESS)]
    pub catalog_listen: SocketAddr,
    /// Address and port of the order service
    #[arg(long, env = "BOOKSTORE_ORDER_LISTEN", value_name = "ADDRESS", default_value = ORDER_ADDRESS)]
    pub order_listen: SocketAddr,
    /// Whether programs of the same user that find this shop beside its store get the shopkeeper's token.
    #[arg(skip)]
    pub share_token: bool,
}

impl AllInOneSettings {
    /// A shop over `store` that listens at free ports of the loopback interface.
    pub fn on_free_ports(store: store::Url, admin_token: AdminToken, grace: Duration) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            catalog: CatalogSettings {
                store: StoreArg { store: Some(store) },
                admin_token,
                ..CatalogSettings::default()
            },
            server: ServerSettings {
                listen,
                grace,
                drain_delay: Duration::ZERO,
                access: AccessSettings::default(),
                tls: TlsSettings::default(),
                inherited: InheritedListeners::default(),
                services_in_process: 3,
            },
            rate_limit: RateLimitSettings::default(),
            callers: CallerSettings::default(),
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
    /// Which callers it answers.
    #[command(flatten)]
    pub callers: CallerSettings,
}

/// `bookstored order`.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("listen", |arg| arg.default_value(ORDER_ADDRESS)))]
pub struct OrderArgs {
    /// Its server.
    #[command(flatten)]
    pub server: ServerSettings,
    /// Which callers it answers.
    #[command(flatten)]
    pub callers: CallerSettings,
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
    /// The order service's address, or several separated by commas, of which the first that is ready is used
    #[arg(long, env = "BOOKSTORE_ORDER_URL", value_name = "URL", default_value = ORDER_URL)]
    pub order_url: String,
    /// How fast its clients may send requests.
    #[command(flatten)]
    pub rate_limit: RateLimitSettings,
    /// The token that it sends to catalog and order service.
    #[command(flatten)]
    pub service_token: ServiceToken,
    /// The shopkeeper's token.
    #[command(flatten)]
    pub admin_token: AdminToken,
}
