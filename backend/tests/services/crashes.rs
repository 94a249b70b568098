//! `kill -9` under load: what was acknowledged is in the ledger once, and nothing else was taken from the shelf.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::shop::{Customer, Process, Store, eventually, key, try_send};

struct Shop {
    store: Store,
    catalog: Process,
    order: Process,
    front: Process,
}

impl Shop {
    fn open() -> Self {
        // Enough copies that the shelf never empties.
        let store = Store::new();
        let books = store
            .beside("books.csv", "1,Plenty,1000000,1,a\n2,More,1000000,1,a\n")
            .display()
            .to_string();
        let free = "127.0.0.1:0";
        let catalog = Process::start(&["catalog", "--store", &store.url(), "--books", &books, "--listen", free]);
        let order = Process::start(&["order", "--listen", free, "--catalog-url", &catalog.url("catalog")]);
        let front = Self::start_front(free, &catalog, &order);
        Self {
            store,
            catalog,
            order,
            front,
        }
    }

    fn start_front(address: &str, catalog: &Process, order: &Process) -> Process {
        let (catalog, order) = (catalog.url("catalog"), order.url("order"));
        Process::start(&[
            "frontend",
            "--listen",
            address,
            "--catalog-url",
            &catalog,
            "--order-url",
            &order,
        ])
    }

    /// Kills one service and starts it again at the same address.
    fn crash(&mut self, service: &str) {
        match service {
            "catalog" => {
                let address = self.catalog.address("catalog");
                let arguments = ["catalog", "--store", &self.store.url(), "--listen", &address];
                // Replaced only after it is dead: the store has one lock.
                self.catalog.signal("-KILL");
                self.catalog = restart(&arguments);
            }
            "order" => {
                let (address, catalog) = (self.order.address("order"), self.catalog.url("catalog"));
                self.order.signal("-KILL");
                self.order = restart(&["order", "--listen", &address, "--catalog-url", &catalog]);
            }
            _ => {
                let address = self.front.address("frontend");
                self.front.signal("-KILL");
                let (catalog, order) = (self.catalog.url("catalog"), self.order.url("order"));
                self.front = restart(&[
                    "frontend",
                    "--listen",
                    &address,
                    "--catalog-url",
                    &catalog,
                    "--order-url",
                    &order,
                ]);
            }
        }
    }
}

/// The port and the lock of a process that was just killed are free a moment later.
fn restart(arguments: &[&str]) -> Process {
    let begun = std::time::Instant::now();
    loop {
        if let Some(process) = Process::try_start(arguments) {
            return process;
        }
        assert!(begun.elapsed().as_secs() < 30, "{arguments:?} did not start again");
    }
}

/// Buys until told to stop; an order whose fate is unknown is sent again with its key until it is decided.
async fn shop_on(
    customer: Customer,
    stop: Arc<AtomicBool>,
    sold: Arc<AtomicUsize>,
    in_flight_lost: Arc<AtomicUsize>,
) -> HashMap<String, u32> {
    let mut acknowledged = HashMap::new();
    let mut item = 1;
    while !stop.load(Ordering::Relaxed) {
        let key = key();
        let mut sent_before = false;
        eventually("an order is decided", || {
            let request = customer
                .request("POST", "/buy")
                .header("idempotency-key", &key)
                .body(format!(r#"{{"item":{item}}}"#));
            let lost = Arc::clone(&in_flight_lost);
            let again = std::mem::replace(&mut sent_before, true);
            async move {
                match try_send(request).await {
                    Ok(reply) if reply.status == 200 => Some(()),
                    Ok(reply) => {
                        assert!(matches!(reply.status, 503 | 504), "{}", reply.body);
                        None
                    }
                    Err(error) => {
                        if !again && !error.is_connect() {
                            lost.fetch_add(1, Ordering::Relaxed);
                        }
                        None
                    }
                }
            }
        })
        .await;
        acknowledged.insert(key, item);
        sold.fetch_add(1, Ordering::Relaxed);
        item = 3 - item;
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_the_ledger_once_whoever_is_killed() {
    let mut shop = Shop::open();
    let (stop, sold, lost) = (
        Arc::<AtomicBool>::default(),
        Arc::<AtomicUsize>::default(),
        Arc::default(),
    );
    let mut customers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let customer = Customer::of(&shop.front, "frontend");
        customers.spawn(shop_on(
            customer,
            Arc::clone(&stop),
            Arc::clone(&sold),
            Arc::clone(&lost),
        ));
    }
    for service in ["catalog", "order", "frontend", "catalog", "order", "frontend"] {
        let before = sold.load(Ordering::Relaxed);
        eventually("some more are sold", || {
            let more = sold.load(Ordering::Relaxed) >= before + 50;
            async move { more.then_some(()) }
        })
        .await;
        shop = tokio::task::spawn_blocking(move || {
            shop.crash(service);
            shop
        })
        .await
        .unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged: HashMap<String, u32> = customers.join_all().await.into_iter().flatten().collect();
    // The last one is not stopped cleanly either.
    shop.catalog.kill();
    assert!(lost.load(Ordering::Relaxed) > 0, "no kill hit a request in flight");
    let mut stocks = HashMap::new();
    let mut orders = HashMap::new();
    for row in shop.store.ledger() {
        let (kind, item, change) = (&row[2], row[3].parse::<u32>().unwrap(), row[5].parse::<i64>().unwrap());
        let stock = stocks.entry(item).or_insert(0_i64);
        *stock += change;
        assert_eq!(row[6].parse(), Ok(*stock), "{row:?}");
        if kind == "sold" {
            assert_eq!(orders.insert(row[7].clone(), item), None, "sold twice: {row:?}");
        }
    }
    assert!(acknowledged.len() >= 300);
    for (order, item) in &acknowledged {
        assert_eq!(orders.get(order), Some(item), "{order} was acknowledged");
    }
    for (item, stock) in stocks {
        let sold = orders.values().filter(|&&sold| sold == item).count();
        assert_eq!(stock, 1_000_000 - i64::try_from(sold).unwrap());
    }
}
