//! The conductor of a run: reads the shelf, writes the plan, starts the shoppers, keeps the time, and closes with the
//! audit and the report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::client::Error as ClientError;
use common::text;
use tokio::task::JoinSet;

use super::audit::{Audited, Auditor};
use super::engine::{Progress, Shared, elapsed};
use super::outcome::Verb;
use super::plan::{self, Plan};
use super::report::{self, Latency, Operation, Operations, Report, StockLine};
use super::shelf::Shelf;
use super::stock::Stocks;
use super::{Error, shopper};
use crate::backoff::Backoff;

/// The length of one entry of the series.
const SECOND: Duration = Duration::from_secs(1);

/// Conducts a run from its start to its report.
pub(super) async fn conduct(shared: &Arc<Shared>) -> Result<Report, Error> {
    let shelf = Arc::new(read_shelf(shared).await?);
    if shelf.books.is_empty() {
        return Err(Error::NoBooks);
    }
    shared.shop.note(shelf.head);
    write_plan(shared, &shelf).await?;
    {
        let mut gathered = shared.gathered();
        gathered.stocks = Stocks::of(&shelf);
        gathered.began = Some(Instant::now());
        gathered.trouble = None;
    }
    shared.phase.send_replace(Progress::Running);
    let mut shoppers = JoinSet::new();
    shop_until_stopped(shared, &shelf, &mut shoppers).await;
    shared.stopping.cancel();
    while shoppers.join_next().await.is_some() {}
    let history = {
        let mut gathered = shared.gathered();
        gathered.elapsed = gathered.began.map(|began| began.elapsed());
        std::mem::take(&mut gathered.history)
    };
    shared.phase.send_replace(Progress::Closing);
    let auditor = Auditor {
        shop: &shared.shop,
        shelf: &shelf,
    };
    let audited = tokio::select! {
        audited = auditor.audit(history) => audited,
        () = shared.hurry.cancelled() => Auditor::nothing(),
    };
    Ok(report(shared, &shelf, audited))
}

/// Asks until the store answers: it may be on its way up.
async fn read_shelf(shared: &Shared) -> Result<Shelf, Error> {
    let mut backoff = Backoff::RECONNECT;
    loop {
        let error = tokio::select! {
            shelf = Shelf::read(&shared.shop) => match shelf {
                Ok(shelf) => return Ok(shelf),
                Err(error) => error,
            },
            () = shared.stopping.cancelled() => return Err(Error::Lost),
        };
        let is_away = match &error {
            ClientError::Unreachable { .. } | ClientError::Lost { .. } => true,
            ClientError::Problem(problem) => problem.status >= 500,
            ClientError::Malformed { .. } => false,
        };
        shared.gathered().trouble = Some(text::clean(&error.to_string()).into_owned());
        if !is_away {
            return Err(error.into());
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_pause()) => {}
            () = shared.stopping.cancelled() => return Err(error.into()),
        }
    }
}

async fn write_plan(shared: &Shared, shelf: &Arc<Shelf>) -> Result<(), Error> {
    let Some(path) = shared.settings.plan.clone() else {
        return Ok(());
    };
    let (settings, shelf, named) = (shared.settings.clone(), Arc::clone(shelf), path.display().to_string());
    let writing = tokio::task::spawn_blocking(move || {
        let file = std::io::BufWriter::new(std::fs::File::create(path)?);
        plan::write(file, settings.shoppers, |shopper| {
            Plan::new(settings.seed, shopper, settings.mix, settings.quantity, &shelf)
        })
    });
    let written = writing.await.map_err(|_| Error::Lost)?;
    written.map_err(|error| Error::Plan {
        path: named,
        error: Arc::new(error),
    })
}

/// Returns when the time or the operations are used up, or the run was stopped.
async fn shop_until_stopped(shared: &Arc<Shared>, shelf: &Arc<Shelf>, shoppers: &mut JoinSet<()>) {
    let mut control = shared.control.subscribe();
    let mut second = tokio::time::interval(SECOND);
    second.tick().await;
    let time_is_up = async {
        match shared.settings.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let mut time_is_up = std::pin::pin!(time_is_up);
    let mut started = 0;
    loop {
        // A shopper that is not wanted any more waits; it goes on with its own plan when it is wanted again.
        let wanted = control.borrow_and_update().shoppers;
        while started < wanted && !shared.used_up.is_cancelled() {
            shoppers.spawn(shopper::run(Arc::clone(shared), Arc::clone(shelf), started));
            started += 1;
        }
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            () = time_is_up.as_mut() => return,
            _ = second.tick() => shared.gathered().tally.turn(),
            changed = control.changed() => if changed.is_err() { return },
            ended = shoppers.join_next() => {
                if ended.is_none() {
                    return;
                }
                // One that ends by itself found the operations used up; those that wait have nothing left to do.
                shared.used_up.cancel();
            }
        }
    }
}

fn report(shared: &Shared, shelf: &Shelf, audited: Audited) -> Report {
    let settings = &shared.settings;
    let gathered = shared.gathered();
    let elapsed = elapsed(&gathered);
    let requests = gathered.tally.requests();
    let operation = |verb| {
        let counted = gathered.tally.verb(verb);
        Operation {
            requests: counted.requests,
            ok: counted.ok,
            failed: counted.requests.saturating_sub(counted.ok),
            latency_us: Latency::of(&counted.latency),
        }
    };
    let stock = gathered.stocks.0.iter().map(|(item, book)| StockLine {
        item: *item,
        start: book.start.get(),
        sold: book.sold,
        restocked: audited.restocked.get(item).copied().unwrap_or(0),
        end: audited.end.get(item).copied().unwrap_or(book.left).get(),
        title: book.title.to_string(),
    });
    Report {
        schema: report::SCHEMA,
        seed: settings.seed,
        plan: plan::fingerprint(settings.seed, settings.mix, settings.quantity, shelf),
        mix: settings.mix.name,
        shoppers: shared.control.borrow().shoppers,
        elapsed_s: (elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0,
        requests,
        rate: report::rate(requests, elapsed),
        operations: Operations {
            search: operation(Verb::Search),
            lookup: operation(Verb::Lookup),
            buy: operation(Verb::Buy),
        },
        outcomes: gathered.tally.outcomes,
        stock: stock.collect(),
        audit: audited.audit,
    }
}
