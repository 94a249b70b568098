//! `bookstore sshd`: the shop over SSH. Clients get the same screens and the customers' commands, and nothing else: no shell,
//! no forwarding, no file.

mod activity;
mod channel;
mod command;
mod customers;
mod events;
mod handler;
mod host_key;
mod input;
mod keyed_limiter;
mod limits;
mod session;
mod socket;
mod terminal;

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backend::{client_network, raise_limit_of_open_files};
use common::Incident;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};
use russh::server::Config;
use russh::{MethodKind, Preferred, SshId, cipher, kex, mac};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::{Cli, SshdArgs};
use crate::commands::{self, Output, print_notice};
use crate::connect::ShopConnection;
use crate::journal;
use crate::terminal::{Signals, force_colors};
use customers::{Customers, Identity};
use events::SharedEvents;
use handler::{ConnectionHandler, Progress};
use keyed_limiter::KeyedLimiter;
use socket::AbortableSocket;

/// Delay of the accept loop after a failure, such as too many open files.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Algorithms of client keys; the host key uses the first one.
const KEY_ALGORITHMS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::SkEd25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::SkEcdsaSha2NistP256,
];

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no home folder is known; set HOME so that orders can be kept")]
    NoFolder,
    #[error("cannot listen at {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("--shopkeepers needs the shopkeeper's token; give it with --token or BOOKSTORE_ADMIN_TOKEN")]
    NoToken,
    #[error(transparent)]
    HostKey(#[from] host_key::Error),
    #[error(transparent)]
    Customers(#[from] customers::Error),
}

impl From<Error> for commands::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Listen { ref source, .. } => Self::Io(io::Error::new(source.kind(), error)),
            Error::NoFolder | Error::NoToken | Error::HostKey(_) | Error::Customers(_) => {
                Self::Usage(error.to_string())
            }
        }
    }
}

/// State that all sessions share.
struct Server {
    args: SshdArgs,
    cli: Cli,
    /// The connection of customers, without the shopkeeper's token.
    connection: ShopConnection,
    /// The file of shopkeepers' keys, and the connection with the shopkeeper's token.
    shopkeepers: Option<(PathBuf, ShopConnection)>,
    customers: Customers,
    events: Arc<SharedEvents>,
    /// Cancelled when the server stops.
    stop: CancellationToken,
}

impl Server {
    fn open(connection: &ShopConnection, args: &SshdArgs, cli: &Cli, folder: &std::path::Path) -> Result<Self, Error> {
        let shopkeepers = match &args.shopkeepers {
            None => None,
            Some(_) if !connection.shop.is_shopkeeper() => return Err(Error::NoToken),
            Some(path) => {
                customers::read_shopkeepers(path)?;
                Some((path.clone(), for_sessions(connection)))
            }
        };
        let connection = ShopConnection {
            shop: connection.shop.without_token(),
            ..for_sessions(connection)
        };
        Ok(Self {
            args: args.clone(),
            cli: cli.clone(),
            customers: Customers::open(folder, args.max_per_key)?,
            events: SharedEvents::start(connection.clone()),
            connection,
            shopkeepers,
            stop: CancellationToken::new(),
        })
    }

    /// The connection to the shop for a client. Reads the file of shopkeepers for each session, so that a change of the file
    /// needs no restart.
    async fn connection_of(&self, identity: &Identity) -> ShopConnection {
        let (Some((path, shopkeeper)), Identity::Key(key)) = (&self.shopkeepers, identity) else {
            return self.connection.clone();
        };
        let (path, key) = (path.clone(), key.clone());
        let is_listed = tokio::task::spawn_blocking(move || {
            let keys = customers::read_shopkeepers(&path)?;
            Ok::<_, customers::Error>(keys.iter().any(|listed| listed.key_data() == key.key_data()))
        });
        match is_listed.await {
            Ok(Ok(true)) => shopkeeper.clone(),
            Ok(Ok(false)) | Err(_) => self.connection.clone(),
            Ok(Err(error)) => {
                print_notice(&error.to_string());
                self.connection.clone()
            }
        }
    }
}

/// The connection for clients, without the paths and addresses of this machine.
fn for_sessions(connection: &ShopConnection) -> ShopConnection {
    ShopConnection {
        name: "bookstore".to_owned(),
        notice: None,
        ..connection.clone()
    }
}

/// Serves until a signal arrives; then waits up to `SHUTDOWN_TIMEOUT` for the sessions to end.
pub(crate) async fn serve(
    connection: &ShopConnection,
    args: &SshdArgs,
    cli: &Cli,
    out: &Output,
    mut signals: Signals,
) -> Result<(), commands::Error> {
    // Each session has its own theme, so `NO_COLOR` of this process must not apply to any.
    force_colors();
    raise_limit_of_open_files();
    let folder = journal::data_folder().ok_or(Error::NoFolder)?.join("sshd");
    customers::create(&folder).map_err(Error::from)?;
    let key = match &args.host_key {
        Some(path) => host_key::read(path),
        None => host_key::open(&folder),
    };
    let key = key.map_err(Error::from)?;
    let fingerprint = key.fingerprint(HashAlg::Sha256);
    let server = Arc::new(Server::open(connection, args, cli, &folder)?);
    let address = args.listen;
    let listen = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    out.print_notice(&format!("host key {fingerprint}")).await;
    out.print(&format!("listening sshd ssh://{bound}")).await?;
    let sessions = TaskTracker::new();
    tokio::select! {
        () = accept(&server, &listener, Arc::new(config(key)), &sessions) => {}
        _ = signals.next() => {}
    }
    drop(listener);
    server.stop.cancel();
    sessions.close();
    let _ = tokio::time::timeout(limits::SHUTDOWN_TIMEOUT, sessions.wait()).await;
    Ok(())
}

/// Accepts connections within the limits; never completes. Closes a connection beyond them at once, without the cost of a key
/// exchange.
async fn accept(server: &Arc<Server>, listener: &TcpListener, config: Arc<Config>, sessions: &TaskTracker) {
    let all = Arc::new(Semaphore::new(server.args.max_sessions));
    let addresses = KeyedLimiter::<_, ()>::new(server.args.max_per_address);
    let (failing, refusing) = (
        Incident::new("connections cannot be accepted"),
        Incident::new("connections are refused"),
    );
    let report =
        |incident: &Incident, why: String| incident.failure_line(why).iter().for_each(|line| print_notice(line));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                report(&failing, error.to_string());
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&all).try_acquire_owned() else {
            let why = format!("{peer}: there are {} connections", server.args.max_sessions);
            report(&refusing, why);
            continue;
        };
        let Some(address_permit) = addresses.try_acquire(client_network(peer.ip())) else {
            let why = format!("{peer}: its address has {} connections", server.args.max_per_address);
            report(&refusing, why);
            continue;
        };
        let (server, config) = (Arc::clone(server), Arc::clone(&config));
        sessions.spawn(async move {
            connection(server, config, stream, peer).await;
            drop((permit, address_permit));
        });
    }
}

/// Serves one connection. Closes it without a session before the login deadline, or `LINGER_TIMEOUT` after the session.
async fn connection(server: Arc<Server>, config: Arc<Config>, stream: TcpStream, peer: SocketAddr) {
    let login_deadline = Instant::now() + server.args.login_timeout;
    let (progress, abort) = (Progress::default(), CancellationToken::new());
    let handler = ConnectionHandler::new(Arc::clone(&server), peer.to_string(), progress.clone());
    let socket = AbortableSocket::new(stream, &abort);
    let opening = russh::server::run_stream(config, socket, handler);
    let Ok(Ok(session)) = tokio::time::timeout_at(login_deadline, opening).await else {
        return;
    };
    let ending = async {
        tokio::select! {
            () = progress.begun.cancelled() => {}
            () = tokio::time::sleep_until(login_deadline) => return,
            () = server.stop.cancelled() => return,
        }
        progress.ended.cancelled().await;
        tokio::time::sleep(limits::LINGER_TIMEOUT).await;
    };
    let mut session = std::pin::pin!(session);
    tokio::select! {
        _ = &mut session => {}
        () = ending => {
            abort.cancel();
            let _ = session.await;
        }
    }
    // The handler was dropped, and the input of the session with it.
    if progress.begun.is_cancelled() {
        progress.ended.cancelled().await;
    }
}

/// Offers only algorithms without a known weakness. Every client of the last ten years supports one of each kind.
fn config(key: PrivateKey) -> Config {
    Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-bookstore")),
        methods: [MethodKind::PublicKey, MethodKind::KeyboardInteractive]
            .as_slice()
            .into(),
        // A rejection reveals nothing: every key is accepted.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        max_auth_attempts: limits::LOGIN_ATTEMPTS_MAX,
        keys: vec![key],
        window_size: limits::RECEIVE_WINDOW_BYTES,
        maximum_packet_size: limits::PACKET_BYTES_MAX,
        channel_buffer_size: 1,
        event_buffer_size: limits::QUEUED_PACKETS_MAX,
        preferred: Preferred {
            kex: Cow::Borrowed(&[
                kex::MLKEM768X25519_SHA256,
                kex::CURVE25519,
                kex::CURVE25519_PRE_RFC_8731,
                kex::EXTENSION_SUPPORT_AS_SERVER,
                kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
            ]),
            key: Cow::Borrowed(KEY_ALGORITHMS),
            cipher: Cow::Borrowed(&[cipher::CHACHA20_POLY1305, cipher::AES_256_GCM, cipher::AES_128_GCM]),
            // These ciphers need no MAC, but the library requires a list that is not empty.
            mac: Cow::Borrowed(&[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM]),
            ..Preferred::DEFAULT
        },
        keepalive_interval: Some(limits::KEEPALIVE_INTERVAL),
        keepalive_max: limits::KEEPALIVES_MAX,
        // Sessions have their own limits, which close them with a message.
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    }
}
