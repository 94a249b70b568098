//! Runs the three services as processes over a temporary store, with proxies between them.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use strum::VariantArray as _;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::proxy::{Mode, Proxy, Target};
use super::report::FaultsReport;
use super::schedule::{Fault, FaultKind, Link, Role};

const BOOKS: u32 = 40;
const TOPICS: u32 = 4;
/// The stock of each book.
const COPIES: u32 = 1_000;
/// The timeout of a service's start; it reads the whole ledger before it prints its address.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The timeout of a service's exit after a signal.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The delay of [`FaultKind::Delay`].
const DELAY: Duration = Duration::from_millis(50);
const GRACE: &str = "1s";

/// The reason why the services did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system failed.
    #[error("the services cannot run: {0}")]
    Io(#[from] io::Error),
    /// A service did not print its address in time.
    #[error("the {0} did not start")]
    Silent(&'static str),
}

/// A service process, with the data to restart it.
#[derive(Debug)]
struct ServiceProcess {
    child: Child,
    address: SocketAddr,
    /// Flags with the URLs of the services that it depends on.
    needs: Vec<(&'static str, String)>,
}

/// The processes of the services and the proxies between them.
#[derive(Debug)]
pub struct Services {
    /// The services in the order of [`Role`].
    services: [ServiceProcess; 3],
    /// The proxies in the order of [`Link`].
    proxies: [Proxy; 4],
    // The last field, so that its folder is removed after the processes have ended.
    launcher: Launcher,
}

/// The settings that all services share.
#[derive(Debug)]
struct Launcher {
    program: PathBuf,
    token: String,
    /// The folder of the store.
    folder: TempDir,
}

impl Services {
    /// Starts the services and the proxies.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start() -> Result<Self, Error> {
        let launcher = Launcher {
            program: std::env::current_exe()?,
            token: Uuid::new_v4().simple().to_string(),
            folder: tempfile::Builder::new().prefix("bookstore-faults-").tempdir()?,
        };
        write_books(&launcher.folder)?;
        let spawn = |role, needs| launcher.spawn(role, None, needs);
        let catalog = spawn(Role::Catalog, Vec::new()).await?;
        let proxy = |service: &ServiceProcess| Proxy::bind(Target::Tcp(service.address));
        let order_to_catalog = proxy(&catalog).await?;
        let order = spawn(Role::Order, vec![("--catalog-url", order_to_catalog.url())]).await?;
        let frontend_to_order = proxy(&order).await?;
        let frontend_to_catalog = proxy(&catalog).await?;
        let needs = vec![
            ("--catalog-url", frontend_to_catalog.url()),
            ("--order-url", frontend_to_order.url()),
        ];
        let frontend = spawn(Role::Frontend, needs).await?;
        Ok(Self {
            proxies: [
                proxy(&frontend).await?,
                frontend_to_order,
                frontend_to_catalog,
                order_to_catalog,
            ],
            services: [catalog, order, frontend],
            launcher,
        })
    }

    /// The URL of the front-end's proxy.
    pub fn url(&self) -> String {
        self.proxy(Link::ShoppersToFrontend).url()
    }

    /// The shopkeeper's token.
    pub fn token(&self) -> &str {
        &self.launcher.token
    }

    /// The number of duplicated requests.
    pub(super) fn duplicated(&self) -> u64 {
        self.proxy(Link::ShoppersToFrontend).interventions()
    }

    fn proxy(&self, link: Link) -> &Proxy {
        &self.proxies[link as usize]
    }

    /// Injects a fault, and ends it when `end` completes.
    pub(super) async fn inject(&mut self, fault: Fault, end: impl Future<Output = bool>) {
        let mode = match fault.kind {
            FaultKind::Kill | FaultKind::Restart => {
                let signal = match fault.kind {
                    FaultKind::Kill => Signal::KILL,
                    _ => Signal::TERM,
                };
                self.stop_service(fault.role, signal).await;
                end.await;
                // After an error `restart_exited` restarts the service.
                let _ = self.restart(fault.role).await;
                return;
            }
            FaultKind::Pause => {
                self.signal(fault.role, Signal::STOP);
                end.await;
                return self.signal(fault.role, Signal::CONT);
            }
            FaultKind::Cut => return self.proxy(fault.link).close_connections(),
            FaultKind::Delay => Mode::Delay(DELAY),
            FaultKind::Drop => Mode::Discard,
            FaultKind::Duplicate => Mode::Duplicate,
        };
        self.proxy(fault.link).set(mode);
        end.await;
        self.proxy(fault.link).set(Mode::Forward);
    }

    /// Restarts every service that is not running.
    pub(super) async fn restart_exited(&mut self, report: &mut FaultsReport) {
        for role in Role::VARIANTS {
            let child = &mut self.service(*role).child;
            if !matches!(child.try_wait(), Ok(None)) {
                report.unexpected_exits += 1;
                let _ = self.restart(*role).await;
            }
        }
    }

    fn service(&mut self, role: Role) -> &mut ServiceProcess {
        &mut self.services[role as usize]
    }

    fn signal(&mut self, role: Role, signal: Signal) {
        let pid = self.service(role).child.id();
        if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            // Fails if the process has exited; it is then restarted.
            let _ = kill_process(pid, signal);
        }
    }

    async fn stop_service(&mut self, role: Role, signal: Signal) {
        self.signal(role, signal);
        let child = &mut self.service(role).child;
        if tokio::time::timeout(EXIT_TIMEOUT, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }

    async fn restart(&mut self, role: Role) -> Result<(), Error> {
        let service = self.service(role);
        let (address, needs) = (service.address, service.needs.clone());
        *self.service(role) = self.launcher.spawn(role, Some(address), needs).await?;
        Ok(())
    }

    /// Stops the services, each before the services that it depends on.
    pub async fn stop(mut self) {
        for role in Role::VARIANTS.iter().rev() {
            self.stop_service(*role, Signal::TERM).await;
        }
    }
}

impl Launcher {
    async fn spawn(
        &self,
        role: Role,
        address: Option<SocketAddr>,
        needs: Vec<(&'static str, String)>,
    ) -> Result<ServiceProcess, Error> {
        let mut command = Command::new(&self.program);
        command.args(["serve", role.into_str(), "--grace", GRACE, "--listen"]);
        command.arg(address.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string()));
        if role == Role::Catalog {
            command
                .arg("--store")
                .arg(format!("csv:{}", self.folder.path().join("store").display()));
            command.arg("--books").arg(self.folder.path().join("books.csv"));
        }
        for (flag, url) in &needs {
            command.args([*flag, url]);
        }
        let mut child = command
            .env("BOOKSTORE_ADMIN_TOKEN", &self.token)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A separate process group: Ctrl-C signals only the autopilot, which stops the services after the audit.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().ok_or(Error::Silent(role.into_str()))?;
        let mut line = String::new();
        let mut output = BufReader::new(output);
        let reading = tokio::time::timeout(START_TIMEOUT, output.read_line(&mut line)).await;
        reading.map_err(|_| Error::Silent(role.into_str()))??;
        let address = line.trim().rsplit_once("http://");
        let address = address.and_then(|(_, address)| address.parse().ok());
        Ok(ServiceProcess {
            child,
            address: address.ok_or(Error::Silent(role.into_str()))?,
            needs,
        })
    }
}

fn write_books(folder: &TempDir) -> io::Result<()> {
    let mut file = std::fs::File::create(folder.path().join("books.csv"))?;
    for book in 1..=BOOKS {
        let topic = book % TOPICS + 1;
        writeln!(file, "{book},Book {book},{COPIES},{book}.50,topic {topic}")?;
    }
    file.sync_all()
}
