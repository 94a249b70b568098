//! Runs the three services as processes over a temporary store, with fault proxies between them.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::proxy::{Proxy, State};
use super::report::FaultsReport;
use super::schedule::{Fault, Kind};
use super::target::{Link, Role};

/// The number of books in the store.
const BOOKS: u32 = 40;
/// The number of topics.
const TOPICS: u32 = 4;
/// The stock of each book.
const COPIES: u32 = 1_000;
/// How long a service may take to print its address; a long ledger takes time to read.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a service may take to exit after a signal.
const END_MAX: Duration = Duration::from_secs(10);
/// The delay of a slow link.
const SLOW: Duration = Duration::from_millis(50);
/// The services' `--grace`.
const GRACE: &str = "1s";

/// Why the services did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system failed.
    #[error("the services cannot run: {0}")]
    Io(#[from] io::Error),
    /// A service did not print its address in time.
    #[error("the {0} did not start")]
    Silent(&'static str),
}

/// A service process, with what is needed to restart it.
#[derive(Debug)]
struct Service {
    role: Role,
    child: Child,
    address: SocketAddr,
    /// The flags and URLs of the services that it depends on.
    needs: Vec<(&'static str, String)>,
}

/// The processes, the proxies between them, and the folder of their store.
#[derive(Debug)]
pub struct Services {
    program: PathBuf,
    token: String,
    services: Vec<Service>,
    customers: Proxy,
    to_order: Proxy,
    frontend_to_catalog: Proxy,
    order_to_catalog: Proxy,
    folder: TempDir,
}

impl Services {
    /// Starts the services and the proxies.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start() -> Result<Self, Error> {
        let program = std::env::current_exe()?;
        let folder = tempfile::Builder::new().prefix("bookstore-faults-").tempdir()?;
        write_books(&folder)?;
        let token = Uuid::new_v4().simple().to_string();
        let spawn = |role, needs| spawn(&program, &folder, &token, role, None, needs);
        let catalog = spawn(Role::Catalog, Vec::new()).await?;
        let order_to_catalog = Proxy::bind(catalog.address).await?;
        let order = spawn(Role::Order, vec![("--catalog-url", order_to_catalog.url())]).await?;
        let to_order = Proxy::bind(order.address).await?;
        let frontend_to_catalog = Proxy::bind(catalog.address).await?;
        let needs = vec![
            ("--catalog-url", frontend_to_catalog.url()),
            ("--order-url", to_order.url()),
        ];
        let frontend = spawn(Role::Frontend, needs).await?;
        let customers = Proxy::bind(frontend.address).await?;
        Ok(Self {
            program,
            token,
            services: vec![catalog, order, frontend],
            customers,
            to_order,
            frontend_to_catalog,
            order_to_catalog,
            folder,
        })
    }

    /// The URL of the front-end's proxy.
    pub fn url(&self) -> String {
        self.customers.url()
    }

    /// The shopkeeper's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The number of requests that were sent twice.
    pub(super) fn duplicated(&self) -> u64 {
        self.customers.duplicated()
    }

    fn proxy(&self, link: Link) -> &Proxy {
        match link {
            Link::Customers => &self.customers,
            Link::FrontendToOrder => &self.to_order,
            Link::FrontendToCatalog => &self.frontend_to_catalog,
            Link::OrderToCatalog => &self.order_to_catalog,
        }
    }

    /// Injects a fault and ends it when `time` or `over` completes.
    pub(super) async fn break_with(
        &mut self,
        fault: Fault,
        time: impl Future<Output = ()>,
        over: impl Future<Output = ()>,
    ) {
        let wait = async {
            tokio::select! {
                () = time => {}
                () = over => {}
            }
        };
        match fault.kind {
            Kind::Kill | Kind::Restart => {
                let signal = if fault.kind == Kind::Kill {
                    Signal::KILL
                } else {
                    Signal::TERM
                };
                self.end(fault.role, signal).await;
                wait.await;
                // A service that does not start now is restarted by `mend`.
                let _ = self.start_again(fault.role).await;
            }
            Kind::Pause => {
                self.signal(fault.role, Signal::STOP);
                wait.await;
                self.signal(fault.role, Signal::CONT);
            }
            Kind::Cut => self.proxy(fault.link).cut(),
            Kind::Delay | Kind::Drop | Kind::Duplicate => {
                let state = match fault.kind {
                    Kind::Delay => State::Slow(SLOW),
                    Kind::Drop => State::Dead,
                    _ => State::Duplicate,
                };
                self.proxy(fault.link).set(state);
                wait.await;
                self.proxy(fault.link).set(State::Whole);
            }
        }
    }

    /// Restarts every service that is not running.
    pub(super) async fn mend(&mut self, report: &mut FaultsReport) {
        for role in Role::ALL {
            let is_gone = self
                .service(role)
                .is_some_and(|service| !matches!(service.child.try_wait(), Ok(None)));
            if is_gone {
                report.died += 1;
                let _ = self.start_again(role).await;
            }
        }
    }

    fn service(&mut self, role: Role) -> Option<&mut Service> {
        self.services.iter_mut().find(|service| service.role == role)
    }

    fn signal(&mut self, role: Role, signal: Signal) {
        let pid = self.service(role).and_then(|service| service.child.id());
        if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            // The process may have exited already; then it is restarted.
            let _ = kill_process(pid, signal);
        }
    }

    async fn end(&mut self, role: Role, signal: Signal) {
        self.signal(role, signal);
        let Some(service) = self.service(role) else { return };
        if tokio::time::timeout(END_MAX, service.child.wait()).await.is_err() {
            let _ = service.child.kill().await;
        }
    }

    async fn start_again(&mut self, role: Role) -> Result<(), Error> {
        let Some(service) = self.service(role) else {
            return Ok(());
        };
        let (address, needs) = (service.address, service.needs.clone());
        let started = spawn(&self.program, &self.folder, &self.token, role, Some(address), needs).await?;
        if let Some(service) = self.service(role) {
            *service = started;
        }
        Ok(())
    }

    /// Stops the services, each before those it depends on.
    pub async fn stop(mut self) {
        for role in Role::ALL.into_iter().rev() {
            self.end(role, Signal::TERM).await;
        }
    }
}

async fn spawn(
    program: &PathBuf,
    folder: &TempDir,
    token: &str,
    role: Role,
    address: Option<SocketAddr>,
    needs: Vec<(&'static str, String)>,
) -> Result<Service, Error> {
    let mut command = Command::new(program);
    command.args(["serve", role.name(), "--grace", GRACE, "--listen"]);
    command.arg(address.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string()));
    if role == Role::Catalog {
        command
            .arg("--store")
            .arg(format!("csv:{}", folder.path().join("store").display()));
        command.arg("--books").arg(folder.path().join("books.csv"));
    }
    for (flag, url) in &needs {
        command.args([*flag, url]);
    }
    let mut child = command
        .env("BOOKSTORE_ADMIN_TOKEN", token)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // A process group of its own: Ctrl-C at the terminal reaches the autopilot only, which stops the services
        // after the audit.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let output = child.stdout.take().ok_or(Error::Silent(role.name()))?;
    let mut line = String::new();
    let mut output = BufReader::new(output);
    let reading = tokio::time::timeout(START_MAX, output.read_line(&mut line)).await;
    reading.map_err(|_| Error::Silent(role.name()))??;
    let address = line
        .trim()
        .rsplit_once("http://")
        .and_then(|(_, address)| address.parse().ok());
    Ok(Service {
        role,
        child,
        address: address.ok_or(Error::Silent(role.name()))?,
        needs,
    })
}

fn write_books(folder: &TempDir) -> io::Result<()> {
    let mut file = std::fs::File::create(folder.path().join("books.csv"))?;
    for book in 1..=BOOKS {
        let topic = book % TOPICS + 1;
        writeln!(file, "{book},Book {book},{COPIES},{book}.50,topic {topic}")?;
    }
    file.sync_all()
}
