//! The commands on a store at rest, on each kind of store.

mod audit;
mod import;
mod transfer;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use backend::store;
use sqlx::Connection as _;
use tempfile::TempDir;
use testing::postgres::Server;

use crate::shop::{Customer, key, open_all, output};

/// A place for one store, of one kind.
struct Place {
    folder: TempDir,
    url: String,
    server: Option<Arc<Server>>,
}

impl Place {
    fn csv() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("csv:{}", folder.path().join("store").display());
        Self {
            folder,
            url,
            server: None,
        }
    }

    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        Self {
            folder,
            url,
            server: None,
        }
    }

    fn postgres() -> Option<Self> {
        let server = Server::shared()?;
        Some(Self {
            folder: tempfile::tempdir().unwrap(),
            url: server.url(),
            server: Some(server),
        })
    }

    /// One of each kind; without PostgreSQL where that is not installed.
    fn of_each_kind() -> Vec<Self> {
        let files = [Self::csv(), Self::sqlite()].into_iter();
        files.chain(Self::postgres()).collect()
    }

    /// A file beside the store.
    fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command on the store to its end: exit code, standard output and error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut all = arguments.to_vec();
        all.extend(["--store", &self.url]);
        ran(&all)
    }

    /// Runs a command that must do it; gives standard output.
    fn done(&self, arguments: &[&str]) -> String {
        let (code, told, said) = self.run(arguments);
        assert_eq!((code, said.as_str()), (0, ""), "{arguments:?} on {}: {told}", self.url);
        told
    }

    /// Opens the whole shop and buys so many times, taking turns between two books; gives the orders and their receipts.
    async fn sell(&self, count: u32) -> Vec<(String, String)> {
        let shop = open_all(&self.url);
        let customer = Customer::of(&shop, "frontend");
        let mut orders = Vec::new();
        for place in 0..count {
            let order = key();
            let reply = customer.buy(1 + place % 2, 1, Some(&order)).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            orders.push((order, reply.body));
        }
        assert!(shop.stop().success());
        orders
    }

    /// Changes a database behind the store's back.
    async fn sql(&self, statement: &'static str) {
        if let Some(server) = &self.server {
            let schema = self.url.split("application_name=").nth(1).unwrap();
            let schema = schema.split('&').next().unwrap();
            server.sql(&format!("SET search_path = {schema}; {statement}"));
        } else {
            let file = self.url.strip_prefix("sqlite:").unwrap();
            let mut connection = sqlx::SqliteConnection::connect(file).await.unwrap();
            sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }

    /// The store itself.
    fn open(&self) -> Box<dyn store::Store> {
        store::open(&self.url.parse().unwrap(), store::EditPolicy::Refuse).unwrap()
    }
}

fn ran(arguments: &[&str]) -> (i32, String, String) {
    let ran = output(arguments);
    let (told, said) = (ran.stdout, ran.stderr);
    (
        ran.status.code().unwrap(),
        String::from_utf8(told).unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

/// A catalog of so many books, made up.
fn generated(books: u32) -> String {
    let (code, told, said) = ran(&["generate", &books.to_string()]);
    assert_eq!((code, said.as_str()), (0, ""));
    told
}

const FOUR: &str = include_str!("../../../../data/catalog.csv");
