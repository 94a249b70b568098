//! Probes the `/livez` of a service's dependencies: on each `/readyz`, and periodically, so that a wrong address or a skewed
//! clock is logged before a purchase fails.
//!
//! It never requests their `/readyz`: two services that depend on each other would request it in an endless loop.

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
use crate::http::{DependencyStatus, Exposition, MissingDependency};

/// The dependencies of one service.
#[derive(Debug)]
pub(crate) struct Dependencies {
    groups: Vec<Group>,
    /// Locked during the probes: requests that arrive meanwhile share the next report.
    history: Mutex<ProbeHistory>,
    /// The results of the last probes, for the metrics.
    observations: SyncMutex<Vec<Observation>>,
}

/// The result of the last probe of one instance.
#[derive(Debug)]
struct Observation {
    kind: ServiceKind,
    /// Its position in the list of addresses, from 0.
    instance: usize,
    is_usable: bool,
    /// `None` without an answer.
    clock: Option<ClockDifference>,
}

/// The instances of one service: one usable instance suffices.
#[derive(Debug)]
struct Group {
    kind: ServiceKind,
    service: Arc<dyn ServiceClient>,
}

/// The state from the probes before.
#[derive(Debug, Default)]
struct ProbeHistory {
    /// In the order of the groups and their instances.
    instances: Vec<InstanceHistory>,
    last: Option<(Instant, Arc<Report>)>,
}

#[derive(Debug, Default)]
struct InstanceHistory {
    /// The number of consecutive answers in which the clock differed too much.
    skewed_answers: u32,
    /// The fault in the last probe.
    last: Option<Discriminant<Fault>>,
    /// Logs the instance's faults; created for the first one.
    incident: Option<Incident>,
    clock: Option<ClockDifference>,
}

/// The result of one probe of all dependencies.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) status: DependencyStatus,
    /// The store of the first usable catalog, and that catalog's head.
    pub(crate) ledger: Option<(StoreId, Option<Position>)>,
    /// Whether the next probe follows after [`limits::PROBE_RETRY_INTERVAL`].
    is_suspicious: bool,
}

impl Dependencies {
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

    /// Probes all dependencies concurrently, within [`limits::PROBE_TIMEOUT`]. Logs faults and recoveries.
    pub(crate) async fn check(&self) -> Arc<Report> {
        let called_at = Instant::now();
        let mut history = self.history.lock().await;
        if let Some((sent_at, report)) = &history.last
            && *sent_at >= called_at
        {
            return Arc::clone(report);
        }
        let sent_at = Instant::now();
        let answers = join_all(self.groups.iter().map(|group| group.service.probe())).await;
        let answers = zip(&self.groups, answers).map(|(group, probes)| (group.kind, probes));
        let (report, observations) = history.judge(answers.collect());
        *self.observations.lock().unwrap_or_else(PoisonError::into_inner) = observations;
        let report = Arc::new(report);
        history.last = Some((sent_at, Arc::clone(&report)));
        report
    }

    /// Writes the results of the last probes.
    pub(crate) fn write_metrics(&self, out: &mut Exposition) {
        let observations = self.observations.lock().unwrap_or_else(PoisonError::into_inner);
        let labelled = observations.iter().map(|seen| (seen, seen.instance.to_string()));
        let labelled: Vec<_> = labelled.collect();
        let help = "1 if a service that this one uses was usable at the last probe; `copy` is its position in the \
                    list of addresses";
        let mut usable = out.gauge("bookstore_neighbour_up", help);
        for (seen, instance) in &labelled {
            usable.sample(
                &[("neighbour", seen.kind.as_str()), ("copy", instance)],
                u8::from(seen.is_usable),
            );
        }
        let help = "The clock of a service that this one uses minus this service's, at the last probe";
        let mut skew = out.gauge("bookstore_neighbour_clock_skew_seconds", help);
        for (seen, instance) in &labelled {
            if let Some(clock) = seen.clock {
                skew.sample(
                    &[("neighbour", seen.kind.as_str()), ("copy", instance)],
                    clock.seconds(),
                );
            }
        }
    }

    /// Probes periodically until the service stops, and calls `observe` with each report.
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

/// One instance of a service, with the result of its probe.
struct Instance {
    kind: ServiceKind,
    url: String,
    /// Whether it runs in this process.
    is_local: bool,
    found: Result<Liveness, Fault>,
}

impl ProbeHistory {
    fn judge(&mut self, answers: Vec<(ServiceKind, Vec<Probe>)>) -> (Report, Vec<Observation>) {
        let instances = answers.iter().map(|(_, probes)| probes.len()).sum();
        self.instances.resize_with(instances, InstanceHistory::default);
        let mut histories = self.instances.iter_mut();
        let mut groups: Vec<Vec<Instance>> = Vec::with_capacity(answers.len());
        for (kind, probes) in answers {
            let histories = histories.by_ref();
            groups.push(
                zip(probes, histories)
                    .map(|(probe, history)| history.judge(kind, probe))
                    .collect(),
            );
        }
        let ledger = refuse_other_stores(&mut groups);
        for (instance, history) in zip(groups.iter().flatten(), &mut self.instances) {
            history.log(instance);
        }
        let is_suspicious = self.instances.iter().any(|history| history.skewed_answers > 0)
            || groups.iter().flatten().any(|instance| instance.found.is_err());
        let mut clocks = self.instances.iter().map(|history| history.clock);
        let instances = groups.iter().flat_map(|group| group.iter().enumerate());
        let observations = instances.map(|(instance, found)| Observation {
            kind: found.kind,
            instance,
            is_usable: found.found.is_ok(),
            clock: clocks.next().flatten(),
        });
        let observations = observations.collect();
        let mut status = DependencyStatus::default();
        for group in groups {
            add(&mut status, group);
        }
        let report = Report {
            status,
            ledger,
            is_suspicious,
        };
        (report, observations)
    }
}

impl InstanceHistory {
    fn judge(&mut self, kind: ServiceKind, probe: Probe) -> Instance {
        let Probe {
            url,
            is_local,
            sent_at,
            round_trip,
            answer,
        } = probe;
        self.clock = None;
        let found = answer.map_err(Fault::NoAnswer).and_then(|liveness| {
            let difference = ClockDifference::measure(liveness.at, sent_at, round_trip);
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
        Instance {
            kind,
            url,
            is_local,
            found,
        }
    }

    /// Logs a fault that two consecutive probes find, because services that start together are not usable at once; and its
    /// end. A service of the same process logs its own faults, once for all its users.
    fn log(&mut self, instance: &Instance) {
        let Instance {
            kind,
            url,
            is_local: false,
            found,
        } = instance
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

/// Marks the instances over another store than the first usable catalog's as faulty; returns that store and its head.
fn refuse_other_stores(groups: &mut [Vec<Instance>]) -> Option<(StoreId, Option<Position>)> {
    let mut usable = groups
        .iter()
        .flatten()
        .filter_map(|instance| instance.found.as_ref().ok());
    let catalog = usable.find(|found| found.service == ServiceKind::Catalog)?;
    let epoch = catalog.epoch;
    let (store, head) = (catalog.store?, catalog.head.map(|seq| Position { epoch, seq }));
    for instance in groups.iter_mut().flatten() {
        if instance.found.as_ref().is_ok_and(|found| found.store != Some(store)) {
            instance.found = Err(Fault::OtherStore);
        }
    }
    Some((store, head))
}

/// Adds the instances of a group. If one of them is usable, faults of the others only degrade the service.
fn add(status: &mut DependencyStatus, group: Vec<Instance>) {
    let is_met = group.iter().any(|instance| instance.found.is_ok());
    for Instance { kind, url, found, .. } in group {
        match found {
            Ok(found) => status.usable.push(Neighbour {
                url: Some(url),
                service: found.service,
                version: found.version,
                head: found.head,
                activity: found.activity,
            }),
            Err(fault) => {
                let missing = MissingDependency::service(kind, url, fault.to_string());
                let list = if is_met {
                    &mut status.degraded
                } else {
                    &mut status.missing
                };
                list.push(missing);
            }
        }
    }
}
