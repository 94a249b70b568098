//! The condition of a catalog's store, as `/livez` shows it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The last known condition of a catalog's store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoreHealth {
    /// The last append succeeded.
    #[default]
    Ok,
    /// The disk is full.
    Full,
    /// The database accepts no writes.
    ReadOnly,
    /// The database does not answer.
    Unreachable,
    /// The ledger lacks entries that the catalog has read or written.
    LostEntries,
}
