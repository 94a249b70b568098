//! A synchronous standby, failures while a commit waits for it, and a failover to it.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use rustix::process::Signal;

use super::{POLL_INTERVAL, START_TIMEOUT, Server, send_signal};

/// Selects the processes whose commits wait for a standby.
const WAITING: &str = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1";

impl Server {
    /// Makes a standby from a copy of this server and starts it. From then on a commit waits for it.
    ///
    /// # Panics
    /// If it does not start in time.
    pub fn start_standby(&self) -> Self {
        let standby = Self::in_new_folder(self.bin_dir.clone(), self.account);
        let copied = standby
            .command("pg_basebackup")
            .env("PGHOST", self.folder.path())
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--pgdata"])
            .arg(standby.data())
            .stdout(Stdio::null())
            .status();
        assert!(copied.unwrap().success(), "pg_basebackup failed");
        standby.restart(&[]);
        // Set after the copy, so that the standby does not wait for another standby after a failover.
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("SELECT pg_reload_conf()");
        self.poll_sql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
        standby
    }

    /// Stops the process of a standby that receives the log, without closing its connection.
    pub fn stop_receiver(&self) {
        let receiver = self.poll_sql("SELECT pid FROM pg_stat_wal_receiver");
        send_signal(&receiver, Signal::STOP);
    }

    /// Makes a standby the primary. Entries that its receiver has not read are lost.
    pub fn promote(&self) {
        if self.process.lock().unwrap().is_some() {
            let receiver = self.sql("SELECT pid FROM pg_stat_wal_receiver");
            if !receiver.is_empty() {
                send_signal(&receiver, Signal::KILL);
            }
            self.quit();
        }
        self.restart(&[]);
        self.sql("SELECT pg_promote()");
        self.poll_sql("SELECT 1 WHERE NOT pg_is_in_recovery()");
    }

    /// Waits until a commit waits for a standby; returns the process that serves it.
    ///
    /// # Panics
    /// If none does in time.
    pub fn waiting_commit(&self) -> String {
        self.poll_sql(WAITING)
    }

    /// The process of a commit that waits for a standby, if there is one.
    pub fn find_waiting_commit(&self) -> Option<String> {
        Some(self.sql(WAITING)).filter(|pid| !pid.is_empty())
    }

    /// Sends SIGKILL to a process that serves a connection, and waits until the server has recovered.
    pub fn kill_process(&self, pid: &str) {
        send_signal(pid, Signal::KILL);
        while Path::new("/proc").join(pid).exists() {
            std::thread::park_timeout(POLL_INTERVAL);
        }
        self.wait_until_ready();
    }

    /// Replaces `path` by a symbolic link to the folder of this server's socket.
    ///
    /// # Panics
    /// If the link cannot be made.
    pub fn link_at(&self, path: &Path) {
        let _ = std::fs::remove_file(path);
        symlink(self.folder.path(), path).unwrap();
    }

    /// Runs a query until it returns something.
    fn poll_sql(&self, query: &str) -> String {
        let start = Instant::now();
        loop {
            let found = self.sql(query);
            if !found.is_empty() {
                return found;
            }
            assert!(start.elapsed() < START_TIMEOUT, "not within {START_TIMEOUT:?}: {query}");
            std::thread::park_timeout(POLL_INTERVAL);
        }
    }
}
