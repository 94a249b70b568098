use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::client::Error;
use crate::wire::Hello;
use crate::{Epoch, GroupPosition, Seq, StoreId};

/// A feed of these items, slow or all at once; pending after the last one.
struct ScriptedFeed {
    items: VecDeque<StreamItem<Entry>>,
    is_slow: bool,
    reconnects: usize,
}

impl Feed for &mut ScriptedFeed {
    async fn next(&mut self) -> StreamItem<Entry> {
        if self.is_slow {
            tokio::task::yield_now().await;
        }
        match self.items.pop_front() {
            Some(item) => item,
            None => std::future::pending().await,
        }
    }

    fn reconnect(&mut self) {
        self.reconnects += 1;
    }
}

/// A call that a follower received.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Received {
    Connected { head: u64, after: u64 },
    Applied { first: u64, last: u64 },
    Disconnected,
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Received>>);

impl Recorder {
    fn push(&self, received: Received) {
        self.0.lock().unwrap().push(received);
    }
}

impl Follower for Recorder {
    fn connected(&self, hello: &Hello, after: Position) {
        let (head, after) = (hello.seq.0, after.seq.0);
        self.push(Received::Connected { head, after });
    }

    fn apply(&self, entries: &[Entry]) {
        let [first, last] = [entries.first(), entries.last()].map(|entry| entry.unwrap().seq.0);
        self.push(Received::Applied { first, last });
    }

    fn disconnected(&self) {
        self.push(Received::Disconnected);
    }
}

/// Follows a feed of these items; returns the calls of the follower and the number of requested reconnects.
async fn follow(items: Vec<StreamItem<Entry>>, is_slow: bool) -> (Vec<Received>, usize) {
    let mut feed = ScriptedFeed {
        items: items.into(),
        is_slow,
        reconnects: 0,
    };
    let recorder = Recorder::default();
    let following = follow_stream(&recorder, &mut feed);
    // The paused clock advances, and the timeout ends the wait, once the feed is pending.
    let _ = tokio::time::timeout(Duration::from_secs(1), following).await;
    (recorder.0.into_inner().unwrap(), feed.reconnects)
}

fn connected(seq: u64, after: u64) -> StreamItem<Entry> {
    StreamItem::Connected {
        hello: Hello {
            seq: Seq(seq),
            store: "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e".parse::<StoreId>().unwrap(),
            epoch: Epoch::FIRST,
        },
        after: Some(Seq(after).into()),
        store_changed: false,
    }
}

fn disconnected() -> StreamItem<Entry> {
    StreamItem::Disconnected {
        error: Error::lost("http://catalog", "the connection closed"),
        attempt: 1,
        retry_in: Duration::ZERO,
    }
}

/// A line of an order.
fn line(seq: u64, number: u16, count: u16) -> StreamItem<Entry> {
    let json = r#"{"seq":1,"at":"2026-01-31T12:00:00.000000Z","kind":"set","item":2,"change":0}"#;
    let entry: Entry = serde_json::from_str(json).unwrap();
    StreamItem::Event(Entry {
        seq: Seq(seq),
        line: GroupPosition::new(number, count).unwrap(),
        ..entry
    })
}

#[tokio::test(start_paused = true)]
async fn an_order_is_handed_on_when_its_last_line_has_arrived_and_resumed_after_as_a_whole() {
    let items = || {
        vec![
            connected(4, 4),
            line(5, 1, 1),
            line(6, 1, 2),
            disconnected(),
            connected(8, 5),
            line(6, 1, 2),
            line(7, 2, 2),
            line(8, 1, 1),
        ]
    };
    let connection = [
        Received::Connected { head: 4, after: 4 },
        Received::Applied { first: 5, last: 5 },
    ];
    let next = [Received::Disconnected, Received::Connected { head: 8, after: 5 }];
    let together = [Received::Applied { first: 6, last: 8 }];
    assert_eq!(
        follow(items(), false).await,
        ([&connection[..], &next, &together].concat(), 0)
    );
    let apart = [
        Received::Applied { first: 6, last: 7 },
        Received::Applied { first: 8, last: 8 },
    ];
    assert_eq!(
        follow(items(), true).await,
        ([&connection[..], &next, &apart].concat(), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_ends_before_the_position_is_followed_over_a_new_connection() {
    let (received, reconnects) = follow(vec![connected(2, 4)], false).await;
    assert_eq!(
        (received, reconnects),
        (vec![Received::Connected { head: 2, after: 2 }], 1)
    );
}
