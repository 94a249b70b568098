//! Failovers to a synchronous standby that was unreachable while a commit waited for it.
//!
//! A long run: `BOOKSTORE_FAILOVERS=200 cargo test --release -p store postgres::tests::standby -- --nocapture`.

use std::collections::HashMap;
use std::path::PathBuf;

use testing::postgres::Server;

use super::*;

/// What ends the wait of a commit.
#[derive(Debug, Clone, Copy)]
enum End {
    /// An administrator cancels it, and the waits after it too.
    Cancel,
    Terminate,
    KillBackend,
    KillPrimary,
}

const ENDS: [End; 4] = [End::Cancel, End::Terminate, End::KillBackend, End::KillPrimary];

/// The current primary, and the address that leads to it.
#[derive(Debug)]
struct Cluster {
    primary: Server,
    folder: tempfile::TempDir,
    address: Address,
}

impl Cluster {
    fn start() -> Option<Self> {
        let primary = Server::start(&[])?;
        let folder = tempfile::tempdir().unwrap();
        let (socket, link) = (primary.socket(), folder.path().join("primary"));
        let url = primary.url();
        let url = url.replace(socket.parent().unwrap().to_str().unwrap(), link.to_str().unwrap());
        primary.link_at(&link);
        let address = url.parse().unwrap();
        Some(Self {
            primary,
            folder,
            address,
        })
    }

    fn link(&self) -> PathBuf {
        self.folder.path().join("primary")
    }

    fn store(&self) -> PostgresStore {
        PostgresStore::open(&self.address).unwrap()
    }

    /// Sells, and fails over while a commit waits for an unreachable standby. Returns the acknowledged entries, all of which
    /// the new primary must have.
    fn fail_over(&mut self, end: End, stop_receiver: bool, skips_confirmation: bool) -> Vec<Entry> {
        let mut store = self.store();
        store.skips_confirmation = skips_confirmation;
        let mut shop = match store.load().unwrap().head {
            Seq::ZERO => ReferenceShop::filled(&store),
            head => ReferenceShop {
                head,
                books: store.load().unwrap().books,
                entries: store.read(Seq::ZERO, usize::MAX).unwrap(),
            },
        };
        let standby = self.primary.start_standby();
        shop.sell_baskets_through(&store, &[1, 2]);
        match stop_receiver {
            true => standby.stop_receiver(),
            false => standby.quit(),
        }
        let head = shop.head;
        let entries = shop.sell_baskets(&[2, 1]);
        std::thread::scope(|scope| {
            let appending = scope.spawn(|| store.append(head, &entries));
            let pid = self.primary.waiting_commit();
            self.end_wait(end, &pid);
            // The append has returned or waits for its confirmation. Without confirmations it returns, and a waiting commit is
            // the one that is being ended.
            let waits = || !skips_confirmation && self.primary.find_waiting_commit().is_some();
            while !appending.is_finished() && !waits() {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            if let (End::Cancel, Some(pid)) = (end, self.primary.find_waiting_commit()) {
                self.end_wait(end, &pid);
                self.primary.waiting_commit();
            }
            self.primary.kill_postmaster();
            standby.promote();
            standby.link_at(&self.link());
            appending.join().unwrap().unwrap();
        });
        self.primary = standby;
        shop.entries
    }

    fn end_wait(&self, end: End, pid: &str) {
        match end {
            End::Cancel => drop(self.primary.sql(&format!("SELECT pg_cancel_backend({pid})"))),
            End::Terminate => drop(self.primary.sql(&format!("SELECT pg_terminate_backend({pid})"))),
            End::KillBackend => self.primary.kill_process(pid),
            End::KillPrimary => {
                self.primary.kill_postmaster();
                self.primary.restart(&[]);
            }
        }
    }

    /// The numbers of lost entries and of duplicated ones.
    fn compare(&self, acknowledged: &[Entry]) -> (usize, usize) {
        let stored = self.store().read(Seq::ZERO, usize::MAX).unwrap();
        let mut counts: HashMap<_, usize> = HashMap::new();
        for entry in &stored {
            *counts.entry((entry.order, entry.line, entry.item)).or_default() += 1;
        }
        let lost = acknowledged.iter().filter(|entry| !stored.contains(entry));
        (lost.count(), counts.values().filter(|&&count| count > 1).count())
    }
}

#[test]
fn a_failover_loses_no_acknowledged_entry_however_a_wait_for_the_standby_ends() {
    let cycles = std::env::var("BOOKSTORE_FAILOVERS").map_or(ENDS.len(), |cycles| cycles.parse().unwrap());
    let Some(mut cluster) = Cluster::start() else { return };
    let mut acknowledged = 0;
    for cycle in 0..cycles {
        let end = ENDS[cycle % ENDS.len()];
        let stop_receiver = (cycle + cycle / ENDS.len()) % 2 == 1;
        let entries = cluster.fail_over(end, stop_receiver, false);
        assert_eq!(cluster.compare(&entries), (0, 0), "cycle {cycle}, {end:?}");
        acknowledged = entries.len();
    }
    println!("{cycles} failovers: {acknowledged} entries acknowledged, 0 lost, 0 doubled");
}

#[test]
fn without_confirmations_a_failover_loses_acknowledged_entries() {
    let Some(mut cluster) = Cluster::start() else { return };
    for end in [End::Cancel, End::Terminate] {
        let entries = cluster.fail_over(end, false, true);
        let (lost, doubled) = cluster.compare(&entries);
        assert_eq!((lost, doubled), (3, 0), "{end:?}");
        println!("without confirmations, {end:?}: {lost} acknowledged entries are lost");
    }
}
