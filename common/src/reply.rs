//! Replies to callers that wait in a tokio runtime.
//!
//! Each wake-up of a task from a thread outside its runtime costs a system call. So in each runtime with callers of a batch,
//! one task sends the replies.

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

/// The sender of a reply to a waiting caller.
#[derive(Debug)]
pub struct Reply<T> {
    sender: oneshot::Sender<T>,
    runtime: Option<Handle>,
}

impl<T> Reply<T> {
    /// A reply to a caller in the current runtime, and the caller's receiver, which fails if the reply is dropped unsent.
    pub fn new() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        let runtime = Handle::try_current().ok();
        (Self { sender, runtime }, receiver)
    }

    /// Sends the value and wakes the caller. Has no effect if the caller was dropped.
    pub fn send(self, value: T) {
        // Fails only if the caller was dropped.
        let _ = self.sender.send(value);
    }

    /// The runtime of the caller; `None` if it waits outside of a runtime.
    pub fn runtime(&self) -> Option<&Handle> {
        self.runtime.as_ref()
    }
}

/// A reply together with its value.
pub trait ReadyReply: Send + 'static {
    /// The runtime of the caller; `None` if it waits outside of a runtime.
    fn runtime(&self) -> Option<&Handle>;

    /// Sends the value and wakes the caller.
    fn send(self);
}

impl<T: Send + 'static> ReadyReply for (Reply<T>, T) {
    fn runtime(&self) -> Option<&Handle> {
        self.0.runtime()
    }

    fn send(self) {
        self.0.send(self.1);
    }
}

/// Sends replies. One task in each other runtime sends the replies to its callers.
pub fn send_all<A: ReadyReply>(answers: impl IntoIterator<Item = A>) {
    let mut groups: Vec<(Option<Id>, Vec<A>)> = Vec::new();
    for answer in answers {
        let id = answer.runtime().map(Handle::id);
        match groups.iter_mut().find(|(known, _)| *known == id) {
            Some((_, group)) => group.push(answer),
            None => groups.push((id, vec![answer])),
        }
    }
    let current = Handle::try_current().ok().map(|runtime| runtime.id());
    for (id, group) in groups {
        let elsewhere = group.first().filter(|_| group.len() > 1 && id != current);
        let elsewhere = elsewhere.and_then(A::runtime).cloned();
        let send = || group.into_iter().for_each(A::send);
        match elsewhere {
            Some(runtime) => drop(runtime.spawn(async { send() })),
            None => send(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn the_callers_of_every_runtime_get_their_own_values() {
        let runtimes = [1, 2, 3].map(|_| Builder::new_current_thread().build().unwrap());
        let asked = (0..10).map(|n| {
            let _entered = runtimes[n % 3].enter();
            (n, Reply::<usize>::new())
        });
        let (answers, receivers): (Vec<_>, Vec<_>) =
            asked.map(|(n, (reply, receiver))| ((reply, n * n), receiver)).unzip();
        let sending = thread::spawn(|| send_all(answers));
        for (n, receiver) in receivers.into_iter().enumerate() {
            assert_eq!(runtimes[n % 3].block_on(receiver), Ok(n * n));
        }
        sending.join().unwrap();
    }

    #[tokio::test]
    async fn in_the_runtime_of_the_callers_they_are_sent_at_once() {
        let asked: Vec<_> = (0..3).map(|_| Reply::new()).collect();
        let (replies, mut receivers): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        // A caller that is gone does not hold up the others.
        receivers.remove(0);
        send_all(replies.into_iter().zip(1..));
        assert_eq!(
            receivers
                .iter_mut()
                .map(oneshot::Receiver::try_recv)
                .collect::<Vec<_>>(),
            [Ok(2), Ok(3)]
        );
    }
}
