//! A store of one engine, with a temporary folder for the files beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use testing::Process;
use testing::postgres::Server;

use crate::bookstored;
use crate::client::Client;

#[derive(Debug)]
pub(crate) struct StoreFixture {
    folder: TempDir,
    pub(crate) url: String,
    /// The server of a PostgreSQL store.
    pub(crate) server: Option<Arc<Server>>,
}

impl StoreFixture {
    pub(crate) fn csv() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("csv:{}", folder.path().join("store").display());
        Self::new(folder, url, None)
    }

    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        Self::new(folder, url, None)
    }

    /// A CSV and a SQLite store.
    pub(crate) fn each_of_files() -> [Self; 2] {
        [Self::csv(), Self::sqlite()]
    }

    /// A store on the server that the tests share. `None` if PostgreSQL is missing and may be skipped.
    pub(crate) fn postgres() -> Option<Self> {
        Some(Self::on(Server::shared()?))
    }

    /// A store on its own server, which can be killed. `None` if PostgreSQL is missing and may be skipped.
    pub(crate) fn postgres_on_own_server() -> Option<Self> {
        Some(Self::on(Arc::new(Server::start(&[])?)))
    }

    fn on(server: Arc<Server>) -> Self {
        Self::new(tempfile::tempdir().unwrap(), server.url(), Some(server))
    }

    fn new(folder: TempDir, url: String, server: Option<Arc<Server>>) -> Self {
        Self { folder, url, server }
    }

    /// A store of each engine; without PostgreSQL if it is missing and may be skipped.
    pub(crate) fn each() -> Vec<Self> {
        let files = Self::each_of_files().into_iter();
        files.chain(Self::postgres()).collect()
    }

    /// `csv`, `sqlite` or `postgres`.
    pub(crate) fn engine(&self) -> &str {
        self.url.split(':').next().unwrap()
    }

    /// The PostgreSQL schema of the store.
    pub(crate) fn schema(&self) -> &str {
        let (_, rest) = self.url.split_once("application_name=").unwrap();
        rest.split('&').next().unwrap()
    }

    /// The file of a CSV or SQLite store that contains the ledger.
    pub(crate) fn ledger_file(&self) -> PathBuf {
        self.path(if self.engine() == "csv" {
            "store/ledger.csv"
        } else {
            "store.db"
        })
    }

    /// A path beside the store; `store` is a CSV store's folder, `store.db` a SQLite store's file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the store and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Starts all services over this store in one process.
    pub(crate) fn start_all(&self) -> Process {
        bookstored::start_all(&self.url)
    }

    /// The stock of a book in the catalog file of a CSV store.
    pub(crate) fn stock_in_catalog_file(&self, item: u32) -> i64 {
        let rows = rows(&self.path("store").join("catalog.csv"));
        let row = rows.iter().find(|row| row[0] == item.to_string());
        row.unwrap()[2].parse().unwrap()
    }

    /// The entries in the ledger file of a CSV store.
    pub(crate) fn ledger_rows(&self) -> Vec<Vec<String>> {
        let mut rows = rows(&self.path("store").join("ledger.csv"));
        rows.retain(|row| row[2] != "checkpoint");
        rows
    }
}

/// All services over a new CSV store, in one process.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) process: Process,
    pub(crate) store: StoreFixture,
}

/// Starts a shop, and a client of its front-end.
pub(crate) fn start_shop() -> (Shop, Client) {
    let store = StoreFixture::csv();
    let process = store.start_all();
    let client = Client::of(&process, "frontend");
    (Shop { process, store }, client)
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}
