//! Positions in a ledger, and the ids of stores.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::parse::{Error, parse_digits};
use crate::time;

/// An entry's position in the ledger, from 1 without gaps; 0 is the position before the first entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = u64, format = "uint64", maximum = 18_446_744_073_709_551_615_u64, example = 5)]
pub struct Seq(pub u64);

impl Seq {
    /// The position before the first entry.
    pub const ZERO: Self = Self(0);

    /// The next position, saturating: no ledger reaches 2⁶⁴ entries.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number of entries after `earlier` up to this one; 0 if `earlier` is not earlier.
    pub fn distance_from(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl FromStr for Seq {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_digits(text)
            .map(Self)
            .ok_or(Error("a position in the ledger, a whole number"))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a store's ledger. A new store and a restored backup have new ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Uuid)]
pub struct StoreId(Uuid);

impl StoreId {
    /// A new id.
    pub fn generate() -> Self {
        Self(time::new_uuid(SystemTime::now()))
    }
}

impl FromStr for StoreId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
