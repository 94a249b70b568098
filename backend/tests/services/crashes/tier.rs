//! The services of a shop under crash: one of each, or several, each a process that can be killed and started again.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::place::Place;
use crate::shop::{Customer, Process};

/// A process that is started again takes so long at most; a database server recovers first.
const START_MAX: Duration = Duration::from_secs(60);

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Victim {
    Catalog(usize),
    Order(usize),
    FrontEnd(usize),
    /// The database server's first process.
    Server,
    /// A process of the database server that serves a connection.
    Connection,
    /// The database server, stopped at once.
    Stop,
    /// All at the same moment.
    Everything,
}

impl Victim {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Catalog(_) => "catalog",
            Self::Order(_) => "order",
            Self::FrontEnd(_) => "front-end",
            Self::Server => "database server",
            Self::Connection => "database connection",
            Self::Stop => "database server at once",
            Self::Everything => "everything",
        }
    }
}

/// One service: what it is started with, and the process while it lives.
#[derive(Debug)]
struct Service {
    name: &'static str,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Service {
    fn new(name: &'static str, address: &str, arguments: &[(&str, &str)]) -> Self {
        let mut all = vec![name.to_owned(), "--listen".to_owned(), address.to_owned()];
        for (flag, value) in arguments {
            all.extend([(*flag).to_owned(), (*value).to_owned()]);
        }
        Self {
            name,
            arguments: all,
            process: None,
        }
    }

    /// The lock and the port of a process that was just killed are free a moment later.
    fn start(&mut self) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let begun = Instant::now();
        while self.process.is_none() {
            assert!(begun.elapsed() < START_MAX, "{arguments:?} does not start again");
            self.process = Process::try_start(&arguments);
        }
    }

    fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }
}

/// All services, over one store.
#[derive(Debug)]
pub(super) struct Tier {
    pub(super) place: Place,
    /// The catalogs, the order services, the front-ends, in the order in which they start.
    services: Vec<Service>,
    copies: usize,
}

impl Tier {
    /// That many of each; each prefers the neighbour of its own number.
    pub(super) fn open(place: Place, copies: usize, books: &str) -> Self {
        let file = place.beside("books.csv");
        std::fs::write(&file, books).unwrap();
        let (file, store) = (file.display().to_string(), place.url());
        let addresses: Vec<String> = quiet_addresses(3 * copies);
        let neighbours = |first: usize, preferred: usize| {
            let urls = (0..copies).map(|step| {
                let at = first + (preferred + step) % copies;
                format!("http://{}", addresses[at])
            });
            urls.collect::<Vec<_>>().join(",")
        };
        let mut services = Vec::new();
        for address in &addresses[..copies] {
            services.push(Service::new(
                "catalog",
                address,
                &[("--store", &store), ("--books", &file)],
            ));
        }
        for (copy, address) in addresses[copies..2 * copies].iter().enumerate() {
            let catalogs = neighbours(0, copy);
            services.push(Service::new("order", address, &[("--catalog-url", &catalogs)]));
        }
        for (copy, address) in addresses[2 * copies..].iter().enumerate() {
            let (catalogs, orders) = (neighbours(0, copy), neighbours(copies, copy));
            let arguments = [("--catalog-url", catalogs.as_str()), ("--order-url", orders.as_str())];
            services.push(Service::new("frontend", address, &arguments));
        }
        let mut tier = Self {
            place,
            services,
            copies,
        };
        tier.start();
        tier
    }

    /// A round of victims that reaches everybody.
    pub(super) fn victims(&self) -> Vec<Victim> {
        let copies = 0..self.copies;
        let mut victims: Vec<Victim> = copies
            .flat_map(|copy| [Victim::Catalog(copy), Victim::Order(copy), Victim::FrontEnd(copy)])
            .collect();
        if self.place.server().is_some() {
            victims.extend([Victim::Server, Victim::Connection, Victim::Stop]);
        }
        victims.push(Victim::Everything);
        victims
    }

    /// Kills, and returns at once.
    pub(super) fn kill(&mut self, victim: Victim) {
        match (victim, self.place.server()) {
            (Victim::Catalog(copy), _) => self.kill_service(copy),
            (Victim::Order(copy), _) => self.kill_service(self.copies + copy),
            (Victim::FrontEnd(copy), _) => self.kill_service(2 * self.copies + copy),
            (Victim::Everything, server) => {
                self.services
                    .iter_mut()
                    .for_each(|service| service.process.as_mut().unwrap().send_kill());
                if let Some(server) = server {
                    server.kill_postmaster();
                }
                self.services.iter_mut().for_each(|service| service.process = None);
            }
            (Victim::Server, Some(server)) => server.kill_postmaster(),
            (Victim::Connection, Some(server)) => assert!(server.kill_backend()),
            (Victim::Stop, Some(server)) => server.kill(),
            (_, None) => unreachable!("there is no server"),
        }
    }

    fn kill_service(&mut self, index: usize) {
        if let Some(process) = self.services[index].process.take() {
            process.kill();
        }
    }

    /// Starts what does not run.
    pub(super) fn start_again(&mut self, victim: Victim) {
        if let Some(server) = self.place.server() {
            match victim {
                Victim::Server | Victim::Stop | Victim::Everything => server.restart(&[]),
                _ => server.wait_until_ready(),
            }
        }
        self.start();
    }

    fn start(&mut self) {
        self.services.iter_mut().for_each(Service::start);
    }

    /// Nobody died who was not killed.
    pub(super) fn assert_alive(&mut self) {
        for service in &mut self.services {
            let alive = service.process.as_mut().is_some_and(Process::is_running);
            assert!(alive, "{} ended by itself", service.name);
        }
    }

    /// A clean stop of everything but the database server.
    pub(super) fn stop(&mut self) {
        for service in self.services.iter_mut().rev() {
            let stopped = service.process.take().unwrap().stop();
            assert!(stopped.success(), "{} did not stop cleanly", service.name);
        }
    }

    /// Whoever asks the front-ends.
    pub(super) fn customers(&self) -> Vec<Customer> {
        self.of("frontend")
    }

    /// Whoever asks the services of that name.
    pub(super) fn of(&self, name: &str) -> Vec<Customer> {
        let services = self.services.iter().filter(|service| service.name == name);
        services.map(|service| Customer::of(service.process(), name)).collect()
    }
}

/// Free addresses below the ports that the system gives to clients: one that asks in vain at its own port would meet
/// itself, and the service could not come back.
fn quiet_addresses(count: usize) -> Vec<String> {
    let mut ports: Vec<u16> = (16_000..32_000).collect();
    ports.shuffle(&mut StdRng::seed_from_u64(rand::rng().random()));
    let free: Vec<TcpListener> = ports
        .into_iter()
        .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .take(count)
        .collect();
    free.iter()
        .map(|listener| listener.local_addr().unwrap().to_string())
        .collect()
}
