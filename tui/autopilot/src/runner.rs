//! Executes a run: reads the sample of books, writes the plan, runs the shoppers, audits, and reports.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::client::Error as ClientError;
use common::text;
use tokio::task::JoinSet;

use super::audit::{Audited, Auditor, follow_events};
use super::plan::Plans;
use super::report::{self, Report, StockLine};
use super::run_state::{Progress, RunState, elapsed};
use super::sample::BookSample;
use super::series::{Overview, Series, write_file};
use super::stock::Stocks;
use super::tally::{Second, Tally};
use super::workload::Workload;
use super::{Error, number, shopkeeper, shopper};
use common::backoff::Backoff;

/// The interval of the time series.
const SECOND: Duration = Duration::from_secs(1);

/// Executes a run and returns its report.
pub(super) async fn run(shared: &Arc<RunState>) -> Result<Report, Error> {
    let sample = Arc::new(read_sample(shared).await?);
    if sample.books.is_empty() {
        return Err(Error::NoBooks);
    }
    shared.shop.observe_position(sample.head);
    let plans = Arc::new(Plans::new(&shared.settings, Arc::clone(&sample)));
    if let Some(path) = shared.settings.plan.clone() {
        let (shoppers, plans) = (shared.settings.shoppers, Arc::clone(&plans));
        write_file(path, move |path| {
            plans.write(BufWriter::new(File::create(path)?), shoppers)
        })
        .await?;
    }
    let series = Series::create(&shared.settings).await?;
    {
        let mut stats = shared.stats();
        stats.stocks = Stocks::new(&sample);
        stats.began = Some(Instant::now());
        stats.last_error = None;
    }
    if let Some(schedule) = &shared.schedule {
        schedule.measure();
    }
    shared.phase.send_replace(Progress::Running);
    let mut auditor = Auditor::new(Arc::clone(shared), &sample);
    let mut background = JoinSet::new();
    background.spawn(follow_events(Arc::clone(shared)));
    if let Some(copies) = shared.settings.restock {
        background.spawn(shopkeeper::run(Arc::clone(shared), copies));
    }
    let shopping = async {
        let mut shoppers = JoinSet::new();
        let overview = shop_until_stopped(shared, &plans, &mut shoppers, series).await;
        shared.stopping.cancel();
        while shoppers.join_next().await.is_some() {}
        while background.join_next().await.is_some() {}
        overview
    };
    let (overview, ()) = tokio::join!(shopping, auditor.watch());
    shared.phase.send_replace(Progress::Closing);
    let closed = tokio::select! {
        audited = auditor.close(&sample) => Some(audited),
        () = shared.abort.cancelled() => None,
    };
    let audited = closed.unwrap_or_else(|| auditor.partial(Some("the audit was interrupted".to_owned())));
    Ok(report(shared, &plans, audited, overview))
}

/// Reads the sample; retries with backoff, because the store may still be starting.
async fn read_sample(shared: &RunState) -> Result<BookSample, Error> {
    let mut backoff = Backoff::RECONNECT;
    loop {
        let error = tokio::select! {
            sample = BookSample::read(&shared.shop) => match sample {
                Ok(sample) => return Ok(sample),
                Err(error) => error,
            },
            () = shared.stopping.cancelled() => return Err(Error::Lost),
        };
        let may_recover = match &error {
            ClientError::Unreachable { .. } | ClientError::Lost { .. } => true,
            ClientError::Problem(problem) => problem.status >= 500,
            ClientError::Malformed { .. } => false,
        };
        shared.stats().last_error = Some(text::sanitize(&error.to_string()).into_owned());
        if !may_recover {
            return Err(error.into());
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_delay()) => {}
            () = shared.stopping.cancelled() => return Err(error.into()),
        }
    }
}

/// Runs the shoppers until the duration ends, all operations are performed or the run is stopped; returns the time series.
async fn shop_until_stopped(
    shared: &Arc<RunState>,
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
    let run_time = settings.duration.unwrap_or(Duration::MAX);
    let mut time_is_up = std::pin::pin!(tokio::time::sleep(settings.warm_up.saturating_add(run_time)));
    let (mut started, mut last_tick) = (0, Instant::now());
    loop {
        // A surplus shopper waits, and continues its plan when the number of shoppers rises again.
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
                last_tick = Instant::now();
                let mut stats = shared.stats();
                stats.tally = Tally::default();
                stats.began = Some(Instant::now());
                drop(stats);
                if let Some(schedule) = &shared.schedule {
                    schedule.measure();
                }
            }
            _ = second.tick() => {
                last_tick = Instant::now();
                let second = end_second(shared);
                if is_warm {
                    series.push(second);
                }
            }
            changed = control.changed() => if changed.is_err() { break },
            ended = shoppers.join_next() => {
                if ended.is_none() {
                    break;
                }
                // A shopper ends only when all operations are claimed, so waiting shoppers must end too.
                shared.budget_exhausted.cancel();
            }
        }
    }
    shared.end();
    // A run of whole seconds ends just before the tick of its last second.
    if is_warm && last_tick.elapsed() >= SECOND.mul_f64(0.9) {
        series.push(end_second(shared));
    }
    // Excludes the idempotency check, which follows.
    let mut stats = shared.stats();
    stats.elapsed = stats.began.map(|began| began.elapsed());
    drop(stats);
    series.close()
}

fn end_second(shared: &RunState) -> Second {
    let schedule = shared.schedule_stats();
    shared.stats().tally.end_second(schedule)
}

fn report(shared: &RunState, plans: &Plans, audited: Audited, overview: Overview) -> Report {
    let settings = &shared.settings;
    let stats = shared.stats();
    let elapsed = elapsed(&stats);
    let requests = stats.tally.requests();
    let operations = stats.tally.operations();
    let stock = stats.stocks.0.values().map(|book| StockLine {
        item: book.item,
        start: book.start.get(),
        sold: book.sold,
        restocked: audited.restocked.get(&book.item).copied().unwrap_or(0),
        end: audited.end.get(&book.item).copied().unwrap_or(book.left).get(),
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
        operations,
        outcomes: stats.tally.outcomes,
        baskets: settings.basket.is_several().then(|| stats.tally.baskets.into()),
        schedule: shared.schedule_stats(),
        stock: stock.collect(),
        workload: Workload::of(settings, &operations),
        faults: None,
        audit: audited.audit,
        overview,
    }
}
