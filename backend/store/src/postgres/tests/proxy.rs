//! A cable between a store and the server that can be cut at the worst moment.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// When the cable is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Instead of passing on the command to commit.
    BeforeCommit,
    /// Instead of passing on the answer to it.
    AfterCommit,
    /// As soon as anything is sent.
    AtOnce,
}

/// A socket that passes on to a server's.
#[derive(Debug)]
pub(super) struct Proxy {
    folder: tempfile::TempDir,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    server: PathBuf,
    /// What is to happen, as often as it says.
    cut: Mutex<Option<(Cut, u32)>>,
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
                thread::spawn(move || plan.carry(&client, &server));
            }
        });
        Self { folder, plan }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Cuts the next `times` connections at that moment.
    pub(super) fn cut(&self, cut: Cut, times: u32) {
        *self.plan.cut.lock().unwrap() = Some((cut, times));
    }

    /// How often a connection was cut.
    pub(super) fn cuts(&self) -> u32 {
        self.plan.done.load(Ordering::SeqCst)
    }
}

impl Plan {
    /// Whether this is the moment; counts it.
    fn is_time(&self, moment: Cut) -> bool {
        let mut plan = self.cut.lock().unwrap();
        match &mut *plan {
            Some((cut, times)) if *cut == moment && *times > 0 => {
                *times -= 1;
                self.done.fetch_add(1, Ordering::SeqCst);
                true
            }
            _ => false,
        }
    }

    fn carry(&self, client: &UnixStream, server: &UnixStream) {
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = io::copy(&mut &*server, &mut &*client);
                let _ = client.shutdown(Shutdown::Both);
            });
            let _ = self.pass_on(client, server);
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }

    fn pass_on(&self, mut client: &UnixStream, mut server: &UnixStream) -> io::Result<()> {
        let mut buffer = vec![0; 65_536];
        loop {
            let length = client.read(&mut buffer)?;
            if length == 0 || self.is_time(Cut::AtOnce) {
                return Ok(());
            }
            let sent = &buffer[..length];
            // A simple query that commits in the end.
            let commits = sent.starts_with(b"Q") && sent.ends_with(b"COMMIT\0");
            if commits && self.is_time(Cut::BeforeCommit) {
                return Ok(());
            }
            if commits && self.is_time(Cut::AfterCommit) {
                client.shutdown(Shutdown::Both)?;
                server.write_all(sent)?;
                // The server answers into the void, and then it is done.
                return server.shutdown(Shutdown::Write);
            }
            server.write_all(sent)?;
        }
    }
}
