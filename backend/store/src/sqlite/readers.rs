//! The connections for reading.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::failure::{Failure, shown};
use crate::Error;

/// How long a read waits for a connection.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A pool of connections, all opened at the start, because later no file descriptor may be free.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self {
            idle: Mutex::new(connections),
            returned: Condvar::new(),
        }
    }

    /// Waits for a free connection, at most [`TIMEOUT`], and runs a read.
    pub(super) fn read<T>(
        &self,
        file: &Path,
        work: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.returned.wait_timeout_while(idle, TIMEOUT, |idle| idle.is_empty());
        let (mut idle, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let connection = idle.pop();
        drop(idle);
        let mut connection = connection.ok_or_else(|| Error::Unavailable {
            store: shown(file),
            why: "too many reads at once".to_owned(),
        })?;
        let result = work(&mut connection);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        self.returned.notify_one();
        result.map_err(|failure| failure.into_error("read", file))
    }
}
