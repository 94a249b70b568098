//! A proxy between a store and the server that drops connections at chosen moments.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// When a connection is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Instead of forwarding the commit.
    BeforeCommit,
    /// Instead of forwarding the answer to the commit.
    AfterCommit,
    /// At a message.
    AtMessage,
}

/// A socket that forwards to a server's.
#[derive(Debug)]
pub(super) struct Proxy {
    folder: tempfile::TempDir,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    server: PathBuf,
    /// The moment, how often it passes without effect, and how many connections to drop afterwards.
    cut: Mutex<Option<(Cut, u32, u32)>>,
    done: AtomicU32,
}

impl Proxy {
    pub(super) fn new(server: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let plan = Arc::new(Plan {
            server,
            cut: Mutex::new(None),
            done: AtomicU32::new(0),
        });
        let shared = Arc::clone(&plan);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), plan) = (client, Arc::clone(&shared)) else {
                    return;
                };
                let Ok(server) = UnixStream::connect(&plan.server) else {
                    continue;
                };
                thread::spawn(move || plan.forward(&client, &server));
            }
        });
        Self { folder, plan }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Drops the next `times` connections at that moment.
    pub(super) fn cut(&self, cut: Cut, times: u32) {
        *self.plan.cut.lock().unwrap() = Some((cut, 0, times));
    }

    /// Forwards so many messages, then drops every connection at its next one.
    pub(super) fn cut_after(&self, messages: u32) {
        *self.plan.cut.lock().unwrap() = Some((Cut::AtMessage, messages, u32::MAX));
    }

    /// The number of dropped connections.
    pub(super) fn cuts(&self) -> u32 {
        self.plan.done.load(Ordering::SeqCst)
    }
}

impl Plan {
    /// Whether to drop the connection at this moment; counts it.
    fn must_drop(&self, moment: Cut) -> bool {
        let mut plan = self.cut.lock().unwrap();
        match &mut *plan {
            Some((cut, skipped, _)) if *cut == moment && *skipped > 0 => {
                *skipped -= 1;
                false
            }
            Some((cut, 0, times)) if *cut == moment && *times > 0 => {
                *times -= 1;
                self.done.fetch_add(1, Ordering::SeqCst);
                true
            }
            _ => false,
        }
    }

    fn forward(&self, client: &UnixStream, server: &UnixStream) {
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = io::copy(&mut &*server, &mut &*client);
                let _ = client.shutdown(Shutdown::Both);
            });
            let _ = self.forward_requests(client, server);
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }

    fn forward_requests(&self, mut client: &UnixStream, mut server: &UnixStream) -> io::Result<()> {
        let mut buffer = vec![0; 65_536];
        loop {
            let length = client.read(&mut buffer)?;
            if length == 0 || self.must_drop(Cut::AtMessage) {
                return Ok(());
            }
            let sent = &buffer[..length];
            // A simple query that ends in a commit.
            let commits = sent.starts_with(b"Q") && sent.ends_with(b"COMMIT\0");
            if commits && self.must_drop(Cut::BeforeCommit) {
                return Ok(());
            }
            if commits && self.must_drop(Cut::AfterCommit) {
                client.shutdown(Shutdown::Both)?;
                server.write_all(sent)?;
                // The server commits, and its answer is lost.
                return server.shutdown(Shutdown::Write);
            }
            server.write_all(sent)?;
        }
    }
}
