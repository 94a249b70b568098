//! The followers: readers of the ledger in this process. The ledger thread calls them with the entries before it answers the
//! jobs that appended them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use common::client::Follower;
use common::wire::Hello;
use common::{Entry, Seq, limits};

use super::state::State;

/// The followers of one catalog. Their lock is held while the state changes, so that a new follower gets every entry exactly
/// once.
#[derive(Default)]
pub(super) struct Followers(Mutex<List>);

#[derive(Default)]
struct List {
    followers: Vec<Arc<dyn Follower>>,
    /// Whether the ledger thread has ended.
    is_closed: bool,
}

impl fmt::Debug for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Followers")
    }
}

impl Followers {
    /// Adds a follower and hands it the newest entries.
    pub(super) fn add(&self, follower: Arc<dyn Follower>, state: &RwLock<State>) {
        let mut list = self.lock();
        {
            let state = state.read().unwrap_or_else(PoisonError::into_inner);
            // Its subscribers may lag behind by this many entries.
            let oldest = Seq(state.head.0.saturating_sub(limits::SUBSCRIBER_LAG_MAX));
            connect(&*follower, &state, oldest);
        }
        match list.is_closed {
            true => follower.disconnected(),
            false => list.followers.push(follower),
        }
    }

    /// Hands the next entries to the followers, and then applies them to the catalog's own state.
    pub(super) fn apply(&self, entries: Vec<Entry>, state: &RwLock<State>) {
        let list = self.lock();
        list.followers.iter().for_each(|follower| follower.apply(&entries));
        state.write().unwrap_or_else(PoisonError::into_inner).apply(entries);
    }

    /// Replaces the catalog's own state by one that may have another history, and reconnects the followers.
    pub(super) fn replace(&self, new: State, state: &RwLock<State>) {
        let list = self.lock();
        let mut state = state.write().unwrap_or_else(PoisonError::into_inner);
        // After another history, the followers read everything again.
        let known = match state.store == new.store {
            true => state.head.min(new.head),
            false => new.head,
        };
        list.followers
            .iter()
            .for_each(|follower| connect(&**follower, &new, known));
        *state = new;
    }

    /// Disconnects all followers, and every follower that is added later.
    pub(super) fn disconnect(&self) {
        let mut list = self.lock();
        list.is_closed = true;
        list.followers.drain(..).for_each(|follower| follower.disconnected());
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands a follower the entries after `oldest`.
fn connect(follower: &dyn Follower, state: &State, oldest: Seq) {
    let head = state.position();
    let hello = Hello {
        seq: head.seq,
        store: state.store,
        epoch: head.epoch,
    };
    let newest = state.decisions.entries_after(oldest, usize::MAX);
    // The page may begin within a group; skip to the first whole one.
    let newest = newest.unwrap_or_default();
    let start = newest.iter().position(|entry| entry.line.is_first());
    let newest = start.and_then(|start| newest.get(start..)).unwrap_or_default();
    let after = newest
        .first()
        .map_or(state.head, |first| Seq(first.seq.0.saturating_sub(1)));
    follower.connected(&hello, head.at(after));
    if !newest.is_empty() {
        follower.apply(newest);
    }
}
