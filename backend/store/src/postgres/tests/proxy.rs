//! Connections to the server that are lost at chosen moments.

use std::net::SocketAddr;
use std::path::PathBuf;

use autopilot::faults::{self, Mode, Target};
use tokio::runtime::Runtime;

/// When a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Instead of forwarding the commit.
    BeforeCommit,
    /// Instead of forwarding the answer to the commit.
    AfterCommit,
    /// At the next message.
    AtOnce,
}

/// A proxy before a server's Unix socket, and the runtime that it runs on.
#[derive(Debug)]
pub(super) struct Proxy {
    proxy: faults::Proxy,
    _runtime: Runtime,
}

impl Proxy {
    pub(super) fn new(server: PathBuf) -> Self {
        let runtime = Runtime::new().unwrap();
        Self {
            proxy: runtime.block_on(faults::Proxy::bind(Target::Unix(server))).unwrap(),
            _runtime: runtime,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.proxy.address()
    }

    /// Closes the next `times` connections at that moment.
    pub(super) fn cut(&self, cut: Cut, times: u32) {
        // A simple query that ends in a commit.
        let is_commit = |chunk: &[u8]| chunk.starts_with(b"Q") && chunk.ends_with(b"COMMIT\0");
        self.proxy.set(Mode::Close {
            matches: if cut == Cut::AtOnce { |_| true } else { is_commit },
            forward: cut == Cut::AfterCommit,
            times,
        });
    }

    /// The number of closed connections.
    pub(super) fn cuts(&self) -> u64 {
        self.proxy.interventions()
    }
}
