//! The JSON of what travels in batches, written and read without looking names up: fields in the order of their
//! declaration, no blanks, as `serde_json` writes it too. What was written in any other way is read by `serde_json`, so that
//! every JSON that says the same is understood the same; it only costs more.

mod bodies;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) use bodies::push_open_receipt;
pub use reader::JsonReader;

/// A body, or a part of one, that hundreds of thousands of purchases a second go through.
pub trait FastJson: Serialize + DeserializeOwned {
    /// Appends its JSON.
    fn write_json(&self, json: &mut Vec<u8>);

    /// Reads it off the front of a text; nothing where it is written in another way.
    fn read_json(json: &mut JsonReader<'_>) -> Option<Self>;

    /// Its JSON.
    fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        self.write_json(&mut json);
        json
    }

    /// Reads it from a whole text, however it is written.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    fn from_json(json: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(json).map_err(|error| error.to_string())?;
        let mut reader = JsonReader::new(text);
        match Self::read_json(&mut reader) {
            Some(value) if reader.is_at_end() => Ok(value),
            _ => serde_json::from_str(text).map_err(|error| error.to_string()),
        }
    }
}
