//! The head of a request.

use std::net::IpAddr;
use std::sync::Arc;

use common::Position;
use common::client::CallCause;
use common::if_match::names_tag;
use http::header::IF_NONE_MATCH;
use http::request::Parts;
use http::{HeaderValue, Method, Uri, Version};

use super::request_fields::{RequestFields, text};
use super::{headers, request_id};

/// The head of a request, and the address of its connection's other end.
#[derive(Debug)]
pub(super) struct RequestHead {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) fields: RequestFields,
    pub(super) peer: IpAddr,
    /// The declared length of the body, in bytes; `None` for a chunked one.
    pub(super) body_bytes: Option<u64>,
    /// The client's `X-Request-Id`, or a new one.
    pub(super) request_id: HeaderValue,
    /// The `traceparent` of the request's own span; `None` if no span is recorded.
    pub(super) traceparent: Option<HeaderValue>,
    /// The number of services that the request came through; `None` if the field is invalid.
    pub(super) hops: Option<u32>,
}

impl RequestHead {
    pub(super) fn new(parts: Parts, peer: IpAddr, body_bytes: Option<u64>) -> Self {
        let fields = RequestFields::new(parts.headers);
        let hops = fields.get(&headers::HOPS);
        Self {
            request_id: request_id::of(fields.get(&headers::REQUEST_ID)),
            traceparent: None,
            hops: hops.map_or(Some(0), |hops| hops.to_str().ok()?.parse().ok()),
            method: parts.method,
            uri: parts.uri,
            version: parts.version,
            fields,
            peer,
            body_bytes,
        }
    }

    /// Whether the request has a body that is not empty, as far as the head tells.
    pub(super) fn has_body(&self) -> bool {
        self.body_bytes != Some(0)
    }

    /// The id for the response. Moved out if the head has one owner, because cloning allocates.
    pub(super) fn take_request_id(self: &mut Arc<Self>) -> HeaderValue {
        match Arc::get_mut(self) {
            Some(head) => std::mem::replace(&mut head.request_id, const { HeaderValue::from_static("-") }),
            None => self.request_id.clone(),
        }
    }

    /// Whether `If-None-Match` names the tag of a position.
    pub(super) fn has_etag(&self, position: Position) -> bool {
        let mut lists = self.fields.values(&IF_NONE_MATCH).map(text).peekable();
        lists.peek().is_some()
            && headers::entity_tag(position).is_some_and(|tag| lists.any(|list| names_tag(list, &tag)))
    }

    /// Whether `Bookstore-Seq` names a later position.
    pub(super) fn knows_newer(&self, position: Position) -> bool {
        let known = self.fields.get(&headers::SEQ).map(text);
        known
            .and_then(|known| known.parse::<Position>().ok())
            .is_some_and(|known| known > position)
    }
}

impl CallCause for RequestHead {
    fn request_id(&self) -> &HeaderValue {
        &self.request_id
    }

    fn traceparent(&self) -> Option<&HeaderValue> {
        let own = self.traceparent.as_ref();
        own.or_else(|| self.fields.get(&headers::TRACEPARENT))
    }

    fn hops(&self) -> u32 {
        self.hops.unwrap_or_default()
    }
}
