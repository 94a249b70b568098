//! The rules by which a service refuses requests: hosts, rates, the service token, loops, and pages of other origins.
//!
//! A browser sends requests to a service on loopback on behalf of any page. A page of another origin is recognized by
//! `Origin` and `Sec-Fetch-Site`; a page whose own host name was made to resolve to this machine (DNS rebinding), by
//! `Host`.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use common::{Code, limits};
use http::header::{HOST, ORIGIN, TRANSFER_ENCODING};
use http::{Method, StatusCode, Version};
use ipnet::IpNet;

use super::authority::{AllowedHost, AllowedOrigin, Authority, Origin};
use super::client_address::TrustedProxies;
use super::rate_limit::{RateLimit, RateLimiter};
use super::request::is_equal_secret;
use super::request_fields::text;
use super::request_head::RequestHead;
use super::{ApiError, Response, Route, headers};
use crate::token::Token;

/// The rules of one service.
#[derive(Debug, Default)]
pub(crate) struct AccessRules {
    /// `None` accepts every host.
    hosts: Option<Vec<AllowedHost>>,
    /// The service's address as most requests name it: an equal `Host` needs no parsing.
    own_host: Box<str>,
    origins: Vec<AllowedOrigin>,
    service_token: Option<Token>,
    /// Whether requests without the token are refused.
    needs_service_token: bool,
    rate_limiter: Option<RateLimiter>,
    proxies: TrustedProxies,
}

impl AccessRules {
    /// The rules of a service that listens at `address`. A service on loopback accepts only the names of loopback, the
    /// address itself and `hosts`; any other service accepts every host.
    pub(crate) fn new(address: SocketAddr, hosts: &[AllowedHost], origins: &[AllowedOrigin]) -> Self {
        let own = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let loopback = ["localhost", "127.0.0.1", "[::1]", &own];
        let loopback = loopback.into_iter().filter_map(|host| host.parse().ok());
        let is_restricted = address.ip().to_canonical().is_loopback();
        Self {
            hosts: is_restricted.then(|| loopback.chain(hosts.iter().cloned()).collect()),
            own_host: format!("{own}:{}", address.port()).into(),
            origins: origins.to_vec(),
            ..Self::default()
        }
    }

    /// Limits the rate of each client.
    #[must_use]
    pub(crate) fn with_rate_limit(mut self, limit: Option<RateLimit>, proxies: &[IpNet]) -> Self {
        self.rate_limiter = limit.map(RateLimiter::new);
        self.proxies = TrustedProxies(proxies.to_vec());
        self
    }

    /// Recognizes other services by a token. `is_needed` refuses requests without it, except on exempt routes.
    #[must_use]
    pub(crate) fn with_service_token(mut self, token: Token, is_needed: bool) -> Self {
        self.needs_service_token = is_needed;
        self.service_token = Some(token);
        self
    }

    /// The address of a request's client.
    pub(super) fn client_address(&self, head: &RequestHead) -> IpAddr {
        self.proxies.client_address(head.peer, &head.fields)
    }

    /// Whether a request has the service token; every request has it if none is configured.
    pub(super) fn has_service_token(&self, head: &RequestHead) -> bool {
        let Some(token) = self.service_token.as_ref().and_then(Token::get) else {
            return true;
        };
        let mut given = head.fields.values(&headers::SERVICE_TOKEN);
        let is_right = given
            .next()
            .is_some_and(|given| is_equal_secret(given.as_bytes(), token.as_bytes()));
        is_right && given.next().is_none()
    }

    /// The response to a request that must not reach its route; `None` if it may. `route` is `None` if no route has the path
    /// and method.
    pub(super) fn refusal(&self, head: &RequestHead, route: Option<&Route>) -> Option<Response> {
        // The target of `CONNECT` is another host. No route has this method, so the request gets 405 later.
        if head.method == Method::CONNECT {
            return None;
        }
        match self.check(head, route) {
            Ok(()) if !head.has_body() || is_chunked_or_plain(head) => None,
            Ok(()) => Some(Response::empty(StatusCode::NOT_IMPLEMENTED).with_connection_close()),
            Err(Refusal::Malformed(error)) => Some(Response::from(error).with_connection_close()),
            Err(Refusal::Denied(error)) => Some(error.into()),
        }
    }

    fn check(&self, head: &RequestHead, route: Option<&Route>) -> Result<(), Refusal> {
        self.check_hosts(head)?;
        check_hops(head)?;
        if !route.is_some_and(|route| route.is_exempt) {
            self.check_rate(head)?;
            self.check_service_token(head)?;
        }
        if route.is_some_and(|route| route.is_change) {
            self.check_origin(head)?;
        }
        Ok(())
    }

    /// The authority of an absolute target replaces `Host` (RFC 9112, 3.2.2), which must be valid all the same.
    fn check_hosts(&self, head: &RequestHead) -> Result<(), Refusal> {
        let mut hosts = head.fields.values(&HOST);
        match (hosts.next(), hosts.next()) {
            (Some(host), None) if *host == *self.own_host => {}
            (Some(host), None) => self.check_host(text(host))?,
            (None, _) if head.version < Version::HTTP_11 => {}
            _ => return Err(malformed_host()),
        }
        let target = head.uri.authority();
        target.map_or(Ok(()), |target| self.check_host(target.as_str()))
    }

    fn check_host(&self, authority: &str) -> Result<(), Refusal> {
        let authority = Authority::parse(authority).ok_or_else(malformed_host)?;
        let is_allowed = |hosts: &Vec<AllowedHost>| hosts.iter().any(|host| host.allows(authority));
        if self.hosts.as_ref().is_none_or(is_allowed) {
            return Ok(());
        }
        let detail = format!(
            "This service does not serve the host {}. Use localhost, or start the service with --allowed-host.",
            authority.host
        );
        Err(Refusal::Denied(ApiError::new(Code::Misdirected, detail)))
    }

    fn check_rate(&self, head: &RequestHead) -> Result<(), Refusal> {
        let Some(limiter) = &self.rate_limiter else {
            return Ok(());
        };
        if limiter.admit(self.client_address(head), Instant::now()) {
            return Ok(());
        }
        let detail = "This address sends more requests a second than are allowed here.";
        Err(Refusal::Denied(ApiError::new(Code::TooManyRequests, detail)))
    }

    fn check_service_token(&self, head: &RequestHead) -> Result<(), Refusal> {
        if !self.needs_service_token || self.has_service_token(head) {
            return Ok(());
        }
        let detail =
            "Only the shop's other services may use this one. Send the service token as `Bookstore-Service-Token`.";
        Err(Refusal::Denied(ApiError::new(Code::Unauthorized, detail)))
    }

    /// Refuses a change from a page of another origin. Only browsers send `Origin` and `Sec-Fetch-Site`.
    fn check_origin(&self, head: &RequestHead) -> Result<(), Refusal> {
        let is_allowed = |origin: &Origin<'_>| self.origins.iter().any(|allowed| allowed.allows(origin));
        let mut has_allowed_origin = false;
        for origin in head.fields.values(&ORIGIN).map(text) {
            match Origin::parse(origin) {
                Some(origin) if is_allowed(&origin) => has_allowed_origin = true,
                Some(origin) if own_authority(head).is_some_and(|authority| origin.is_at(authority)) => {}
                _ => return Err(forbidden_origin()),
            }
        }
        let mut sites = head.fields.values(&headers::FETCH_SITE).map(text);
        if has_allowed_origin || sites.all(|site| matches!(site, "same-origin" | "none")) {
            return Ok(());
        }
        Err(forbidden_origin())
    }
}

/// Why a request is refused.
enum Refusal {
    /// The response closes the connection: client and server may disagree about where the message ends.
    Malformed(ApiError),
    Denied(ApiError),
}

/// The authority of the target, else that of `Host`.
fn own_authority(head: &RequestHead) -> Option<Authority<'_>> {
    match head.uri.authority() {
        Some(target) => Authority::parse(target.as_str()),
        None => Authority::parse(text(head.fields.get(&HOST)?)),
    }
}

fn malformed_host() -> Refusal {
    Refusal::Malformed(ApiError::invalid("Host: expected one host, with or without a port."))
}

fn forbidden_origin() -> Refusal {
    let detail = "A page of another origin may not change anything here. Start the service with --allowed-origin to \
                  allow its pages.";
    Refusal::Denied(ApiError::new(Code::ForbiddenOrigin, detail))
}

/// Refuses a request that came through more than [`limits::HOPS_MAX`] services, which must form a loop.
fn check_hops(head: &RequestHead) -> Result<(), Refusal> {
    match head.hops {
        Some(hops) if hops <= limits::HOPS_MAX => Ok(()),
        Some(_) => {
            let detail = "The request passed through too many services. Check that no --catalog-url or --order-url \
                          leads back to the same service.";
            Err(Refusal::Denied(ApiError::new(Code::LoopDetected, detail)))
        }
        None => {
            let detail = "Bookstore-Hops: expected a whole number.";
            Err(Refusal::Denied(ApiError::new(Code::InvalidRequest, detail)))
        }
    }
}

/// Whether the body has no transfer encoding or `chunked` alone. hyper takes any list that ends with `chunked` for that.
fn is_chunked_or_plain(head: &RequestHead) -> bool {
    let mut encodings = head.fields.values(&TRANSFER_ENCODING).map(text);
    let is_known = encodings
        .next()
        .is_none_or(|encoding| encoding.eq_ignore_ascii_case("chunked"));
    is_known && encodings.next().is_none()
}
