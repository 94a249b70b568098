//! Reading, following and appending to the journal.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use super::EffectRunner;
use crate::journal::{Journal, Record};
use crate::message::Event;

/// Time between two reads of the records that other programs append.
const JOURNAL_POLL_INTERVAL: Duration = Duration::from_secs(1);

impl EffectRunner {
    pub(in crate::runtime) fn load_journal(&self) {
        let (location, journal) = (self.location.clone(), Arc::clone(&self.journal));
        let events = self.events.clone();
        self.spawn(async move {
            let changes = location.changes.as_ref().map(watch::Sender::subscribe);
            let opened = tokio::task::spawn_blocking(move || Journal::open(&location)).await;
            Event::JournalLoaded(match opened {
                Ok(Ok((opened, contents))) => {
                    // An earlier call may have opened the journal already.
                    if journal.set(opened).is_ok() {
                        tokio::spawn(follow_journal(journal, changes, events));
                    }
                    Ok(contents)
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            })
        });
    }

    pub(in crate::runtime) fn append_journal(&self, record: Record) {
        let (events, journal) = (self.events.clone(), Arc::clone(&self.journal));
        self.writes.spawn(async move {
            if let Err(error) = append(journal, record).await {
                // The receipt is not lost: the next start looks up the order again.
                let notice = format!("The receipt could not be saved: {error}");
                let _ = events.send(Event::Notice(notice)).await;
            }
        });
    }
}

/// Sends records that are appended to the journal, until the event loop has ended.
async fn follow_journal(
    journal: Arc<OnceLock<Journal>>,
    mut changes: Option<watch::Receiver<()>>,
    events: mpsc::Sender<Event>,
) {
    let mut poll = tokio::time::interval(JOURNAL_POLL_INTERVAL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let may_have_grown = async {
            match &mut changes {
                Some(changes) => {
                    // The sender lives in the journal.
                    let _ = changes.changed().await;
                }
                None => {
                    poll.tick().await;
                }
            }
        };
        tokio::select! {
            () = may_have_grown => {}
            () = events.closed() => return,
        }
        let journal = Arc::clone(&journal);
        let read = tokio::task::spawn_blocking(move || journal.get().map(Journal::read_new));
        // A file that cannot be read now may be readable later; appending reports the error.
        if let Ok(Some(Ok(contents))) = read.await
            && !contents.records.is_empty()
            && events.send(Event::JournalGrew(contents)).await.is_err()
        {
            return;
        }
    }
}

pub(super) async fn append(journal: Arc<OnceLock<Journal>>, record: Record) -> Result<(), String> {
    let written = tokio::task::spawn_blocking(move || match journal.get() {
        Some(journal) => journal.append(&[record]).map_err(|error| error.to_string()),
        None => Err("the list of your orders is not open".to_owned()),
    });
    written.await.map_err(|error| error.to_string())?
}
