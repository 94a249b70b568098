//! The store that a command reads.

use anyhow::Result;

use super::progress::Progress;
use crate::store::{self, Inspection, StoreState};

/// Reads a store whose catalog file was not edited by hand. A catalog may run meanwhile.
pub(super) fn inspect(url: &store::Url) -> Result<(Box<dyn store::Store>, StoreState)> {
    let progress = Progress::waiting(format!("opening {url}"));
    let Inspection {
        store, state, edits, ..
    } = store::inspect(url)?;
    if !edits.is_empty() {
        return Err(store::Error::Edited {
            path: url.to_string().into(),
            differences: edits,
        }
        .into());
    }
    drop(progress);
    Ok((store, state))
}
