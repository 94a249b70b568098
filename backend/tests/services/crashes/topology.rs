//! The processes of a crash test: one or several of each service, each of which can be killed and started again.

use std::time::{Duration, Instant};

use testing::{Process, ReservedAddress};

use crate::bookstored;
use crate::client::Client;
use crate::fixture::StoreFixture;

/// The timeout of a restart, including the recovery of a database.
const START_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) const SERVICES: [&str; 3] = ["catalog", "order", "frontend"];

/// The process or processes to kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum KillTarget {
    /// The instance of the named service with this index.
    Service(&'static str, usize),
    /// The parent of all processes of the database server.
    Postmaster,
    /// A process of the database server that serves a connection.
    DatabaseConnection,
    /// The database server, by an immediate shutdown.
    DatabaseServer,
    /// All processes at the same moment.
    Everything,
}

impl KillTarget {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Service(name, _) => name,
            Self::Postmaster => "postmaster",
            Self::DatabaseConnection => "database connection",
            Self::DatabaseServer => "database server",
            Self::Everything => "everything",
        }
    }
}

/// One service: its arguments, and its process while it runs.
#[derive(Debug)]
struct Service {
    name: &'static str,
    /// Reserved for the whole test, so that the port is still free for a restart.
    address: ReservedAddress,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Service {
    fn new(name: &'static str, address: ReservedAddress, arguments: &[&str]) -> Self {
        let listen = address.to_string();
        let all = [&[name, "--listen", &listen], arguments].concat();
        Self {
            name,
            address,
            arguments: all.into_iter().map(str::to_owned).collect(),
            process: None,
        }
    }

    /// Starts the service; retries while a killed process still holds the store's lock.
    fn start(&mut self) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let start = Instant::now();
        while self.process.is_none() {
            assert!(start.elapsed() < START_TIMEOUT, "{arguments:?} does not restart");
            self.process = bookstored::try_start(&arguments).ok();
        }
    }

    fn client(&self) -> Client {
        Client::at(&self.address.url())
    }
}

/// All services, over one store.
#[derive(Debug)]
pub(super) struct Topology {
    pub(super) fixture: StoreFixture,
    /// The catalogs, the order services, the front-ends, in the order in which they start.
    services: Vec<Service>,
    instances: usize,
}

impl Topology {
    /// Starts `instances` of each service; each prefers the dependencies with its own index.
    pub(super) fn start(fixture: StoreFixture, instances: usize, books: &str) -> Self {
        let books = fixture.file("books.csv", books);
        let reserve = || -> Vec<_> { (0..instances).map(|_| ReservedAddress::new().unwrap()).collect() };
        let (catalogs, orders, frontends) = (reserve(), reserve(), reserve());
        let in_preference = |addresses: &[ReservedAddress], preferred: usize| {
            let (first, last) = addresses.split_at(preferred);
            let urls: Vec<String> = last.iter().chain(first).map(ReservedAddress::url).collect();
            urls.join(",")
        };
        let urls: Vec<_> = (0..instances)
            .map(|instance| (in_preference(&catalogs, instance), in_preference(&orders, instance)))
            .collect();
        let mut services = Vec::new();
        for address in catalogs {
            let arguments = ["--store", &fixture.url, "--books", &books];
            services.push(Service::new("catalog", address, &arguments));
        }
        for (address, (catalogs, _)) in orders.into_iter().zip(&urls) {
            services.push(Service::new("order", address, &["--catalog-url", catalogs]));
        }
        for (address, (catalogs, orders)) in frontends.into_iter().zip(&urls) {
            let arguments = ["--catalog-url", catalogs, "--order-url", orders];
            services.push(Service::new("frontend", address, &arguments));
        }
        let mut topology = Self {
            fixture,
            services,
            instances,
        };
        topology.start_services();
        topology
    }

    /// All targets, each once.
    pub(super) fn targets(&self) -> Vec<KillTarget> {
        let instances = 0..self.instances;
        let services = instances.flat_map(|instance| SERVICES.map(|name| KillTarget::Service(name, instance)));
        let mut targets: Vec<KillTarget> = services.collect();
        if self.fixture.server.is_some() {
            targets.extend([
                KillTarget::Postmaster,
                KillTarget::DatabaseConnection,
                KillTarget::DatabaseServer,
            ]);
        }
        targets.push(KillTarget::Everything);
        targets
    }

    pub(super) fn kill(&mut self, target: KillTarget) {
        match (target, &self.fixture.server) {
            (KillTarget::Service(name, instance), _) => {
                let mut instances = self.services.iter_mut().filter(|service| service.name == name);
                instances.nth(instance).unwrap().process = None;
            }
            (KillTarget::Everything, server) => {
                let processes = self.services.iter_mut().filter_map(|service| service.process.as_mut());
                processes.for_each(Process::send_kill);
                if let Some(server) = server {
                    server.kill_postmaster();
                }
                self.services.iter_mut().for_each(|service| service.process = None);
            }
            (KillTarget::Postmaster, Some(server)) => server.kill_postmaster(),
            (KillTarget::DatabaseConnection, Some(server)) => assert!(server.kill_backend()),
            (KillTarget::DatabaseServer, Some(server)) => server.quit(),
            (_, None) => unreachable!("there is no server"),
        }
    }

    /// Starts the killed processes again.
    pub(super) fn restart(&mut self, target: KillTarget) {
        if let Some(server) = &self.fixture.server {
            match target {
                KillTarget::Postmaster | KillTarget::DatabaseServer | KillTarget::Everything => server.restart(&[]),
                _ => server.wait_until_ready(),
            }
        }
        self.start_services();
    }

    fn start_services(&mut self) {
        self.services.iter_mut().for_each(Service::start);
    }

    /// Panics if a service ended that was not killed.
    pub(super) fn assert_running(&mut self) {
        for service in &mut self.services {
            let is_running = service.process.as_mut().is_some_and(Process::is_running);
            assert!(is_running, "{} ended without a kill", service.name);
        }
    }

    /// Stops all services cleanly, but not the database server.
    pub(super) fn stop(&mut self) {
        for service in self.services.iter_mut().rev() {
            let status = service.process.take().unwrap().stop();
            assert!(status.success(), "{} did not stop cleanly", service.name);
        }
    }

    /// A client for each instance of the named service.
    pub(super) fn clients(&self, name: &str) -> Vec<Client> {
        let services = self.services.iter().filter(|service| service.name == name);
        services.map(Service::client).collect()
    }
}
