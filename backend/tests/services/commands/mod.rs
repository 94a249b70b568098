//! The commands on a store that no catalog uses, for each engine.

mod audit;
mod backup;
mod beside;
mod import;
mod switch_over;
mod transfer;

use backend::store;

use crate::bookstored;
use crate::client::{Client, key};
use crate::fixture::StoreFixture;

/// The four books.
const FOUR: &str = include_str!("../../../../data/catalog.csv");

impl StoreFixture {
    /// Runs a command on the store to its end: exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        bookstored::run(&[arguments, &["--store", &self.url]].concat())
    }

    /// Runs a command that must succeed and print nothing on standard error. Returns standard output.
    fn succeed(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        let result = (code, stderr.as_str());
        assert_eq!(result, (0, ""), "{arguments:?} on {}: {stdout}", self.url);
        stdout
    }

    /// Runs a command that must fail and print nothing on standard output. Returns standard error.
    fn fail(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        let result = (code, stdout.as_str());
        assert_eq!(result, (1, ""), "{arguments:?} on {}: {stderr}", self.url);
        stderr
    }

    /// A store with the four books.
    fn with_four_books(self) -> Self {
        self.succeed(&["import", &self.file("books.csv", FOUR)]);
        self
    }

    /// Starts all services and buys `count` times, books 1 and 2 in turn. Returns the orders and their receipts.
    async fn sell(&self, count: u32) -> Vec<(String, String)> {
        let services = self.start_all();
        let client = Client::of(&services, "frontend");
        let mut orders = Vec::new();
        for index in 0..count {
            let order = key();
            let reply = client.buy(1 + index % 2, 1, Some(&order)).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            orders.push((order, reply.body));
        }
        assert!(services.stop().success());
        orders
    }

    /// Runs a statement on the tables of a SQLite or PostgreSQL store.
    fn sql(&self, statement: &str) {
        if let Some(server) = &self.server {
            server.sql(&format!("SET search_path = {}; {statement}", self.schema()));
        } else {
            let file = self.url.strip_prefix("sqlite:").unwrap();
            rusqlite::Connection::open(file)
                .unwrap()
                .execute_batch(statement)
                .unwrap();
        }
    }

    fn open(&self) -> Box<dyn store::Store> {
        store::open(&self.url.parse().unwrap(), store::EditPolicy::Refuse).unwrap()
    }
}
