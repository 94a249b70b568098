//! An address with several hosts, and their replication.

use super::*;

/// The address of the store on both servers.
fn address_on(servers: [&Server; 2], url: &str) -> Address {
    let host = |server: &Server| server.socket().parent().unwrap().display().to_string();
    let hosts = servers.map(|server| host(server).replace('/', "%2F")).join(",");
    let (_, parameters) = url.split_once('&').unwrap();
    let url = format!("postgres://shop@{hosts}/postgres?target_session_attrs=read-write&{parameters}");
    url.parse().unwrap()
}

/// The result of an operation once a host accepts writes.
fn eventually<T>(operation: impl Fn() -> Result<T, Error>) -> T {
    loop {
        match operation() {
            Err(Error::Unavailable { .. } | Error::ReadOnly { .. }) => {}
            result => return result.unwrap(),
        }
    }
}

#[test]
fn of_several_hosts_the_one_that_accepts_writes_is_used_before_and_after_a_failover() {
    let Some(primary) = Server::start(&[]) else { return };
    let url = primary.url();
    let standby = primary.start_standby();
    let address = address_on([&standby, &primary], &url);
    let store = PostgresStore::open(&address).unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 2);
    shop.assert_matches(&store);
    let head = shop.head;
    let entries = shop.sell(3);
    std::thread::scope(|scope| {
        primary.kill_postmaster();
        let appending = scope.spawn(|| eventually(|| store.append(head, &entries)));
        standby.promote();
        appending.join().unwrap();
    });
    eventually(|| store.load());
    shop.assert_matches(&store);
    assert!(eventually(|| store.wait_for_append(shop.head, Duration::ZERO)) == shop.head);
    let opened = PostgresStore::open(&address).unwrap();
    shop.sell_through(&opened, 1);
}

#[test]
fn replicas_for_which_no_commit_waits_are_a_risk() {
    let Some(primary) = Server::start(&[]) else { return };
    let store = PostgresStore::open(&primary.url().parse().unwrap()).unwrap();
    let risk = || {
        store.wait_for_append(Seq::ZERO, Duration::ZERO).unwrap();
        store.risk()
    };
    assert_eq!(risk(), None, "it has no replica");
    let standby = primary.start_standby();
    assert_eq!(risk(), None);
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    primary.sql("SELECT pg_reload_conf()");
    while risk().is_none() {}
    assert!(
        PostgresStore::open(&primary.url().parse().unwrap())
            .unwrap()
            .risk()
            .is_some()
    );
    drop(standby);
    while risk().is_some() {}
}

/// The directory of the server to which new connections of the store lead.
fn used(store: &PostgresStore) -> String {
    let socket = store.address.options().get_socket().cloned();
    socket.unwrap().display().to_string()
}

#[test]
fn of_two_primaries_the_one_whose_commits_reach_a_standby_is_used() {
    let Some(primary) = Server::start(&[]) else { return };
    let url = primary.url();
    // Commits of the first host wait for no standby, like those of a host that Patroni did not promote.
    let (rogue, standby) = (primary.start_standby(), primary.start_standby());
    rogue.promote();
    let socket = |server: &Server| server.socket().parent().unwrap().display().to_string();
    let mut shop = ReferenceShop::empty();
    for hosts in [[&rogue, &primary], [&primary, &rogue]] {
        let store = PostgresStore::open(&address_on(hosts, &url)).unwrap();
        assert_eq!(used(&store), socket(&primary), "no standby follows the other one");
        if shop.head == Seq::ZERO {
            shop = ReferenceShop::filled(&store);
        }
        shop.sell_through(&store, 1);
        shop.assert_matches(&store);
    }
    // A failover whose former primary continues without its standby.
    let store = PostgresStore::open(&address_on([&primary, &standby], &url)).unwrap();
    standby.promote();
    let opened = PostgresStore::open(&address_on([&primary, &standby], &url)).unwrap();
    assert_eq!(used(&opened), socket(&standby));
    drop(store);
}

#[test]
fn with_standbys_alone_each_host_is_named() {
    let Some(primary) = Server::start(&[]) else { return };
    let url = primary.url();
    let standby = primary.start_standby();
    primary.quit();
    let error = PostgresStore::open(&address_on([&standby, &primary], &url)).unwrap_err();
    let Error::Unavailable { why, .. } = &error else {
        panic!("{error}")
    };
    assert!(why.contains("standby") && why.contains("No such file"), "{why}");
}
