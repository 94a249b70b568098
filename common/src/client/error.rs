//! The errors of a client.

use crate::{Code, Problem};

/// The reason why a request has no usable response; it tells whether the request may have had an effect.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The request was not sent: it had no effect.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// The requested URL.
        url: String,
        /// The cause.
        why: String,
    },
    /// The request was sent, but no complete response was received: it may have had an effect.
    #[error("no answer from {url}: {why}")]
    Lost {
        /// The requested URL.
        url: String,
        /// The cause.
        why: String,
    },
    /// The server responded with a problem.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The response does not come from a bookstore.
    #[error("{url} does not answer like a bookstore: {why}")]
    Malformed {
        /// The requested URL.
        url: String,
        /// What is wrong with the response.
        why: String,
    },
}

impl Error {
    pub(super) fn unreachable(url: &str, why: impl Into<String>) -> Self {
        let (url, why) = (url.to_owned(), why.into());
        Self::Unreachable { url, why }
    }

    pub(super) fn lost(url: &str, why: impl Into<String>) -> Self {
        let (url, why) = (url.to_owned(), why.into());
        Self::Lost { url, why }
    }

    pub(super) fn malformed(url: &str, why: impl Into<String>) -> Self {
        let (url, why) = (url.to_owned(), why.into());
        Self::Malformed { url, why }
    }

    /// The problem's code, if the server responded with a problem.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// The cause without the URL; of a problem, its title.
    pub fn cause(&self) -> &str {
        match self {
            Self::Unreachable { why, .. } | Self::Lost { why, .. } | Self::Malformed { why, .. } => why,
            Self::Problem(problem) => &problem.title,
        }
    }

    /// Whether this request certainly changed nothing.
    pub fn is_not_applied(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Lost { .. } | Self::Malformed { .. } => false,
            Self::Problem(problem) => problem.code.is_not_applied(),
        }
    }
}

/// The innermost cause, which is the informative one: "Connection refused", not "error sending request".
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    loop {
        let request = cause.downcast_ref::<reqwest::Error>();
        if request.is_some_and(reqwest::Error::is_timeout) {
            return "no answer in time".to_owned();
        }
        match cause.source() {
            Some(deeper) => cause = deeper,
            None => return super::tls::explain(cause).unwrap_or_else(|| cause.to_string()),
        }
    }
}
