//! Order ids. The id of an order is its `Idempotency-Key`.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::parse::Error;
use crate::time;

const EXPECTED: Error = Error("a UUID, like 0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e");

/// The id of an order, or of a shopkeeper's change: a UUID of any version, written in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Uuid)]
pub struct OrderId(Uuid);

impl OrderId {
    /// A new id, which sorts after older ids (UUID version 7, RFC 9562).
    pub fn generate() -> Self {
        Self(time::new_uuid(SystemTime::now()))
    }

    /// Appends the text of the id.
    pub fn write_to(self, text: &mut Vec<u8>) {
        let mut hyphenated = Uuid::encode_buffer();
        text.extend_from_slice(self.0.hyphenated().encode_lower(&mut hyphenated).as_bytes());
    }

    /// The bits of the UUID, high half first.
    pub fn as_u64_pair(self) -> (u64, u64) {
        self.0.as_u64_pair()
    }
}

impl From<Uuid> for OrderId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for OrderId {
    type Err = Error;

    /// Parses a hyphenated UUID, bare or in double quotes (the string of a structured header field, RFC 8941).
    fn from_str(text: &str) -> Result<Self, Error> {
        let bare = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text);
        if bare.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(EXPECTED);
        }
        Uuid::try_parse(bare).map(Self).map_err(|_| EXPECTED)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_uuid_quoted_or_bare() {
        let bare = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e";
        assert_eq!(bare.parse::<OrderId>(), format!("\"{bare}\"").parse());
        assert_eq!(
            bare.to_uppercase().parse::<OrderId>().map(|id| id.to_string()),
            Ok(bare.to_owned())
        );
        for text in [
            "",
            "\"\"",
            "abc",
            "\"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e",
            &bare[1..],
            &bare.replace('-', ""),
        ] {
            assert!(text.parse::<OrderId>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn generated_ids_differ_and_sort_by_age() {
        let (older, newer) = (OrderId::generate(), OrderId::generate());
        assert!(older < newer);
    }
}
