//! One durable append per purchase on etcd and on NATS JetStream: the upper limit of a shop that stores its orders there.

use std::fmt;
use std::net::{SocketAddr, TcpStream as BlockingStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use testing::ReservedAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::goal::Bound;
use crate::load::{Client, Connection, Pace, connect_all, next_number, run_clients};
use crate::operation::Operation;
use crate::processes::Setup;
use crate::report::{Heading, Report};
use crate::sample::{Samples, Settings, ratio};

const CONNECTIONS: u32 = 64;
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// A record with the length of a purchase's line in the ledger.
const RECORD_BYTES: usize = 110;

const HEADING: Heading = Heading {
    title: "Against one durable append per purchase",
    about: "etcd, one node, by its HTTP and JSON interface (`POST /v3/kv/put`), and NATS JetStream, one node, a file stream \
            with `sync_interval: always`, by its own protocol. Each request appends a record of 110 bytes and is answered \
            when it is durable; nothing checks stock or the order's id. Same generator, same disk. Ours: three processes, CSV.",
    columns: "what | connections | bookstore/s | appends/s | ratio",
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Etcd,
    JetStream,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Etcd => "etcd",
            Self::JetStream => "jetstream",
        })
    }
}

impl Engine {
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::JetStream => "nats-server",
        }
    }

    fn goal(self) -> (f64, &'static str) {
        match self {
            Self::Etcd => (
                10.0,
                "durable buy, three processes, CSV ÷ one append on etcd, 64 connections",
            ),
            Self::JetStream => (
                2.0,
                "durable buy, three processes, CSV ÷ one append on JetStream synced always, 64 connections",
            ),
        }
    }

    fn command(self, server: &Addresses, folder: &TempDir) -> Result<Command> {
        let mut command = Command::new(self.program());
        match self {
            Self::Etcd => {
                let (clients, peers) = (server.clients.url(), server.peers.url());
                command
                    .arg("--data-dir")
                    .arg(folder.path().join("data"))
                    .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
                    .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
                    .args(["--initial-cluster", &format!("default={peers}")])
                    .args(["--log-level", "error"]);
            }
            Self::JetStream => {
                let address = server.clients.get();
                let settings = folder.path().join("nats.conf");
                let data = folder.path().join("data");
                let text = format!(
                    "listen: \"{address}\"\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
                    data.display()
                );
                std::fs::write(&settings, text)?;
                command.arg("-c").arg(settings);
            }
        }
        Ok(command)
    }

    async fn measure_once(self, address: SocketAddr, time: Duration) -> Result<f64> {
        let warm_up = time.min(Duration::from_millis(500));
        let mut rate = 0.0;
        for time in [warm_up, time] {
            rate = match self {
                Self::Etcd => {
                    let clients = connect_all(CONNECTIONS, move || EtcdClient::open(address)).await?;
                    run_clients(clients, Pace::Closed, time).await?.rate
                }
                Self::JetStream => {
                    let clients = connect_all(CONNECTIONS, move || JetStreamClient::open(address)).await?;
                    run_clients(clients, Pace::Closed, time).await?.rate
                }
            };
        }
        Ok(rate)
    }

    pub(crate) async fn measure(self, settings: &Settings, report: &mut Report) -> Result<()> {
        let (mut ours, mut theirs) = (Samples::new()?, Vec::new());
        for _ in 0..settings.rounds {
            let server = Server::start(self)?;
            theirs.push(self.measure_once(server.addresses.clients.get(), settings.time).await?);
            drop(server);
            let program = settings.bookstore(&Setup::default())?;
            settings
                .sample(&mut ours, &program, Operation::Buy, CONNECTIONS)
                .await?;
        }
        let names = vec![self.to_string(), CONNECTIONS.to_string()];
        report.row(&HEADING, [names, ours.against(&theirs)].concat());
        let (goal, what) = self.goal();
        report.goal(
            &self.to_string(),
            what,
            ratio(&ours.rates, &theirs),
            Bound::AtLeast(goal),
        );
        Ok(())
    }
}

struct Addresses {
    clients: ReservedAddress,
    /// The port for other nodes of etcd, on which it listens even without other nodes.
    peers: ReservedAddress,
}

/// A running server; dropping it ends the server.
struct Server {
    child: Child,
    addresses: Addresses,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(engine: Engine) -> Result<Self> {
        let (folder, clients, peers) = (tempfile::tempdir()?, ReservedAddress::new()?, ReservedAddress::new()?);
        let addresses = Addresses { clients, peers };
        let mut command = engine.command(&addresses, &folder)?;
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self {
            child: child.context(engine.program())?,
            addresses,
            _folder: folder,
        };
        let start = Instant::now();
        while BlockingStream::connect(server.addresses.clients.get()).is_err() {
            ensure!(start.elapsed() < START_TIMEOUT, "{engine} does not listen");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Ok(server)
    }
}

struct EtcdClient {
    connection: Connection,
    address: SocketAddr,
}

impl EtcdClient {
    async fn open(address: SocketAddr) -> Result<Self> {
        let connection = Connection::open(address).await?;
        let mut client = Self { connection, address };
        client.request().await?;
        Ok(client)
    }
}

impl Client for EtcdClient {
    async fn request(&mut self) -> Result<()> {
        // Sixteen digits and the record, as Base64: a letter stands for six bits.
        let (key, value) = (
            format!("{:016}", next_number()),
            "A".repeat(RECORD_BYTES.div_ceil(3) * 4),
        );
        let body = format!(r#"{{"key":"{key}","value":"{value}"}}"#);
        let request = format!(
            "POST /v3/kv/put HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.connection.exchange(request.as_bytes()).await
    }
}

/// One connection with its own reply subject, on which the stream acknowledges stored messages.
struct JetStreamClient {
    stream: TcpStream,
    message: Vec<u8>,
    answer: Vec<u8>,
}

impl JetStreamClient {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let replies = format!("_INBOX.{}", next_number());
        let message = format!(
            "PUB orders {replies} {RECORD_BYTES}\r\n{}\r\n",
            "A".repeat(RECORD_BYTES)
        );
        let mut client = Self {
            stream,
            message: message.into_bytes(),
            answer: Vec::with_capacity(4 * 1024),
        };
        client.read_until(b"\r\n").await?;
        let create =
            r#"{"name":"orders","subjects":["orders"],"storage":"file","retention":"limits","num_replicas":1}"#;
        let hello = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {replies} 1\r\n\
             PUB $JS.API.STREAM.CREATE.orders {replies} {}\r\n{create}\r\n",
            create.len()
        );
        client.stream.write_all(hello.as_bytes()).await?;
        // Only the first connection creates the stream; for the others the same settings change nothing.
        client.read_until(b"}\r\n").await?;
        client.request().await?;
        Ok(client)
    }

    async fn read_until(&mut self, end: &[u8]) -> Result<()> {
        self.answer.clear();
        while !self.answer.ends_with(end) {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the connection was closed");
            }
        }
        Ok(())
    }
}

impl Client for JetStreamClient {
    async fn request(&mut self) -> Result<()> {
        self.stream.write_all(&self.message).await?;
        self.read_until(b"}\r\n").await?;
        let is_stored = memchr::memmem::find(&self.answer, br#""seq":"#).is_some();
        ensure!(is_stored, "not stored: {}", String::from_utf8_lossy(&self.answer));
        Ok(())
    }
}
