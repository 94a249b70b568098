//! Services from their start to their clean stop.

use std::io::{self, Write};

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::all::All;
use crate::cli::Services;
use crate::service::Service;

type Ended = Option<watch::Receiver<Option<String>>>;

enum Running {
    All(Box<All>),
    One(Box<Service>),
}

/// Runs services until they are told to stop; says on standard output where each service answers.
///
/// # Errors
/// When it cannot start, or its store closed for good.
pub async fn run(services: Services) -> Result<()> {
    // Listened to before anything is opened: no signal may leave a store without its checkpoint.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let running = Running::open(services).await?;
    for service in running.services() {
        writeln!(io::stdout(), "listening {} {}", service.name(), service.url())?;
    }
    io::stdout().flush()?;
    let mut ended = running.ended();
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        // Whoever waits is not answered: the connections break with the process.
        why = closed_for_good(&mut ended) => bail!(why),
    }
    tracing::info!("stopping");
    running.stop().await;
    match ended.and_then(|ended| ended.borrow().clone()) {
        Some(why) => bail!(why),
        None => Ok(()),
    }
}

impl Running {
    async fn open(services: Services) -> Result<Self> {
        Ok(match services {
            Services::All(settings) => Self::All(Box::new(All::open(settings).await?)),
            Services::Catalog(listen, settings) => Self::one(Service::open_catalog(listen, settings).await?),
            Services::Order(listen, catalog) => Self::one(Service::open_order(listen, &catalog).await?),
            Services::Frontend(listen, catalog, order, token) => {
                Self::one(Service::open_frontend(listen, &catalog, &order, token).await?)
            }
        })
    }

    fn one(service: Service) -> Self {
        Self::One(Box::new(service))
    }

    fn services(&self) -> Vec<&Service> {
        match self {
            Self::All(all) => all.services().to_vec(),
            Self::One(service) => vec![service],
        }
    }

    fn ended(&self) -> Ended {
        match self {
            Self::All(all) => all.ended(),
            Self::One(service) => service.ended(),
        }
    }

    async fn stop(self) {
        match self {
            Self::All(all) => all.stop().await,
            Self::One(service) => service.stop().await,
        }
    }
}

async fn closed_for_good(ended: &mut Ended) -> String {
    if let Some(ended) = ended
        && let Ok(why) = ended.wait_for(Option::is_some).await
    {
        return why.clone().unwrap_or_default();
    }
    std::future::pending().await
}
