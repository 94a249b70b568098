//! The autopilot's fault proxy, set to close connections to the server at chosen moments.

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
    /// At a message.
    AtMessage,
}

/// A fault proxy in front of a server's Unix socket, and its runtime.
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
        // A simple query that ends in a commit, or the parameters of a statement that sells and commits by itself.
        let is_commit = |chunk: &[u8]| match chunk.first() {
            Some(b'Q') => chunk.ends_with(b"COMMIT\0"),
            Some(b'B') => chunk.windows(4).any(|word| word == b"sold"),
            _ => false,
        };
        self.proxy.set(Mode::Close {
            matches: if cut == Cut::AtMessage { |_| true } else { is_commit },
            skip: 0,
            forward: cut == Cut::AfterCommit,
            times,
        });
    }

    /// Forwards `messages` messages, then closes every connection at its next one. With `forward` the server still receives it.
    pub(super) fn cut_after(&self, messages: u32, forward: bool) {
        self.proxy.set(Mode::Close {
            matches: |_| true,
            skip: messages,
            forward,
            times: u32::MAX,
        });
    }

    /// The number of closed connections.
    pub(super) fn cuts(&self) -> u64 {
        self.proxy.interventions()
    }
}
