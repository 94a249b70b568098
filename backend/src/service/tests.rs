use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use common::client::{CatalogUpdate, Follower, Freshness, Orders, PlacedOrder, RemoteCatalog, RemoteOrders};
use common::wire::{
    BatchProblem, BatchReceipt, BookAction, BookChanges, Hello, Order, OrderLine, OrderLines, OrderResult, Receipt,
    StockChange,
};
use common::{Code, Deadline, Entry, ItemNumber, OrderId, Position, Quantity};

use super::*;
use crate::fixture::{endpoint, item};
use crate::settings::AdminToken;

#[test]
fn a_clock_before_1970_is_refused_at_the_start() {
    check_clock(UNIX_EPOCH).unwrap();
    let refused = check_clock(UNIX_EPOCH - Duration::from_secs(1));
    assert!(matches!(refused, Err(Error::Clock)));
}

/// Clients of one catalog and one order service.
struct Clients {
    name: &'static str,
    catalog: Arc<dyn Catalog>,
    orders: Arc<dyn Orders>,
}

/// A catalog and an order service over a CSV store, with clients in the process and over HTTP.
struct Shop {
    services: Vec<RunningService>,
    clients: [Clients; 2],
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store::Url::Csv(folder.path().join("store"));
        let token = AdminToken::new("a token of the shopkeeper");
        let settings = AllInOneSettings::on_free_ports(store, token, Duration::ZERO);
        let (token, service) = (&settings.catalog.admin_token, &settings.callers.service_token);
        let shared = Shared::read(Some(token), service, &settings.server, ConnectionThreads::current()).unwrap();
        let args = CatalogArgs {
            catalog: settings.catalog,
            server: settings.server.clone(),
            callers: settings.callers.clone(),
        };
        let (catalog, service) = RunningService::open_catalog(&args, &shared).await.unwrap();
        let local: Arc<dyn Catalog> = catalog.local(service);
        let remote = RemoteCatalog::new(endpoint(&catalog.url()));
        let remote = Arc::new(remote.with_shopkeeper_token(shared.shopkeeper.source()));
        let open_order = |catalog| RunningService::open_order(&settings.server, &settings.callers, catalog, &shared);
        let (order, service) = open_order(Arc::clone(&local)).unwrap();
        let (remote_order, _) = open_order(Arc::clone(&remote) as Arc<dyn Catalog>).unwrap();
        let clients = [
            Clients {
                name: "local",
                catalog: local,
                orders: order.local(service),
            },
            Clients {
                name: "remote",
                catalog: remote,
                orders: Arc::new(RemoteOrders::new(endpoint(&remote_order.url()))),
            },
        ];
        Self {
            services: vec![catalog, order, remote_order],
            clients,
            _folder: folder,
        }
    }

    async fn stop(self) {
        for service in self.services.into_iter().rev() {
            service.stop().await;
        }
    }
}

/// An order of one copy of each of these books, with a key.
fn order(items: &[u64]) -> Order {
    let line = |&number: &u64| OrderLine {
        item: item(number),
        quantity: Quantity::ONE,
    };
    Order {
        id: Some(OrderId::generate()),
        lines: OrderLines::new(items.iter().map(line)).unwrap(),
        keyed: Some(true),
        deadline: Some(Deadline::after(Duration::from_secs(20))),
    }
}

fn update(number: u64, change: StockChange) -> CatalogUpdate {
    CatalogUpdate {
        id: OrderId::generate(),
        changes: BookChanges::one(item(number), BookAction::Stock(change)),
        keyed: true,
        if_match: None,
        if_none_match: None,
        deadline: Deadline::after(Duration::from_secs(20)),
    }
}

/// Adds, changes and withdraws books.
async fn change_books(clients: &Clients) {
    let Clients { name, catalog, .. } = clients;
    let change = |changes| CatalogUpdate {
        changes,
        ..update(1, StockChange::By(0))
    };
    let fields = r#""title":"New","topic":"t","author":"A","cost":"7.00""#;
    let several = format!(r#"{{"set":[{{"item":31,{fields},"stock":2}},{{"item":30,{fields}}}]}}"#);
    let added = change(serde_json::from_str(&several).unwrap());
    let answer = catalog.update_books(added.clone()).await.unwrap();
    let changed = answer.result.unwrap();
    let stocks: Vec<_> = changed.books.iter().map(|book| (book.item, book.stock.get())).collect();
    assert_eq!(stocks, [(item(30), 0), (item(31), 2)], "{name}");
    assert_eq!(
        (changed.seq, &*changed.withdrawn),
        (answer.position.seq, &[][..]),
        "{name}"
    );
    let again = catalog.update_books(added).await.unwrap();
    assert_eq!((again.result, again.replayed), (Ok(changed), true), "{name}");
    let one = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
    let set = change(BookChanges::one(item(31), BookAction::Set(one)));
    let set = catalog.update_books(set).await.unwrap().result.unwrap();
    assert_eq!((set.books[0].stock.get(), set.books[0].seq), (2, set.seq), "{name}");
    let withdraw = change(BookChanges::one(item(30), BookAction::Withdraw));
    let withdrawn = catalog.update_books(withdraw).await.unwrap().result.unwrap();
    assert_eq!(
        (&*withdrawn.books, &*withdrawn.withdrawn),
        (&[][..], &[item(30)][..]),
        "{name}"
    );
    let rest = change(serde_json::from_str(r#"{"withdraw":[30,31]}"#).unwrap());
    let refused = catalog.update_books(rest).await.unwrap().result.unwrap_err();
    assert_eq!(
        (refused.code, &*refused.items),
        (Code::UnknownItem, &[item(30)][..]),
        "{name}"
    );
    let stale = CatalogUpdate {
        if_match: "\"1\"".parse().ok(),
        if_none_match: None,
        ..change(BookChanges::one(item(31), BookAction::Withdraw))
    };
    let stale = catalog.update_books(stale).await.unwrap().result.unwrap_err();
    assert_eq!(
        (stale.code, stale.item),
        (Code::PreconditionFailed, Some(item(31))),
        "{name}"
    );
}

async fn place(clients: &Clients, order: Order) -> OrderResult {
    match clients.orders.place(order).await.unwrap().result {
        PlacedOrder::Json(json) => OrderResult::Receipt(BatchReceipt {
            receipt: serde_json::from_slice(&json).unwrap(),
            replayed: false,
        }),
        PlacedOrder::Result(result) => result,
    }
}

async fn stock(clients: &Clients, item: ItemNumber) -> u32 {
    let found = clients.catalog.book(item, Freshness::default()).await.unwrap();
    found.value.unwrap().stock.get()
}

fn code(result: &OrderResult) -> Option<Code> {
    match result {
        OrderResult::Receipt(_) => None,
        OrderResult::Problem(BatchProblem { problem, .. }) => Some(problem.code),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_a_change_and_their_reads_are_answered_alike_in_the_process_and_over_http() {
    let shop = Shop::open().await;
    for clients in &shop.clients {
        let Clients { name, catalog, orders } = clients;
        let before = stock(clients, item(1)).await;
        let first = order(&[1, 2]);
        let id = first.id.unwrap();
        let sold = place(clients, first.clone()).await;
        let OrderResult::Receipt(BatchReceipt {
            receipt,
            replayed: false,
        }) = &sold
        else {
            panic!("{name}: {sold:?}");
        };
        assert_eq!((receipt.order, receipt.lines.len()), (id, 2), "{name}");
        let again = place(clients, first.clone()).await;
        let replayed = BatchReceipt {
            receipt: receipt.clone(),
            replayed: true,
        };
        assert_eq!(again, OrderResult::Receipt(replayed), "{name}");
        let other = Order {
            lines: order(&[3]).lines,
            ..first
        };
        assert_eq!(code(&place(clients, other).await), Some(Code::KeyReused), "{name}");
        assert_eq!(
            code(&place(clients, order(&[77])).await),
            Some(Code::UnknownItem),
            "{name}"
        );
        let fresh = Freshness::from(Position::from(receipt.seq));
        let found: Option<Receipt> = orders.find_order(id, fresh).await.unwrap().value;
        assert_eq!(found.as_ref(), Some(receipt), "{name}");
        let absent = orders.find_order(OrderId::generate(), fresh).await.unwrap();
        assert_eq!(absent.value, None, "{name}");
        assert_eq!(stock(clients, item(1)).await, before - 1, "{name}");
        assert_eq!(catalog.book(item(77), fresh).await.unwrap().value, None, "{name}");
        let set = catalog.update_books(update(4, StockChange::To(9.try_into().unwrap())));
        let set = set.await.unwrap();
        let book = set.result.unwrap().books.pop().unwrap();
        assert_eq!(
            (book.stock.get(), book.seq, set.replayed),
            (9, set.position.seq, false),
            "{name}"
        );
        let taken = catalog.update_books(update(4, StockChange::By(-10))).await.unwrap();
        let problem = taken.result.unwrap_err();
        assert_eq!((problem.code, problem.order.is_some()), (Code::SoldOut, true), "{name}");
        change_books(clients).await;
        let page = catalog.ledger(receipt.seq, 1, fresh).await.unwrap();
        assert_eq!(
            page.entries.first().map(|entry| entry.seq),
            Some(receipt.seq.next()),
            "{name}"
        );
        let topic = catalog
            .search_topic("DISTRIBUTED systems".to_owned(), 1, None, fresh)
            .await
            .unwrap();
        let next = topic.value.next.clone();
        assert!(topic.value.books.len() == 1 && next.is_some(), "{name}: {topic:?}");
        let rest = catalog
            .search_topic("distributed systems".to_owned(), 9, next, fresh)
            .await
            .unwrap();
        assert!(
            !rest.value.books.is_empty() && rest.value.next.is_none(),
            "{name}: {rest:?}"
        );
        let words = catalog.search_words("rpc".to_owned(), 9, None, fresh).await.unwrap();
        assert_eq!(words.value.books.len(), 1, "{name}");
        let wrong = catalog
            .search_words("rpc".to_owned(), 9, Some("x".to_owned()), fresh)
            .await;
        assert_eq!(wrong.unwrap_err().code(), Some(Code::InvalidRequest), "{name}");
        assert!(!catalog.topics(fresh).await.unwrap().value.topics.is_empty(), "{name}");
        let probes = catalog.probe().await;
        assert!(probes.iter().all(|probe| probe.answer.is_ok()), "{name}: {probes:?}");
    }
    shop.stop().await;
}

/// Polls a future at most `times` times, each time when it is woken, then drops it. Returns its output if it completed.
async fn poll_times<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut polled = 0;
    std::future::poll_fn(|context| {
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == times => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Waits for the decision of an order, and returns the number of its entries.
async fn entries_of(clients: &Clients, order: OrderId) -> usize {
    let find = async {
        loop {
            let found = clients.catalog.find_order(order, Freshness::default()).await;
            match found.unwrap().value.len() {
                0 => tokio::task::yield_now().await,
                entries => return entries,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), find)
        .await
        .expect("the order is decided")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_whose_caller_is_dropped_at_any_await_is_done_as_a_whole() {
    let shop = Shop::open().await;
    for clients in &shop.clients {
        let before = stock(clients, item(1)).await;
        let (mut bought, mut times) = (0, 1);
        loop {
            let order = order(&[1, 2, 3]);
            let id = order.id.unwrap();
            let ended = poll_times(times, clients.orders.place(order)).await;
            assert_eq!(entries_of(clients, id).await, 3, "{} after {times} polls", clients.name);
            bought += 1;
            match ended {
                None => times += 1,
                // After a delay of this thread the first poll may find the answer.
                Some(_) if times == 1 => assert!(bought < 50, "every first poll ended the call of {}", clients.name),
                Some(_) => break,
            }
        }
        assert_eq!(stock(clients, item(1)).await, before - bought, "{}", clients.name);
    }
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_and_sales_whose_caller_is_dropped_at_any_await_are_done() {
    let shop = Shop::open().await;
    let local = &shop.clients[0];
    let mut ended = [false; 2];
    for times in 1.. {
        let update = update(1, StockChange::By(1));
        let id = update.id;
        ended[0] |= poll_times(times, local.catalog.update_books(update)).await.is_some();
        assert_eq!(entries_of(local, id).await, 1);
        let Order {
            id: Some(id), lines, ..
        } = order(&[1, 4])
        else {
            unreachable!()
        };
        let deadline = Deadline::after(Duration::from_secs(20));
        let sale = common::wire::Sale {
            id,
            lines,
            keyed: true,
            resent: false,
            deadline,
        };
        ended[1] |= poll_times(times, local.catalog.sell(vec![sale], deadline))
            .await
            .is_some();
        assert_eq!(entries_of(local, id).await, 2);
        if ended == [true; 2] {
            break;
        }
    }
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_at_its_deadline_has_an_unknown_outcome_and_a_closed_catalog_changes_nothing() {
    let shop = Shop::open().await;
    let local = &shop.clients[0];
    let Order {
        id: Some(id), lines, ..
    } = order(&[1])
    else {
        unreachable!()
    };
    let deadline = Deadline::after(Duration::from_secs(20));
    let sale = common::wire::Sale {
        id,
        lines,
        keyed: true,
        resent: false,
        deadline,
    };
    // The 4,000 sales before it delay the decision beyond the end of the call.
    let other = |_| common::wire::Sale {
        id: OrderId::generate(),
        lines: order(&[2]).lines,
        keyed: false,
        ..sale.clone()
    };
    let mut others = local.catalog.sell((0..4_000).map(other).collect(), deadline);
    assert!(futures::poll!(&mut others).is_pending());
    let late = local.catalog.sell(vec![sale.clone()], Deadline::from_millis(1)).await;
    assert!(!late.unwrap_err().is_not_applied());
    others.await.unwrap();
    assert_eq!(
        entries_of(local, id).await,
        1,
        "the deadline of the call cancelled the sale"
    );
    let catalog = shop.services[0].catalog.clone().unwrap();
    catalog.close().await;
    let refused = local.catalog.sell(vec![sale], deadline).await;
    assert!(refused.unwrap_err().is_not_applied());
    let placed = place(local, order(&[1])).await;
    assert_eq!(code(&placed), Some(Code::Unavailable));
    shop.stop().await;
}

/// The `seq` of each entry that a follower received, in order.
#[derive(Default)]
struct Recorder(Mutex<Vec<u64>>);

impl Follower for Recorder {
    fn connected(&self, _: &Hello, after: Position) {
        self.0.lock().unwrap().push(after.seq.0);
    }

    fn apply(&self, entries: &[Entry]) {
        self.0.lock().unwrap().extend(entries.iter().map(|entry| entry.seq.0));
    }

    fn disconnected(&self) {
        self.0.lock().unwrap().push(u64::MAX);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_joins_while_books_are_sold_gets_each_entry_once_before_its_purchase_is_answered() {
    let shop = Shop::open().await;
    let Clients { catalog, orders, .. } = &shop.clients[0];
    let mut recorders = Vec::new();
    for _ in 0..20 {
        let selling = (0..8).map(|_| orders.place(order(&[1])));
        let recorder = Arc::new(Recorder::default());
        let follow = catalog.follow(Arc::clone(&recorder) as Arc<dyn Follower>);
        let following = tokio::spawn(follow);
        let placed = futures::future::join_all(selling).await;
        following.await.unwrap();
        recorders.push(recorder);
        let head = placed
            .iter()
            .map(|placed| placed.as_ref().unwrap().position.seq.0)
            .max();
        for recorder in &recorders {
            assert!(recorder.0.lock().unwrap().last().copied() >= head);
        }
    }
    shop.stop().await;
    for recorder in recorders {
        let mut seqs = recorder.0.lock().unwrap().clone();
        assert_eq!(seqs.pop(), Some(u64::MAX), "the follower is not informed of the end");
        assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seqs:?}");
    }
}
