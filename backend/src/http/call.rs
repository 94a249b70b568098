//! What a request says, read on demand and checked on reading.

use std::borrow::Cow;
use std::str::FromStr;

use bytes::Bytes;
use common::wire::FastJson;
use common::{Code, Deadline, OrderId, Seq, headers};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, IF_NONE_MATCH};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::Failure;

// Looked up by every purchase: parsed once.
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(headers::IDEMPOTENCY_KEY);
static DEADLINE: HeaderName = HeaderName::from_static(headers::DEADLINE);
static SEQ: HeaderName = HeaderName::from_static(headers::SEQ);
static LAST_EVENT_ID: HeaderName = HeaderName::from_static(headers::LAST_EVENT_ID);

/// A request whose path and method have found their route.
#[derive(Debug)]
pub struct Call {
    pub(super) segments: Vec<String>,
    pub(super) query: String,
    pub(super) fields: HeaderMap,
    pub(super) body: Result<Bytes, Failure>,
}

impl Call {
    /// The part of the path that fills the template's `index`th parameter, percent-decoded.
    ///
    /// # Errors
    /// 400 if it is not UTF-8.
    pub fn segment(&self, index: usize) -> Result<Cow<'_, str>, Failure> {
        let raw = self.segments.get(index).map_or("", String::as_str);
        percent_decode_str(raw)
            .decode_utf8()
            .map_err(|_| Failure::invalid("The address is not UTF-8."))
    }

    /// The same, parsed.
    ///
    /// # Errors
    /// 400 with what was expected.
    pub fn parse_segment<T: FromStr<Err: std::fmt::Display>>(&self, name: &str, index: usize) -> Result<T, Failure> {
        parse(name, &self.segment(index)?)
    }

    /// The query as it was written.
    pub fn raw_query(&self) -> &str {
        &self.query
    }

    /// A query parameter, percent-decoded.
    ///
    /// # Errors
    /// 400 if it is given more than once.
    pub fn query(&self, name: &str) -> Result<Option<String>, Failure> {
        let mut values = form_urlencoded::parse(self.query.as_bytes()).filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.into_owned());
        if values.next().is_some() {
            return Err(Failure::invalid(format!("`{name}` is given more than once.")));
        }
        Ok(value)
    }

    /// The same, parsed.
    ///
    /// # Errors
    /// 400 with what was expected.
    pub fn parse_query<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, Failure> {
        self.query(name)?.map(|value| parse(name, &value)).transpose()
    }

    /// A page's size from the query's `limit`.
    ///
    /// # Errors
    /// 400 if it is no whole number from 1 to `most`.
    pub fn limit(&self, default: usize, most: usize) -> Result<usize, Failure> {
        let Some(text) = self.query("limit")? else {
            return Ok(default);
        };
        match text.parse() {
            Ok(limit) if (1..=most).contains(&limit) && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(limit),
            _ => Err(Failure::invalid(format!(
                "limit: expected a whole number from 1 to {most}."
            ))),
        }
    }

    /// Whether anything stands in the body.
    ///
    /// # Errors
    /// 413 if too much does, 400 if it did not arrive whole.
    pub fn has_body(&mut self) -> Result<bool, Failure> {
        Ok(!self.bytes()?.is_empty())
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// 400, 413 or 415.
    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        self.json_by(|body| serde_json::from_slice(body).map_err(|error| error.to_string()))
    }

    /// The same, of what comes with every purchase.
    ///
    /// # Errors
    /// Those of [`Self::json`].
    pub fn lean<T: FastJson>(&mut self) -> Result<T, Failure> {
        self.json_by(T::from_json)
    }

    fn json_by<T>(&mut self, read: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, Failure> {
        let body = self.bytes()?;
        if !self.is_json() {
            return Err(Failure::new(
                Code::UnsupportedMediaType,
                "Send the body as application/json.",
            ));
        }
        if body.is_empty() {
            return Err(Failure::invalid("The request needs a JSON body."));
        }
        // An array would pass for a struct with its fields in order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Failure::invalid("The body: expected a JSON object."));
        }
        read(&body).map_err(|why| Failure::invalid(format!("The body: {why}.")))
    }

    /// The body, read as JSON; the default where there is none.
    ///
    /// # Errors
    /// 400, 413 or 415.
    pub fn json_or_default<T: DeserializeOwned + Default>(&mut self) -> Result<T, Failure> {
        if self.has_body()? {
            self.json()
        } else {
            Ok(T::default())
        }
    }

    fn bytes(&mut self) -> Result<Bytes, Failure> {
        std::mem::replace(&mut self.body, Ok(Bytes::new())).inspect(|body| self.body = Ok(body.clone()))
    }

    fn is_json(&self) -> bool {
        let Some(media_type) = self.fields.get(CONTENT_TYPE) else {
            return true;
        };
        let media_type = media_type
            .to_str()
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("application/json")
    }

    /// The client's name for its order.
    ///
    /// # Errors
    /// 400 if it is repeated, empty or no UUID.
    pub fn key(&self) -> Result<Option<OrderId>, Failure> {
        let mut keys = self.fields.get_all(&IDEMPOTENCY_KEY).iter();
        let Some(key) = keys.next() else { return Ok(None) };
        if keys.next().is_some() {
            return Err(Failure::invalid("Idempotency-Key: expected one UUID, found several."));
        }
        parse("Idempotency-Key", key.to_str().unwrap_or_default()).map(Some)
    }

    /// The last moment the purchase may happen.
    ///
    /// # Errors
    /// 400 if it is no moment.
    pub fn deadline(&self) -> Result<Option<Deadline>, Failure> {
        self.field(&DEADLINE)
            .map(|deadline| parse("Bookstore-Deadline", deadline))
            .transpose()
    }

    /// The answer must not be older than this.
    ///
    /// # Errors
    /// 400 if it is no position.
    pub fn seen(&self) -> Result<Option<Seq>, Failure> {
        self.field(&SEQ).map(|seq| parse("Bookstore-Seq", seq)).transpose()
    }

    /// Whether the client wants an answer that no cache has kept.
    pub fn wants_fresh(&self) -> bool {
        self.field(&CACHE_CONTROL).is_some_and(|directives| {
            directives
                .split(',')
                .any(|word| word.trim().eq_ignore_ascii_case("no-cache"))
        })
    }

    /// Where an event stream goes on: after the last event its reader saw. The field counts before the query, because a
    /// reader that reconnects by itself keeps the address and sends the field.
    ///
    /// # Errors
    /// 400 if it is no position.
    pub fn resume_after(&self) -> Result<Option<Seq>, Failure> {
        match self.field(&LAST_EVENT_ID) {
            Some(id) => parse("Last-Event-ID", id).map(Some),
            None => self.parse_query("after"),
        }
    }

    /// Lets only the shopkeeper pass.
    ///
    /// # Errors
    /// 401, which says how to get in.
    pub fn authorize(&self, token: Option<&str>) -> Result<(), Failure> {
        let Some(token) = token else {
            let detail = "No shopkeeper's token is configured. Start the service with BOOKSTORE_ADMIN_TOKEN or \
                          --admin-token-file to set one.";
            return Err(Failure::new(Code::Unauthorized, detail));
        };
        let given = self.bearer().unwrap_or_default();
        if bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
            return Ok(());
        }
        Err(Failure::new(
            Code::Unauthorized,
            "Send the shopkeeper's token as `Authorization: Bearer TOKEN`.",
        ))
    }

    /// The bearer token (RFC 6750), if one was sent.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.field(&AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    pub(super) fn if_none_match(&self) -> Option<&str> {
        self.field(&IF_NONE_MATCH)
    }

    fn field(&self, name: &HeaderName) -> Option<&str> {
        self.fields.get(name).map(|value| value.to_str().unwrap_or_default())
    }
}

fn parse<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Failure> {
    text.parse()
        .map_err(|error| Failure::invalid(format!("{name}: {error}.")))
}
