//! Reads: from memory where that is fresh enough, from the catalog otherwise, and from memory with its age while the
//! catalog cannot be reached.

use common::client::{Error, Freshness, Response as Reply};
use common::wire::{Book, BookPage};
use common::{ItemNumber, Seq};
use serde::de::DeserializeOwned;

use super::Frontend;
use super::cache::Hit;
use super::selector::Selector;
use crate::http::{Answer, Outcome};

/// What a customer reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The topics.
    Topics,
    /// One book.
    Book(ItemNumber),
    /// A page of books.
    Page {
        /// What is searched for.
        selector: Selector,
        /// By which the page is kept: the query as it was written.
        key: String,
        /// Books on a page.
        limit: usize,
        /// The `next` of the page before.
        after: Option<String>,
    },
}

/// What may be in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept<'a> {
    /// The topics.
    Topics,
    /// One book.
    Book(ItemNumber),
    /// The page of that key.
    Page(&'a str),
}

impl Wanted {
    fn kept(&self) -> Kept<'_> {
        match self {
            Self::Topics => Kept::Topics,
            Self::Book(item) => Kept::Book(*item),
            Self::Page { key, .. } => Kept::Page(key),
        }
    }
}

impl Frontend {
    /// From memory, or nothing while that is not fresh enough or the catalog's feed is lost.
    pub(super) fn glance(&self, kept: Kept<'_>, fresh: Freshness) -> Option<Answer> {
        self.kept(kept, fresh).filter(|hit| hit.age_s.is_none()).map(hit)
    }

    /// From memory or from the catalog.
    pub(super) async fn look(&self, wanted: &Wanted, fresh: Freshness) -> Outcome {
        if let Some(answer) = self.glance(wanted.kept(), fresh) {
            return Ok(answer);
        }
        let reply = match wanted {
            Wanted::Topics => self.catalog.topics(fresh).await,
            Wanted::Book(item) => self.catalog.lookup(*item, fresh).await,
            Wanted::Page {
                selector, limit, after, ..
            } => match selector {
                Selector::Item(item) => self.catalog.lookup(*item, fresh).await,
                Selector::Topic(topic) => self.catalog.search_topic(topic, *limit, after.as_deref(), fresh).await,
                Selector::Words(words) => self.catalog.search_words(words, *limit, after.as_deref(), fresh).await,
            },
        };
        if let Err(error) = &reply
            && let Some(kept) = self.kept(wanted.kept(), fresh)
        {
            tracing::debug!(%error, "an answer is given from memory while the catalog is away");
            return Ok(hit(kept));
        }
        self.keep(wanted, &reply);
        self.relay(reply).map(|answer| answer.cached("bookstore; fwd=miss"))
    }

    fn kept(&self, kept: Kept<'_>, fresh: Freshness) -> Option<Hit> {
        let cache = self.live.cache();
        match kept {
            Kept::Topics => cache.topics(fresh),
            Kept::Book(item) => cache.book(item, fresh),
            Kept::Page(key) => cache.page(key, fresh),
        }
    }

    fn keep(&self, wanted: &Wanted, reply: &Result<Reply, Error>) {
        let Ok(reply) = reply else { return };
        let (true, Some(at)) = (reply.is_success(), reply.seq) else {
            return;
        };
        let cache = self.live.cache();
        match wanted {
            Wanted::Topics => cache.keep_topics(reply.body.clone(), at),
            Wanted::Book(_) => parsed::<Book>(reply, at, |book| cache.keep_book(book, at)),
            Wanted::Page { key, .. } => parsed::<BookPage>(reply, at, |page| cache.keep_page(key, page, at)),
        }
    }
}

fn parsed<T: DeserializeOwned>(reply: &Reply, at: Seq, keep: impl FnOnce(T)) {
    match reply.parse() {
        Ok(what) => keep(what),
        Err(error) => tracing::warn!(%error, %at, "an answer of the catalog was not kept"),
    }
}

fn hit(hit: Hit) -> Answer {
    let answer = Answer::json_bytes(hit.json).at(Some(hit.at)).tagged(hit.tag);
    match hit.age_s {
        None => answer.cached("bookstore; hit"),
        Some(age_s) => answer.cached(format!("bookstore; hit; ttl=-{age_s}")).aged(age_s),
    }
}
