//! Runs services from their start to their clean stop.

use std::io::{self, Write};

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::all_in_one::AllInOne;
use crate::cli::Services;
use crate::service::{Listen, Service};

type StoreClosed = Option<watch::Receiver<Option<String>>>;

enum Running {
    All(Box<AllInOne>),
    One(Box<Service>),
}

/// Runs services until SIGINT or SIGTERM; prints the address of each to standard output.
///
/// # Errors
/// If a service cannot start, or its store closes because of an error.
pub async fn run(services: Services) -> Result<()> {
    // Before anything is opened: a signal must not leave a store without its checkpoint.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let running = Running::open(services).await?;
    for service in running.services() {
        writeln!(io::stdout(), "listening {} {}", service.name(), service.url())?;
    }
    io::stdout().flush()?;
    let mut store_closed = running.store_closed();
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        // Waiting requests get no response: their connections break when the process ends.
        why = wait_until_closed(&mut store_closed) => bail!(why),
    }
    tracing::info!("stopping");
    running.stop().await;
    match store_closed.and_then(|why| why.borrow().clone()) {
        Some(why) => bail!(why),
        None => Ok(()),
    }
}

impl Running {
    async fn open(services: Services) -> Result<Self> {
        let service = match services {
            Services::All(settings) => return Ok(Self::All(Box::new(AllInOne::open(&settings).await?))),
            Services::Catalog(args) => {
                Service::open_catalog(Listen::new(args.listen, args.grace.grace, 1), &args.catalog).await
            }
            Services::Order(args) => {
                let listen = Listen::new(args.listen, args.grace.grace, 1);
                Service::open_order(listen, &args.catalog.catalog_url).await
            }
            Services::Frontend(args) => {
                let listen = Listen::new(args.listen, args.grace.grace, 1);
                let token = args.token.read()?;
                Service::open_frontend(listen, &args.catalog.catalog_url, &args.order_url, token).await
            }
        };
        Ok(Self::One(Box::new(service?)))
    }

    fn services(&self) -> Vec<&Service> {
        match self {
            Self::All(all) => all.services().to_vec(),
            Self::One(service) => vec![service],
        }
    }

    fn store_closed(&self) -> StoreClosed {
        match self {
            Self::All(all) => all.store_closed(),
            Self::One(service) => service.store_closed(),
        }
    }

    async fn stop(self) {
        match self {
            Self::All(all) => all.stop().await,
            Self::One(service) => service.stop().await,
        }
    }
}

/// Why the store closed; pending while it is open.
async fn wait_until_closed(store_closed: &mut StoreClosed) -> String {
    if let Some(store_closed) = store_closed
        && let Ok(why) = store_closed.wait_for(Option::is_some).await
    {
        return why.clone().unwrap_or_default();
    }
    std::future::pending().await
}
