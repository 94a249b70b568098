//! pgbouncer in front of a server.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Instant;

use super::{POLL_INTERVAL, START_TIMEOUT, Server};

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A pooler in transaction mode that gives consecutive transactions different connections. It is killed when it is dropped.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    folder: PathBuf,
}

impl Server {
    /// Starts a pooler; `None` if pgbouncer is not installed and tests may be skipped without it.
    ///
    /// # Panics
    /// If it is not installed and its tests may not be skipped, or if it does not start.
    pub fn start_pooler(&self) -> Option<Pooler> {
        if !fs::exists(PROGRAM).unwrap() {
            crate::skip_or_fail("pgbouncer", "install pgbouncer");
            return None;
        }
        let folder = self.folder.path().join("pooler");
        let settings = format!(
            "[databases]\n* = host={} user=shop\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {}\n\
             auth_type = any\npool_mode = transaction\nserver_round_robin = 1\ndefault_pool_size = 8\n",
            self.folder.path().display(),
            folder.display()
        );
        let file = folder.join("pgbouncer.ini");
        assert!(self.command("/bin/mkdir").arg(&folder).status().unwrap().success());
        fs::write(&file, settings).unwrap();
        let process = self.command(PROGRAM).arg(&file).stderr(Stdio::null()).spawn().unwrap();
        let pooler = Pooler { process, folder };
        let start = Instant::now();
        while !fs::exists(pooler.folder.join(".s.PGSQL.6432")).unwrap() {
            assert!(start.elapsed() < START_TIMEOUT, "pgbouncer does not start");
            std::thread::park_timeout(POLL_INTERVAL);
        }
        Some(pooler)
    }

    /// Creates a database, and returns the URL of a store in it.
    pub fn database_url(&self, name: &str) -> String {
        self.sql(&format!("CREATE DATABASE {name}"));
        format!(
            "postgres://shop@localhost/{name}?host={}&sslmode=disable",
            self.folder.path().display()
        )
    }
}

impl Pooler {
    /// The URL of a store in a database, through the pooler.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://shop@localhost/{database}?host={}&port=6432&sslmode=disable",
            self.folder.display()
        )
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
