//! A request as handlers see it. Each part is parsed when a handler reads it.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use common::client::{CatalogUpdate, Freshness};
use common::wire::{BookChanges, FastJson};
use common::{Code, Deadline, IfMatch, IfNoneMatch, OrderId, Position, Timestamp};
use http::HeaderValue;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, IF_MATCH, IF_NONE_MATCH};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::request_fields::text;
use super::request_head::RequestHead;
use super::{ApiError, headers};

/// The media type of bodies.
const JSON: &str = "application/json";

/// A request that matched a route.
#[derive(Debug)]
pub(crate) struct Request {
    /// The route's path template; `None` if that has no parameters.
    pub(super) template: Option<Arc<str>>,
    pub(super) head: Arc<RequestHead>,
    /// Whether the route changes something; then the body's type is checked before the handler is called.
    pub(super) is_change: bool,
    /// Whether a request on an exempt route has the service token, or no token is configured.
    pub(super) is_from_service: bool,
    pub(super) body: Result<Bytes, ApiError>,
}

impl Request {
    /// The path segment at `{name}` of the route's template, percent-decoded; empty if the template has none.
    pub(crate) fn path_param(&self, name: &str) -> Result<Cow<'_, str>, ApiError> {
        let is_named = |part: &str| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) == Some(name);
        let template = self.template.as_deref().unwrap_or_default();
        let mut segments = template.split('/').zip(self.head.uri.path().split('/'));
        let raw = segments.find(|(part, _)| is_named(part)).map_or("", |(_, raw)| raw);
        let decoded = percent_decode_str(raw).decode_utf8();
        decoded.map_err(|_| ApiError::invalid("The address is not UTF-8."))
    }

    pub(crate) fn parse_path_param<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, ApiError> {
        parse(name, &self.path_param(name)?)
    }

    /// The query, still percent-encoded.
    pub(crate) fn raw_query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// A query parameter, percent-decoded; an error if it is given more than once.
    pub(crate) fn query_param(&self, name: &str) -> Result<Option<String>, ApiError> {
        let mut values = form_urlencoded::parse(self.raw_query().as_bytes()).filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.into_owned());
        if values.next().is_some() {
            return Err(ApiError::invalid(format!("`{name}` is given more than once.")));
        }
        Ok(value)
    }

    pub(crate) fn parse_query_param<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, ApiError> {
        self.query_param(name)?.map(|value| parse(name, &value)).transpose()
    }

    /// The page size, 1 to `max`: `limit` in the query.
    pub(crate) fn page_limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        let Some(text) = self.query_param("limit")? else {
            return Ok(default);
        };
        match text.parse() {
            Ok(limit) if (1..=max).contains(&limit) && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(limit),
            _ => Err(ApiError::invalid(format!(
                "limit: expected a whole number from 1 to {max}."
            ))),
        }
    }

    /// Whether it has no body; `false` if reading the body failed.
    pub(crate) fn is_bodiless(&self) -> bool {
        self.body.as_ref().is_ok_and(Bytes::is_empty)
    }

    pub(crate) fn has_body(&mut self) -> Result<bool, ApiError> {
        Ok(!self.bytes()?.is_empty())
    }

    /// The body as JSON; an error if it is not a JSON object, is larger than the route allows, or has another media type.
    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        self.json_by(|body| serde_json::from_slice(body).map_err(|error| error.to_string()))
    }

    /// The body as JSON like [`Self::json`], through [`FastJson`]: for the bodies of purchases.
    pub(crate) fn fast_json<T: FastJson>(&mut self) -> Result<T, ApiError> {
        self.json_by(T::from_json)
    }

    fn json_by<T>(&mut self, read: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, ApiError> {
        let body = self.bytes()?;
        if !self.is_change {
            self.check_content_type()?;
        }
        if body.is_empty() {
            return Err(ApiError::invalid("The request needs a JSON body."));
        }
        // serde would accept an array as a struct with its fields in order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(ApiError::invalid("The body: expected a JSON object."));
        }
        read(&body).map_err(|why| ApiError::invalid(format!("The body: {why}.")))
    }

    /// The body as JSON; the default if it is empty.
    pub(crate) fn json_or_default<T: DeserializeOwned + Default>(&mut self) -> Result<T, ApiError> {
        if self.has_body()? {
            self.json()
        } else {
            Ok(T::default())
        }
    }

    fn bytes(&mut self) -> Result<Bytes, ApiError> {
        std::mem::replace(&mut self.body, Ok(Bytes::new())).inspect(|body| self.body = Ok(body.clone()))
    }

    /// No `Content-Type` means JSON.
    fn check_content_type(&self) -> Result<(), ApiError> {
        let is_json = |value: &HeaderValue| {
            // Most requests have exactly this text, which needs no parsing.
            *value == JSON
                || text(value)
                    .split(';')
                    .next()
                    .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(JSON))
        };
        if self.head.fields.values(&CONTENT_TYPE).all(is_json) {
            return Ok(());
        }
        let detail = "Send the body as application/json.";
        Err(ApiError::new(Code::UnsupportedMediaType, detail))
    }

    /// Checks the body of a change, even if the handler does not read it.
    pub(super) fn check_change(&mut self) -> Result<(), ApiError> {
        if self.is_change {
            self.bytes()?;
            self.check_content_type()?;
        }
        Ok(())
    }

    /// Refuses a compressed body, which would be parsed as if it were plain.
    pub(super) fn check_content_encoding(&self) -> Result<(), ApiError> {
        if !self.head.has_body() {
            return Ok(());
        }
        let is_identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if self.head.fields.values(&CONTENT_ENCODING).all(is_identity) {
            return Ok(());
        }
        let detail = "Send the body without a content encoding.";
        Err(ApiError::new(Code::UnsupportedMediaType, detail))
    }

    /// `Idempotency-Key`: the order's id; an error if it is repeated, empty or not a UUID.
    pub(crate) fn idempotency_key(&self) -> Result<Option<OrderId>, ApiError> {
        let mut keys = self.head.fields.values(&headers::IDEMPOTENCY_KEY);
        let Some(key) = keys.next() else { return Ok(None) };
        if keys.next().is_some() {
            return Err(ApiError::invalid("Idempotency-Key: expected one UUID, found several."));
        }
        parse("Idempotency-Key", key.to_str().unwrap_or_default()).map(Some)
    }

    /// `Bookstore-Deadline`: the latest time at which the purchase or change may be done.
    pub(crate) fn deadline(&self) -> Result<Option<Deadline>, ApiError> {
        let deadline = self.header(&headers::DEADLINE);
        deadline.map(|text| parse("Bookstore-Deadline", text)).transpose()
    }

    /// `If-Match`: the entity tags for which a change is done; an error if it is neither `*` nor a list of entity tags.
    pub(crate) fn if_match(&self) -> Result<Option<IfMatch>, ApiError> {
        let list = self.list(&IF_MATCH);
        list.map(|list| parse("If-Match", &list)).transpose()
    }

    /// A list field, joined if it has several lines; `None` if the field is missing.
    fn list(&self, name: &HeaderName) -> Option<String> {
        let fields = self.head.fields.values(name);
        let lists: Vec<&str> = fields.map(text).collect();
        (!lists.is_empty()).then(|| lists.join(","))
    }

    /// A shopkeeper's change, with its key, condition and deadline from the header fields.
    pub(crate) fn catalog_update(&self, changes: BookChanges) -> Result<CatalogUpdate, ApiError> {
        let key = self.idempotency_key()?;
        Ok(CatalogUpdate {
            id: key.unwrap_or_else(OrderId::generate),
            changes,
            keyed: key.is_some(),
            if_match: self.if_match()?,
            if_none_match: self.list(&IF_NONE_MATCH).map(IfNoneMatch),
            deadline: Deadline::clamped(self.deadline()?, Timestamp::now()),
        })
    }

    /// `Bookstore-Seq` and `Cache-Control: no-cache`: how fresh the response must be.
    pub(crate) fn freshness(&self) -> Result<Freshness, ApiError> {
        let min_position = self.header(&headers::SEQ).map(|seq| parse("Bookstore-Seq", seq));
        let check_head = self.header(&CACHE_CONTROL).is_some_and(|directives| {
            let mut directives = directives.split(',');
            directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
        });
        Ok(Freshness {
            min_position: min_position.transpose()?,
            check_head,
        })
    }

    /// The entry after which an event stream resumes. `Last-Event-ID` comes before `after` in the query: a browser that
    /// reconnects keeps the address and adds the header.
    pub(crate) fn last_event_id(&self) -> Result<Option<Position>, ApiError> {
        let after = self.parse_query_param("after")?;
        match self.header(&headers::LAST_EVENT_ID) {
            Some(id) => parse("Last-Event-ID", id).map(Some),
            None => Ok(after),
        }
    }

    /// Checks the shopkeeper's token, in constant time. The error says how to configure or send it.
    pub(crate) fn authorize(&self, token: Option<&str>) -> Result<(), ApiError> {
        let Some(token) = token else {
            let detail = "No shopkeeper's token is configured. Start the service with BOOKSTORE_ADMIN_TOKEN or \
                          --admin-token-file to set one.";
            return Err(ApiError::new(Code::Unauthorized, detail));
        };
        let given = self.bearer_token().unwrap_or_default();
        if is_equal_secret(given.as_bytes(), token.as_bytes()) {
            return Ok(());
        }
        let detail = "Send the shopkeeper's token as `Authorization: Bearer TOKEN`.";
        Err(ApiError::new(Code::Unauthorized, detail))
    }

    /// The bearer token (RFC 6750).
    pub(crate) fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.header(&AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.head.fields.get(name).map(text)
    }
}

/// Compares secrets of the same length in constant time.
pub(super) fn is_equal_secret(given: &[u8], expected: &[u8]) -> bool {
    given.ct_eq(expected).into()
}

fn parse<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, ApiError> {
    text.parse()
        .map_err(|error| ApiError::invalid(format!("{name}: {error}.")))
}
