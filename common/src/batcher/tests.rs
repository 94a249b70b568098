use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use proptest::prelude::*;
use tokio::sync::Notify;

use super::*;

fn limits(queued: usize, batch: usize, in_flight: usize) -> Limits {
    let count = |n| NonZeroUsize::new(n).unwrap();
    Limits {
        max_queued: count(queued),
        max_batch: count(batch),
        max_in_flight: count(in_flight),
    }
}

/// Enqueues several items at once and waits for all results.
async fn call_all<T: Send + 'static>(
    batcher: &Batcher<T, T>,
    inputs: impl IntoIterator<Item = T>,
) -> Vec<Result<T, Error>> {
    join_all(inputs.into_iter().map(|input| batcher.call(input))).await
}

#[tokio::test]
async fn a_single_item_is_sent_at_once() {
    let batcher = Batcher::new(limits(8, 8, 1), |_| 1, |batch: Vec<u32>| async move { batch });
    assert_eq!(batcher.call(7).await, Ok(7));
}

#[tokio::test]
async fn items_enqueued_while_a_batch_is_in_flight_are_sent_together() {
    let (completed, sizes) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
    let (complete, log) = (Arc::clone(&completed), Arc::clone(&sizes));
    let batcher = Batcher::new(
        limits(64, 64, 1),
        |_| 1,
        move |batch: Vec<u32>| {
            let (complete, log) = (Arc::clone(&complete), Arc::clone(&log));
            async move {
                log.lock().unwrap().push(batch.len());
                complete.notified().await;
                batch
            }
        },
    );
    let first = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.call(0).await }
    });
    while sizes.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let others = tokio::spawn({
        let batcher = batcher.clone();
        async move { call_all(&batcher, 1..=20).await }
    });
    while batcher.queued() < 20 {
        tokio::task::yield_now().await;
    }
    completed.notify_one();
    assert_eq!(first.await.unwrap(), Ok(0));
    completed.notify_one();
    assert_eq!(others.await.unwrap(), (1..=20).map(Ok).collect::<Vec<_>>());
    assert_eq!(*sizes.lock().unwrap(), [1, 20]);
}

#[tokio::test]
async fn a_full_queue_rejects_items_and_a_missing_result_is_lost() {
    let batcher = Batcher::new(limits(2, 1, 1), |_| 1, |_: Vec<u32>| async { Vec::<u32>::new() });
    // Nothing runs between these calls, so the third finds the queue full.
    let results = call_all(&batcher, [1, 2, 3]).await;
    assert_eq!(results, [Err(Error::Lost), Err(Error::Lost), Err(Error::Full)]);
}

#[tokio::test]
async fn the_queue_is_limited_by_the_size_of_its_items() {
    let batcher = Batcher::new(
        limits(10, 10, 1),
        |&size| size,
        |batch: Vec<usize>| async move { batch },
    );
    // Nothing runs between these calls.
    let results = call_all(&batcher, [11, 6, 5, 4, 1]).await;
    assert_eq!(
        results,
        [Err(Error::Full), Ok(6), Err(Error::Full), Ok(4), Err(Error::Full)]
    );
    assert_eq!((batcher.queued(), batcher.metrics().rejected.get()), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn items_that_would_wait_too_long_are_rejected() {
    let batcher = Batcher::new(
        limits(64, 2, 1),
        |_| 1,
        |batch: Vec<u32>| async move {
            tokio::time::sleep(WAIT_MAX * 2 / 3).await;
            batch
        },
    );
    assert_eq!(batcher.call(0).await, Ok(0));
    let in_flight = batcher.enqueue(1).unwrap();
    tokio::task::yield_now().await;
    let results = call_all(&batcher, 2..8).await;
    let (accepted, rejected) = results.split_at(4);
    assert!(
        accepted.iter().all(Result::is_ok),
        "one full batch before them: {accepted:?}"
    );
    assert_eq!(rejected, [Err(Error::Full); 2], "two full batches before them");
    assert_eq!(in_flight.await, Ok(1));
    assert_eq!(batcher.call(9).await, Ok(9), "the queue is empty again");
}

#[tokio::test]
async fn an_item_is_processed_after_its_caller_is_dropped() {
    let done = Arc::new(Notify::new());
    let process = Arc::clone(&done);
    let batcher = Batcher::new(
        limits(8, 8, 1),
        |_| 1,
        move |batch: Vec<u32>| {
            let process = Arc::clone(&process);
            async move {
                process.notify_one();
                batch
            }
        },
    );
    drop(batcher.enqueue(1).unwrap());
    done.notified().await;
}

/// A size from 1 to 3.
fn size(item: &usize) -> usize {
    item % 3 + 1
}

proptest! {
    #[test]
    fn every_item_gets_its_own_result_within_the_limits(
        items in 1_usize..300, batch in 1_usize..20, in_flight in 1_usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (current, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (now, peak) = (Arc::clone(&current), Arc::clone(&most));
            let batcher = Batcher::new(limits(900, batch, in_flight), size, move |inputs: Vec<usize>| {
                let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
                async move {
                    assert!(inputs.len() == 1 || inputs.iter().map(size).sum::<usize>() <= batch);
                    peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    inputs.into_iter().map(|input| input * 3).collect()
                }
            });
            let results = call_all(&batcher, 0..items).await;
            assert_eq!(results, (0..items).map(|input| Ok(input * 3)).collect::<Vec<_>>());
            assert!(most.load(Ordering::SeqCst) <= in_flight);
        });
    }
}
