//! Deduplicates texts that many books or entries have, such as topics.

use std::collections::HashSet;

use ahash::RandomState;
use common::ArcStr;

/// The distinct texts of the books or entries that are being read.
#[derive(Debug, Default)]
pub(crate) struct SharedTexts(HashSet<ArcStr, RandomState>);

impl SharedTexts {
    pub(crate) fn get(&mut self, text: &str) -> ArcStr {
        match self.0.get(text) {
            Some(known) => known.clone(),
            None => {
                let text = ArcStr::from(text);
                self.0.insert(text.clone());
                text
            }
        }
    }
}
