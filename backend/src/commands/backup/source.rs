//! The shop that is copied, read through its front-end or its catalog.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use common::client::{self, ServiceEndpoint, ShopClient};
use common::wire::{LedgerPage, ServiceKind};
use common::{Code, Position, Seq, limits};

use super::backup_store::History;
use super::{Backup, CopyError};
use crate::commands::source::endpoint;
use crate::token::Token;

/// The history of the shop's store, and its head as far as the shop knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceState {
    pub(super) history: History,
    pub(super) head: Seq,
}

#[derive(Debug)]
pub(super) struct Source {
    shop: ShopClient,
    tokens: Arc<Tokens>,
}

/// The tokens that the shop requires.
#[derive(Debug)]
pub(super) struct Tokens {
    endpoint: ServiceEndpoint,
    shop: ShopClient,
    admin: Token,
    service: Token,
}

impl Tokens {
    /// Reads the token files again.
    pub(super) fn reload(&self) {
        self.service.reload();
        self.admin.reload();
        self.shop.move_to(self.endpoint.clone(), self.admin.get().as_deref());
    }
}

impl Source {
    pub(super) fn new(options: &Backup) -> Result<Self> {
        let (admin, service) = (options.admin_token.read()?, options.service_token.read()?);
        let endpoint = endpoint(&options.url, options.ca.as_deref())?.with_service_token(service.source());
        let shop = ShopClient::new(endpoint.clone(), admin.get().as_deref());
        let tokens = Tokens {
            endpoint,
            shop: shop.clone(),
            admin,
            service,
        };
        Ok(Self {
            shop,
            tokens: Arc::new(tokens),
        })
    }

    pub(super) fn url(&self) -> String {
        self.shop.url()
    }

    pub(super) fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    /// Reads the shop at this position or a later one, if its store has it.
    pub(super) fn observe(&self, position: Position) {
        self.shop.observe_position(position);
    }

    /// Reads which store and history the shop has.
    pub(super) async fn identify(&self) -> Result<SourceState, CopyError> {
        let liveness = self.shop.liveness().await.map_err(|error| self.copy_error(error))?;
        if liveness.service == ServiceKind::Order {
            let why = "is the order service; give the address of a front-end or of a catalog";
            return Err(CopyError::Permanent(anyhow!("{} {why}", self.url())));
        }
        let Some(store) = liveness.store else {
            let why = "has not reached its store yet";
            return Err(CopyError::Transient(anyhow!("{} {why}", self.url())));
        };
        let epoch = liveness.epoch;
        Ok(SourceState {
            history: History { store, epoch },
            head: liveness.head.unwrap_or(Seq::ZERO),
        })
    }

    /// Reads a page of the ledger.
    pub(super) async fn page(&self, after: Seq) -> Result<LedgerPage, CopyError> {
        let response = self.shop.ledger(after, limits::LEDGER_PAGE_MAX).await;
        let page = response.and_then(|response| response.parse());
        page.map_err(|error| self.copy_error(error))
    }

    fn copy_error(&self, error: client::Error) -> CopyError {
        let client::Error::Problem(problem) = error else {
            return CopyError::Transient(error.into());
        };
        let why = anyhow!("{} answers: {problem}", self.url());
        match problem.code {
            Code::Unauthorized | Code::NotFound | Code::Misdirected | Code::InvalidRequest => CopyError::Permanent(why),
            _ => CopyError::Transient(why),
        }
    }
}
