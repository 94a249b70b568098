//! Runs a workload: reads the sample of books, writes the plan, starts the shoppers, keeps the time, and ends with
//! audit and report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::client::Error as ClientError;
use common::text;
use tokio::task::JoinSet;

use super::audit::{Audited, Auditor, follow_feed};
use super::outcome::Verb;
use super::plan::Plans;
use super::report::{self, Latency, Operation, Operations, Report, StockLine};
use super::run_state::{Progress, Shared, elapsed};
use super::sample::BookSample;
use super::series::{Overview, Series};
use super::stock::Stocks;
use super::tally::Tally;
use super::workload::Workload;
use super::{Error, number, shopkeeper, shopper};
use common::backoff::Backoff;

/// The interval of the time series.
const SECOND: Duration = Duration::from_secs(1);

/// Executes a run and returns its report.
pub(super) async fn run(shared: &Arc<Shared>) -> Result<Report, Error> {
    let sample = Arc::new(read_sample(shared).await?);
    if sample.books.is_empty() {
        return Err(Error::NoBooks);
    }
    shared.shop.observe_seq(sample.head);
    let plans = Arc::new(Plans::new(&shared.settings, Arc::clone(&sample)));
    write_plan(shared, &plans).await?;
    let series = Series::create(&shared.settings).await?;
    {
        let mut stats = shared.stats();
        stats.stocks = Stocks::of(&sample);
        stats.began = Some(Instant::now());
        stats.last_error = None;
    }
    shared.phase.send_replace(Progress::Running);
    let mut auditor = Auditor::new(Arc::clone(shared), &sample);
    let mut helpers = JoinSet::new();
    helpers.spawn(follow_feed(Arc::clone(shared)));
    if let Some(copies) = shared.settings.restock {
        helpers.spawn(shopkeeper::keep(Arc::clone(shared), copies));
    }
    let shopping = async {
        let mut shoppers = JoinSet::new();
        let overview = shop_until_stopped(shared, &plans, &mut shoppers, series).await;
        shared.stopping.cancel();
        while shoppers.join_next().await.is_some() {}
        while helpers.join_next().await.is_some() {}
        overview
    };
    let (overview, ()) = tokio::join!(shopping, auditor.watch());
    {
        let mut stats = shared.stats();
        stats.elapsed = stats.elapsed.or_else(|| stats.began.map(|began| began.elapsed()));
    }
    shared.phase.send_replace(Progress::Closing);
    let closed = tokio::select! {
        audited = auditor.close(&sample) => Some(audited),
        () = shared.abort.cancelled() => None,
    };
    let audited = closed.unwrap_or_else(|| auditor.partial(Some("it was cut short".to_owned())));
    Ok(report(shared, &plans, audited, overview))
}

/// Reads the sample with backoff, as the store may still be starting.
async fn read_sample(shared: &Shared) -> Result<BookSample, Error> {
    let mut backoff = Backoff::RECONNECT;
    loop {
        let error = tokio::select! {
            sample = BookSample::read(&shared.shop) => match sample {
                Ok(sample) => return Ok(sample),
                Err(error) => error,
            },
            () = shared.stopping.cancelled() => return Err(Error::Lost),
        };
        let is_away = match &error {
            ClientError::Unreachable { .. } | ClientError::Lost { .. } => true,
            ClientError::Problem(problem) => problem.status >= 500,
            ClientError::Malformed { .. } => false,
        };
        shared.stats().last_error = Some(text::sanitize(&error.to_string()).into_owned());
        if !is_away {
            return Err(error.into());
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_delay()) => {}
            () = shared.stopping.cancelled() => return Err(error.into()),
        }
    }
}

async fn write_plan(shared: &Shared, plans: &Arc<Plans>) -> Result<(), Error> {
    let Some(path) = shared.settings.plan.clone() else {
        return Ok(());
    };
    let (shoppers, plans, named) = (shared.settings.shoppers, Arc::clone(plans), path.display().to_string());
    let writing = tokio::task::spawn_blocking(move || {
        plans.write(std::io::BufWriter::new(std::fs::File::create(path)?), shoppers)
    });
    let written = writing.await.map_err(|_| Error::Lost)?;
    written.map_err(|error| Error::File {
        path: named,
        error: Arc::new(error),
    })
}

/// Runs the shoppers until the duration or the operations are used up or the run is stopped; returns the time series.
async fn shop_until_stopped(
    shared: &Arc<Shared>,
    plans: &Arc<Plans>,
    shoppers: &mut JoinSet<()>,
    mut series: Series,
) -> Overview {
    let settings = &shared.settings;
    let mut control = shared.control.subscribe();
    let mut second = tokio::time::interval(SECOND);
    second.tick().await;
    let mut warm_up = std::pin::pin!(tokio::time::sleep(settings.warm_up));
    let mut is_warm = settings.warm_up.is_zero();
    let time_is_up = async {
        match settings.duration {
            Some(duration) => tokio::time::sleep(settings.warm_up.saturating_add(duration)).await,
            None => std::future::pending().await,
        }
    };
    let mut time_is_up = std::pin::pin!(time_is_up);
    let mut started = 0;
    loop {
        // A surplus shopper waits, and continues its plan when the number rises again.
        let wanted = control.borrow_and_update().shoppers;
        while started < wanted && !shared.budget_exhausted.is_cancelled() {
            shoppers.spawn(shopper::run(Arc::clone(shared), Arc::clone(plans), started));
            started += 1;
        }
        tokio::select! {
            () = shared.stopping.cancelled() => break,
            () = time_is_up.as_mut() => break,
            () = warm_up.as_mut(), if !is_warm => {
                is_warm = true;
                second.reset();
                let mut stats = shared.stats();
                stats.tally = Tally::new();
                stats.began = Some(Instant::now());
            }
            _ = second.tick() => {
                let second = shared.stats().tally.turn();
                if is_warm {
                    series.push(second);
                }
            }
            changed = control.changed() => if changed.is_err() { break },
            ended = shoppers.join_next() => {
                if ended.is_none() {
                    break;
                }
                // A shopper ends only when all operations are claimed, so waiting shoppers can end too.
                shared.budget_exhausted.cancel();
            }
        }
    }
    // The time from here on is the idempotency check's.
    let mut stats = shared.stats();
    stats.elapsed = stats.began.map(|began| began.elapsed());
    drop(stats);
    series.close()
}

fn report(shared: &Shared, plans: &Plans, audited: Audited, overview: Overview) -> Report {
    let settings = &shared.settings;
    let stats = shared.stats();
    let elapsed = elapsed(&stats);
    let requests = stats.tally.requests();
    let operation = |verb| {
        let counted = stats.tally.verb(verb);
        Operation {
            requests: counted.requests,
            ok: counted.ok,
            failed: counted.requests.saturating_sub(counted.ok),
            latency_us: Latency::of(&counted.latency),
        }
    };
    let stock = stats.stocks.0.iter().map(|(item, book)| StockLine {
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
        plan: plans.fingerprint(),
        mix: settings.mix.name,
        shoppers: shared.control.borrow().shoppers,
        elapsed_s: (elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0,
        requests,
        rate: number::rate(requests, elapsed),
        operations: Operations {
            search: operation(Verb::Search),
            lookup: operation(Verb::Lookup),
            buy: operation(Verb::Buy),
        },
        outcomes: stats.tally.outcomes,
        stock: stock.collect(),
        workload: Workload::of(settings, |verb| stats.tally.verb(verb).requests),
        faults: None,
        audit: audited.audit,
        overview,
    }
}
