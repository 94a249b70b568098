//! The services that a service needs: asked at their `/livez` for `/readyz`, and in between, so that a wrong address or a
//! skewed clock is logged before a purchase fails.
//!
//! Never asks for their `/readyz`, so services that point at each other do not ask each other without end.

mod clock;
mod fault;
#[cfg(test)]
mod tests;

use std::iter::zip;
use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Instant;

use common::client::{Catalog, Orders, Probe, ServiceClient};
use common::wire::{Liveness, Neighbour, ServiceKind, StoreHealth};
use common::{Incident, Position, StoreId, limits};
use futures::future::join_all;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use self::clock::ClockDifference;
use self::fault::Fault;
use crate::http::{Exposition, MissingNeed, Needs};

/// The services that a service needs.
#[derive(Debug)]
pub(crate) struct Neighbours {
    groups: Vec<Group>,
    /// Held while the neighbours are asked: requests that arrive meanwhile share the next report.
    history: Mutex<History>,
    /// The last answers, for the metrics.
    observations: SyncMutex<Vec<Observation>>,
}

/// What the last answer of one copy of a service showed.
#[derive(Debug)]
struct Observation {
    kind: ServiceKind,
    /// Its position in the list of addresses, from 0.
    copy: usize,
    is_usable: bool,
    /// `None` if it did not answer.
    clock: Option<ClockDifference>,
}

/// The copies of one service, of which one is needed.
#[derive(Debug)]
struct Group {
    kind: ServiceKind,
    service: Arc<dyn ServiceClient>,
}

/// What is known from the questions before.
#[derive(Debug, Default)]
struct History {
    /// In the order of the groups and their copies.
    copies: Vec<CopyHistory>,
    last: Option<(Instant, Arc<Report>)>,
}

#[derive(Debug, Default)]
struct CopyHistory {
    /// In how many answers in a row the clock was too far away.
    skewed_answers: u32,
    /// The fault that was found last.
    last: Option<Discriminant<Fault>>,
    /// Logs its faults; made for the first one.
    incident: Option<Incident>,
    clock: Option<ClockDifference>,
}

/// The result of asking all neighbours.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The usable neighbours, and what is missing.
    pub(crate) needs: Needs,
    /// The store of the catalog that is used, and the last entry that it knew.
    pub(crate) ledger: Option<(StoreId, Option<Position>)>,
    /// Whether to ask again soon.
    is_suspicious: bool,
}

impl Neighbours {
    /// A catalog, and an order service if there is one.
    pub(crate) fn new(catalog: Arc<dyn Catalog>, order: Option<Arc<dyn Orders>>) -> Self {
        let catalog = Group {
            kind: ServiceKind::Catalog,
            service: catalog,
        };
        let order = order.map(|order| Group {
            kind: ServiceKind::Order,
            service: order,
        });
        Self {
            groups: std::iter::once(catalog).chain(order).collect(),
            history: Mutex::default(),
            observations: SyncMutex::default(),
        }
    }

    /// Asks all neighbours, at the same time and within [`limits::PROBE_TIMEOUT`]. Logs what has changed.
    pub(crate) async fn check(&self) -> Arc<Report> {
        let called_at = Instant::now();
        let mut history = self.history.lock().await;
        if let Some((asked_at, report)) = &history.last
            && *asked_at >= called_at
        {
            return Arc::clone(report);
        }
        let asked_at = Instant::now();
        let answers = join_all(self.groups.iter().map(|group| group.service.probe())).await;
        let answers = zip(&self.groups, answers).map(|(group, probes)| (group.kind, probes));
        let (report, observations) = history.judge(answers.collect());
        *self.observations.lock().unwrap_or_else(PoisonError::into_inner) = observations;
        let report = Arc::new(report);
        history.last = Some((asked_at, Arc::clone(&report)));
        report
    }

    /// Writes what the last answers showed.
    pub(crate) fn write_metrics(&self, out: &mut Exposition) {
        let observations = self.observations.lock().unwrap_or_else(PoisonError::into_inner);
        let labelled = observations.iter().map(|seen| (seen, seen.copy.to_string()));
        let labelled: Vec<_> = labelled.collect();
        let help =
            "Whether a neighbour could be used when it was asked last; `copy` is its place in the list of addresses";
        let mut usable = out.gauge("bookstore_neighbour_up", help);
        for (seen, copy) in &labelled {
            usable.sample(
                &[("neighbour", seen.kind.as_str()), ("copy", copy)],
                u8::from(seen.is_usable),
            );
        }
        let help = "A neighbour's clock less this service's, measured when it was asked last";
        let mut skew = out.gauge("bookstore_neighbour_clock_skew_seconds", help);
        for (seen, copy) in &labelled {
            if let Some(clock) = seen.clock {
                skew.sample(&[("neighbour", seen.kind.as_str()), ("copy", copy)], clock.seconds());
            }
        }
    }

    /// Asks from time to time until the service stops, and hands each report to `observe`.
    pub(crate) fn watch(self: Arc<Self>, stopping: CancellationToken, observe: impl Fn(&Report) + Send + 'static) {
        tokio::spawn(stopping.run_until_cancelled_owned(async move {
            loop {
                let report = self.check().await;
                observe(&report);
                tokio::time::sleep(match report.is_suspicious {
                    true => limits::PROBE_RETRY_INTERVAL,
                    false => limits::PROBE_INTERVAL,
                })
                .await;
            }
        }));
    }
}

/// One copy of a service after it was asked.
struct Copy {
    kind: ServiceKind,
    url: String,
    /// Whether it runs in this process.
    is_local: bool,
    found: Result<Liveness, Fault>,
}

impl History {
    fn judge(&mut self, answers: Vec<(ServiceKind, Vec<Probe>)>) -> (Report, Vec<Observation>) {
        let copies = answers.iter().map(|(_, probes)| probes.len()).sum();
        self.copies.resize_with(copies, CopyHistory::default);
        let mut histories = self.copies.iter_mut();
        let mut groups: Vec<Vec<Copy>> = Vec::with_capacity(answers.len());
        for (kind, probes) in answers {
            let histories = histories.by_ref();
            groups.push(
                zip(probes, histories)
                    .map(|(probe, history)| history.judge(kind, probe))
                    .collect(),
            );
        }
        let ledger = refuse_other_stores(&mut groups);
        for (copy, history) in zip(groups.iter().flatten(), &mut self.copies) {
            history.log(copy);
        }
        let is_suspicious = self.copies.iter().any(|history| history.skewed_answers > 0)
            || groups.iter().flatten().any(|copy| copy.found.is_err());
        let mut clocks = self.copies.iter().map(|history| history.clock);
        let copies = groups.iter().flat_map(|group| group.iter().enumerate());
        let observations = copies.map(|(copy, found)| Observation {
            kind: found.kind,
            copy,
            is_usable: found.found.is_ok(),
            clock: clocks.next().flatten(),
        });
        let observations = observations.collect();
        let mut needs = Needs::default();
        for group in groups {
            add(&mut needs, group);
        }
        let report = Report {
            needs,
            ledger,
            is_suspicious,
        };
        (report, observations)
    }
}

impl CopyHistory {
    fn judge(&mut self, kind: ServiceKind, probe: Probe) -> Copy {
        let Probe {
            url,
            is_local,
            asked_at,
            round_trip,
            answer,
        } = probe;
        self.clock = None;
        let found = answer.map_err(Fault::NoAnswer).and_then(|liveness| {
            let difference = ClockDifference::measure(liveness.at, asked_at, round_trip);
            self.clock = Some(difference);
            self.skewed_answers = match difference.is_too_large() {
                true => self.skewed_answers.saturating_add(1),
                false => 0,
            };
            let is_skewed = self.skewed_answers >= limits::CLOCK_MEASUREMENTS;
            match liveness.state {
                _ if liveness.service != kind => Err(Fault::OtherKind(liveness.service)),
                _ if liveness.authorized == Some(false) => Err(Fault::Unauthorized),
                Some(health) if health != StoreHealth::Ok => Err(Fault::Store(health)),
                _ if liveness.store.is_none() => Err(Fault::NoStore),
                _ if is_skewed => Err(Fault::Clock(difference)),
                _ => Ok(liveness),
            }
        });
        Copy {
            kind,
            url,
            is_local,
            found,
        }
    }

    /// Logs a fault that is found twice in a row, because services that start at the same time are not usable at once, and
    /// its end. A service of the same process logs its faults itself, once for all that use it.
    fn log(&mut self, copy: &Copy) {
        let Copy {
            kind,
            url,
            is_local: false,
            found,
        } = copy
        else {
            return;
        };
        match found {
            Ok(_) => {
                self.last = None;
                self.incident.iter().for_each(Incident::recovered);
            }
            Err(fault) if fault.is_logged_by_client() => {}
            Err(fault) => {
                let found = Some(discriminant(fault));
                if std::mem::replace(&mut self.last, found) == found {
                    let incident = || Incident::new(format!("the {kind} service at {url} cannot be used"));
                    self.incident.get_or_insert_with(incident).failed(fault);
                }
            }
        }
    }
}

/// Makes faults of the copies with another store than the first usable catalog; returns its store and head.
fn refuse_other_stores(groups: &mut [Vec<Copy>]) -> Option<(StoreId, Option<Position>)> {
    let mut usable = groups.iter().flatten().filter_map(|copy| copy.found.as_ref().ok());
    let catalog = usable.find(|found| found.service == ServiceKind::Catalog)?;
    let epoch = catalog.epoch;
    let (store, head) = (catalog.store?, catalog.head.map(|seq| Position { epoch, seq }));
    for copy in groups.iter_mut().flatten() {
        if copy.found.as_ref().is_ok_and(|found| found.store != Some(store)) {
            copy.found = Err(Fault::OtherStore);
        }
    }
    Some((store, head))
}

/// One usable copy of a group suffices: then the others are not missing.
fn add(needs: &mut Needs, group: Vec<Copy>) {
    let is_met = group.iter().any(|copy| copy.found.is_ok());
    for Copy { kind, url, found, .. } in group {
        match found {
            Ok(found) => needs.neighbours.push(Neighbour {
                url: Some(url),
                service: found.service,
                version: found.version,
                head: found.head,
                activity: found.activity,
            }),
            Err(fault) => {
                let need = MissingNeed::neighbour(kind, url, fault.to_string());
                let list = if is_met {
                    &mut needs.degraded
                } else {
                    &mut needs.missing
                };
                list.push(need);
            }
        }
    }
}
