use std::time::Duration;

use common::client::{Error, RemoteCatalog};
use common::wire::{Activity, LiveStatus};
use common::{Code, Epoch, Problem, Seq, Timestamp};

use super::*;

/// The liveness of a service of that kind over that store, with a correct clock.
fn up(service: ServiceKind, store: StoreId) -> Liveness {
    Liveness {
        status: LiveStatus::Ok,
        service,
        version: "0.2.0".to_owned(),
        at: Timestamp::from_micros(1_000_000),
        store: Some(store),
        head: Some(Seq(7)),
        epoch: Epoch(1),
        state: (service == ServiceKind::Catalog).then_some(StoreHealth::Ok),
        authorized: None,
        activity: Activity::default(),
    }
}

fn catalog(store: StoreId) -> Liveness {
    up(ServiceKind::Catalog, store)
}

fn order(store: StoreId) -> Liveness {
    up(ServiceKind::Order, store)
}

fn refused() -> Error {
    Error::Unreachable {
        url: "http://catalog:8081/livez".to_owned(),
        why: "connection refused".to_owned(),
    }
}

/// The report on probes with these results of catalogs and order services, each without a delay.
fn judge(
    history: &mut ProbeHistory,
    catalogs: Vec<Result<Liveness, Error>>,
    orders: Vec<Result<Liveness, Error>>,
) -> Report {
    let probes = |name: &str, answers: Vec<Result<Liveness, Error>>| {
        let answers = answers.into_iter().enumerate();
        let probe = |(index, answer)| Probe {
            url: format!("http://{name}-{index}"),
            is_local: false,
            sent_at: Timestamp::from_micros(1_000_000),
            round_trip: Duration::ZERO,
            answer,
        };
        answers.map(probe).collect()
    };
    let answers = vec![
        (ServiceKind::Catalog, probes("catalog", catalogs)),
        (ServiceKind::Order, probes("order", orders)),
    ];
    history.judge(answers).0
}

/// The report on the first probe of one catalog and one order service.
fn judge_once(catalog: Result<Liveness, Error>, order: Result<Liveness, Error>) -> Report {
    judge(&mut ProbeHistory::default(), vec![catalog], vec![order])
}

fn texts(dependencies: &[MissingDependency]) -> Vec<String> {
    dependencies.iter().map(|missing| format!("{missing:?}")).collect()
}

#[track_caller]
fn assert_missing(report: &Report, expected: &[&str]) {
    let missing = texts(&report.status.missing);
    assert_eq!(missing.len(), 1, "{missing:?}");
    for expected in expected {
        assert!(missing[0].contains(expected), "{expected:?} is not in {missing:?}");
    }
}

#[test]
fn a_service_is_ready_with_a_catalog_and_an_order_service_over_one_store() {
    let store = StoreId::generate();
    let report = judge_once(Ok(catalog(store)), Ok(order(store)));
    assert!(report.status.missing.is_empty() && report.status.degraded.is_empty());
    let usable = report.status.usable.iter();
    let usable: Vec<_> = usable
        .map(|usable| (usable.url.as_deref().unwrap(), usable.service))
        .collect();
    assert_eq!(
        usable,
        [
            ("http://catalog-0", ServiceKind::Catalog),
            ("http://order-0", ServiceKind::Order)
        ]
    );
    assert_eq!(report.ledger, Some((store, "7.1".parse().ok())));
    assert!(!report.is_suspicious);
}

#[test]
fn each_fault_of_a_dependency_is_missing() {
    let store = StoreId::generate();
    let good = || Ok(order(store));
    assert_missing(
        &judge_once(Err(refused()), good()),
        &["catalog", "http://catalog-0", "connection refused"],
    );
    let html = Error::Malformed {
        url: "http://catalog-0/livez".to_owned(),
        why: "the body is not JSON".to_owned(),
    };
    assert_missing(&judge_once(Err(html), good()), &["does not answer like", "not JSON"]);
    let misdirected = Problem::new(
        Code::Misdirected,
        "This service does not serve the host secret.example.",
    );
    let report = judge_once(Err(Error::Problem(Box::new(misdirected))), good());
    assert_missing(&report, &["does not serve that host"]);
    assert!(!texts(&report.status.missing)[0].contains("secret.example"));
    for (service, text) in [
        (ServiceKind::Order, "an order service"),
        (ServiceKind::Frontend, "a front-end"),
    ] {
        assert_missing(&judge_once(Ok(up(service, store)), good()), &[text]);
    }
    for (state, text) in [
        (StoreHealth::Full, "out of disk space"),
        (StoreHealth::ReadOnly, "accepts no writes"),
        (StoreHealth::Unreachable, "does not answer"),
        (StoreHealth::LostEntries, "lost entries"),
    ] {
        let bad = Liveness {
            state: Some(state),
            ..catalog(store)
        };
        assert_missing(&judge_once(Ok(bad), good()), &[text]);
    }
    let unauthorized = Liveness {
        authorized: Some(false),
        ..catalog(store)
    };
    assert_missing(&judge_once(Ok(unauthorized), good()), &["--service-token-file"]);
}

#[test]
fn an_order_service_over_another_store_or_none_is_missing() {
    let store = StoreId::generate();
    let other = judge_once(Ok(catalog(store)), Ok(order(StoreId::generate())));
    assert_missing(&other, &["order", "another store than the catalog"]);
    let unknown = Liveness {
        store: None,
        ..order(store)
    };
    assert_missing(&judge_once(Ok(catalog(store)), Ok(unknown)), &["order", "store"]);
}

#[test]
fn one_usable_service_of_a_list_suffices_and_the_others_are_degraded() {
    let store = StoreId::generate();
    let catalogs = vec![Err(refused()), Ok(catalog(store)), Ok(catalog(StoreId::generate()))];
    let report = judge(&mut ProbeHistory::default(), catalogs, vec![Ok(order(store))]);
    assert!(report.status.missing.is_empty(), "{:?}", report.status);
    let degraded = texts(&report.status.degraded);
    assert!(degraded[0].contains("connection refused"), "{degraded:?}");
    assert!(degraded[1].contains("another store than the catalog"), "{degraded:?}");
    assert!(report.is_suspicious);
    let none = judge(
        &mut ProbeHistory::default(),
        vec![Err(refused()), Err(refused())],
        vec![Ok(order(store))],
    );
    assert_eq!((none.status.missing.len(), none.status.degraded.len()), (2, 0));
    assert_eq!(none.ledger, None);
}

#[test]
fn a_service_whose_clock_is_an_hour_off_is_missing_after_three_probes_in_a_row() {
    let store = StoreId::generate();
    let skewed = || Liveness {
        at: Timestamp::from_micros(3_601_000_000),
        ..catalog(store)
    };
    let mut history = ProbeHistory::default();
    let mut probe = |catalog| judge(&mut history, vec![Ok(catalog)], vec![Ok(order(store))]);
    for _ in 0..2 {
        let report = probe(skewed());
        assert!(report.status.missing.is_empty() && report.is_suspicious);
    }
    assert!(
        probe(catalog(store)).status.missing.is_empty(),
        "three wrong clocks count that are not in a row"
    );
    for _ in 0..2 {
        assert!(probe(skewed()).status.missing.is_empty());
    }
    assert_missing(&probe(skewed()), &["catalog", "its clock is 3600.0 s ahead"]);
    assert!(
        probe(catalog(store)).status.missing.is_empty(),
        "a corrected clock is still reported"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_that_arrive_during_the_probes_share_a_report() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = crate::fixture::endpoint(&format!("http://{}", listener.local_addr().unwrap()));
    let dependencies = Dependencies::new(Arc::new(RemoteCatalog::new(silent)), None);
    let reports = join_all((0..50).map(|_| dependencies.check())).await;
    // The first caller has one report; all callers during its probes share another.
    let mut distinct: Vec<_> = reports.iter().map(Arc::as_ptr).collect();
    distinct.dedup();
    assert_eq!(distinct.len(), 2);
    assert_missing(&reports[0], &["no answer in time"]);
}
