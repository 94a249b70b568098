//! The address of a request's client: the connection's, or the address that trusted proxies forward.

use std::net::{IpAddr, Ipv6Addr};

use http::header::{FORWARDED, HeaderName};
use ipnet::IpNet;

use super::authority::Authority;
use super::headers;
use super::request_fields::RequestFields;

/// The proxies whose `X-Forwarded-For` and `Forwarded` fields are trusted.
#[derive(Debug, Clone, Default)]
pub(super) struct TrustedProxies(pub(super) Vec<IpNet>);

impl TrustedProxies {
    /// The rightmost address that is not a trusted proxy's. Each proxy appends the address that connected to it, so everything
    /// to the left of an untrusted address may be forged. `X-Forwarded-For` takes precedence over `Forwarded`, because most
    /// proxies write only the former and pass the latter on as the client sent it.
    pub(super) fn client_address(&self, peer: IpAddr, fields: &RequestFields) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        match fields.get(&headers::FORWARDED_FOR) {
            Some(_) => self.first_untrusted(peer, lists(fields, &headers::FORWARDED_FOR), parse_address),
            None => self.first_untrusted(peer, lists(fields, &FORWARDED), parse_forwarded),
        }
    }

    /// `hops` are in reverse order, the last one first. An unreadable hop ends the search, because hops before it may be forged.
    fn first_untrusted<'a>(
        &self,
        peer: IpAddr,
        hops: impl Iterator<Item = &'a str>,
        parse: fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let mut client = peer;
        for hop in hops {
            let Some(address) = parse(hop) else { break };
            client = address.to_canonical();
            if !self.contains(client) {
                break;
            }
        }
        client
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The elements of a list field, which may have several lines, in reverse order.
fn lists<'a>(fields: &'a RequestFields, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = fields.values(name).rev();
    lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',').map(str::trim))
}

/// An address with or without a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let host = Authority::parse(text)?.host;
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// The `for` parameter of one element of `Forwarded` (RFC 7239).
fn parse_forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    parse_address(node.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn client_of(peer: &str, fields: &[(&'static str, &'static str)]) -> String {
        let proxies = TrustedProxies(vec!["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let fields = RequestFields::new(headers);
        proxies.client_address(peer.parse().unwrap(), &fields).to_string()
    }

    #[test]
    fn only_trusted_proxies_forward_an_address() {
        let forwarded_for = ("x-forwarded-for", "198.51.100.7");
        assert_eq!(client_of("192.0.2.1", &[forwarded_for]), "192.0.2.1");
        assert_eq!(client_of("127.0.0.1", &[forwarded_for]), "198.51.100.7");
        assert_eq!(client_of("::ffff:127.0.0.1", &[forwarded_for]), "198.51.100.7");
        assert_eq!(client_of("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_counts() {
        for (value, client) in [
            ("198.51.100.7, 10.1.2.3", "198.51.100.7"),
            ("203.0.113.9, 198.51.100.7,10.1.2.3", "198.51.100.7"),
            ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
            ("198.51.100.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("", "127.0.0.1"),
        ] {
            assert_eq!(client_of("127.0.0.1", &[("x-forwarded-for", value)]), client, "{value}");
        }
        let two_lines = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "10.0.0.2")];
        assert_eq!(client_of("127.0.0.1", &two_lines), "198.51.100.7");
    }

    #[test]
    fn forwarded_counts_where_the_older_field_is_missing() {
        for (value, client) in [
            ("for=198.51.100.7", "198.51.100.7"),
            ("For=\"198.51.100.7:80\";proto=https, for=10.0.0.2", "198.51.100.7"),
            ("proto=https;for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=_hidden", "127.0.0.1"),
        ] {
            assert_eq!(client_of("127.0.0.1", &[("forwarded", value)]), client, "{value}");
        }
        let both = [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(client_of("127.0.0.1", &both), "198.51.100.7");
    }
}
