//! What the services of one process share: secrets, TLS, threads and the grace period.

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Error;
use crate::http::{ConnectionThreads, Tls};
use crate::settings::{AdminToken, ServerSettings, ServiceToken};
use crate::token::Token;

/// Ends the grace period of the services of a process early.
#[derive(Debug, Clone, Default)]
pub struct Grace(CancellationToken);

impl Grace {
    /// Abandons open requests. Stores are still closed in order.
    pub fn end(&self) {
        self.0.cancel();
    }

    /// Cancelled by [`Self::end`].
    pub(super) fn ended(&self) -> CancellationToken {
        self.0.clone()
    }
}

/// The state that the services of a process share. Each secret is read once, because a pipe can be read only once.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    /// The shopkeeper's token.
    pub(super) shopkeeper: Token,
    /// The token by which catalog and order service recognize the other services.
    pub(super) service: Token,
    /// `None` without TLS.
    pub(super) tls: Option<Tls>,
    pub(super) threads: ConnectionThreads,
    pub(super) grace: Grace,
}

impl Shared {
    pub(super) fn read(
        shopkeeper: Option<&AdminToken>,
        service: &ServiceToken,
        server: &ServerSettings,
        threads: ConnectionThreads,
    ) -> Result<Self, Error> {
        Ok(Self {
            shopkeeper: shopkeeper.map_or_else(|| Ok(Token::fixed(None)), AdminToken::read)?,
            service: service.read()?,
            tls: server.tls.open()?,
            threads,
            grace: Grace::default(),
        })
    }

    /// Reads token files and certificates again.
    pub(super) fn reload(&self) {
        self.shopkeeper.reload();
        self.service.reload();
        self.tls.iter().for_each(Tls::reload);
    }

    /// Starts a task that reads the certificate again when its files change. Dropping the handle ends the task.
    pub(super) fn watch(&self) -> Option<AbortOnDropHandle<()>> {
        let watching = self.tls.clone()?.watch();
        Some(AbortOnDropHandle::new(tokio::spawn(watching)))
    }
}
