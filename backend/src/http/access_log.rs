//! The access log: one line a request, off unless the log's filter names its target.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderValue, Method};
use http_body::Body as _;

use super::access::AccessRules;
use super::request_head::RequestHead;
use super::response::WarpResponse;
use crate::logging::ACCESS;

/// The fields of a request that its line needs, kept until the response is complete.
#[derive(Debug)]
pub(super) struct AccessLog {
    method: Method,
    client: IpAddr,
    request_id: HeaderValue,
}

impl AccessLog {
    /// `None` if the access log is off.
    pub(super) fn begin(head: &RequestHead, rules: &AccessRules) -> Option<Box<Self>> {
        tracing::enabled!(target: ACCESS, tracing::Level::INFO).then(|| {
            Box::new(Self {
                method: head.method.clone(),
                client: rules.client_address(head),
                request_id: head.request_id.clone(),
            })
        })
    }

    /// Writes the line. The line of an event stream has no `bytes`, and its duration ends when the stream begins. Path and
    /// query are omitted: they contain order ids and search texts.
    pub(super) fn write(&self, route: &str, response: &WarpResponse, duration: Duration) {
        tracing::info!(
            target: ACCESS,
            method = %self.method,
            route,
            status = response.status().as_u16(),
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            bytes = response.body().size_hint().exact(),
            request_id = self.request_id.to_str().unwrap_or_default(),
            client = %self.client,
        );
    }
}
