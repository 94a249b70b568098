//! Parsers of values in text and in JSON.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};

/// An invalid text or number; states what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct Error(pub(crate) &'static str);

/// Parses a whole number: digits alone, without sign, blanks or exponent.
pub(crate) fn parse_digits(text: &str) -> Option<u64> {
    let add = |number: u64, byte: u8| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    };
    text.bytes().try_fold(0, add).filter(|_| !text.is_empty())
}

/// Deserializes a value that is a string in JSON.
pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(ParseVisitor(PhantomData))
}

struct ParseVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: Display>> Visitor<'_> for ParseVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Declares an enum whose variants are words in JSON and in text. The literal after its name is what [`Error`] says was
/// expected. The words are `tt` fragments, because utoipa cannot parse `literal` fragments.
macro_rules! words {
    (
        $(#[$attribute:meta])*
        pub enum $type:ident($expected:literal) { $($(#[$doc:meta])* $variant:ident = $word:tt,)* }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $type {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $type {
            /// All variants, in the order of their declaration.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            /// The variant's word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::parse::Error;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::parse::Error($expected)),
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

/// Gives a type the OpenAPI schema of the type of its JSON.
macro_rules! schema_of {
    ($type:ty: $json:ty) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                <$json as utoipa::PartialSchema>::schema()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                <$json as utoipa::ToSchema>::name()
            }

            fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
                <$json as utoipa::ToSchema>::schemas(schemas);
            }
        }
    };
}

pub(crate) use {schema_of, words};

#[cfg(test)]
mod tests {
    use crate::Code;

    #[test]
    fn a_word_is_the_same_in_json_and_in_text() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(code.to_string().parse(), Ok(code));
        }
        assert!("Sold-Out".parse::<Code>().is_err());
    }
}
