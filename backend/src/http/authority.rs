//! Hosts and origins in requests, and the settings that allow them.

use std::net::Ipv6Addr;
use std::str::FromStr;

/// Host and port of a `Host` field or an origin (RFC 3986, 3.2, without user information).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    /// A name, an IPv4 address, or an IPv6 address in brackets; not empty.
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// `None` if the text is invalid or the host is empty.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let host_bytes = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, _) = rest.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                address.len() + 2
            }
            None => {
                let host_bytes = text.find(':').unwrap_or(text.len());
                let name = text.as_bytes().get(..host_bytes)?;
                if name.is_empty() || !name.iter().copied().all(is_name_byte) {
                    return None;
                }
                host_bytes
            }
        };
        let (host, rest) = text.split_at_checked(host_bytes)?;
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            None => return None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        Some(Self { host, port })
    }
}

/// The characters of a registered name: unreserved, percent-encoded and sub-delimiters.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

/// An origin (RFC 6454): scheme, host and port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    scheme: &'a str,
    authority: Authority<'a>,
}

impl<'a> Origin<'a> {
    /// `None` if the text is invalid or the origin is opaque (`null`).
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
            return None;
        }
        Some(Self {
            scheme,
            authority: Authority::parse(authority)?,
        })
    }

    /// Whether this is the origin of the service at `authority`, whose scheme is unknown: a proxy may speak TLS.
    pub(super) fn is_at(&self, authority: Authority<'_>) -> bool {
        self.authority.host.eq_ignore_ascii_case(authority.host)
            && self.port_of(self.authority) == self.port_of(authority)
    }

    fn is_same(&self, other: &Origin<'_>) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme) && self.is_at(other.authority)
    }

    fn port_of(&self, authority: Authority<'_>) -> Option<u16> {
        authority.port.or(match self.scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        })
    }
}

/// A host that a service answers to, without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowedHost(Box<str>);

impl AllowedHost {
    pub(super) fn allows(&self, authority: Authority<'_>) -> bool {
        self.0.eq_ignore_ascii_case(authority.host)
    }
}

impl FromStr for AllowedHost {
    type Err = String;

    /// Drops a port, because hosts are compared without ports.
    fn from_str(text: &str) -> Result<Self, String> {
        // Refuse patterns: `*.example` would be compared as a name, and match no request.
        match Authority::parse(text.trim()).filter(|authority| !authority.host.contains('*')) {
            Some(authority) => Ok(Self(authority.host.into())),
            None => Err("expected a host like shop.example or [::1]".to_owned()),
        }
    }
}

/// An origin whose pages may change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowedOrigin(Box<str>);

impl AllowedOrigin {
    pub(super) fn allows(&self, origin: &Origin<'_>) -> bool {
        Origin::parse(&self.0).is_some_and(|allowed| allowed.is_same(origin))
    }
}

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        match Origin::parse(text).filter(|origin| !origin.authority.host.contains('*')) {
            Some(_) => Ok(Self(text.into())),
            None => Err("expected an origin like https://shop.example".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_host_with_or_without_a_port() {
        let valid = [
            ("localhost", "localhost", None),
            ("localhost:", "localhost", None),
            ("127.0.0.1:8080", "127.0.0.1", Some(8080)),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("[::1]", "[::1]", None),
            ("Shop.example:443", "Shop.example", Some(443)),
        ];
        for (text, host, port) in valid {
            assert_eq!(Authority::parse(text), Some(Authority { host, port }), "{text}");
        }
        for text in [
            "",
            ":80",
            "a b",
            "a:b",
            "a:+80",
            "a:65536",
            "a:1:2",
            "::1",
            "[::1",
            "[::g]",
            "[::1]8080",
            "[localhost]",
            "user@host",
            "host/path",
            "a,b:1 ",
            "é",
        ] {
            assert_eq!(Authority::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_origin_is_at_a_service_with_the_same_host_and_port() {
        let is_at = |origin: &str, host: &str| {
            Origin::parse(origin).is_some_and(|origin| origin.is_at(Authority::parse(host).unwrap()))
        };
        for (origin, host) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("https://shop.example", "Shop.Example"),
            ("https://shop.example", "shop.example:443"),
            ("http://shop.example:80", "shop.example"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert!(is_at(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://127.0.0.1:9", "127.0.0.1:8080"),
            ("http://127.0.0.1", "127.0.0.1:8080"),
            ("http://localhost:8080", "127.0.0.1:8080"),
            ("http://shop.example", "shop.example:443"),
            ("http://shop.example.evil.test", "shop.example"),
            ("null", "localhost"),
            ("", "localhost"),
            ("http://localhost/", "localhost"),
            ("http://user@localhost", "localhost"),
        ] {
            assert!(!is_at(origin, host), "{origin} {host}");
        }
    }

    #[test]
    fn allowed_hosts_ignore_ports_and_allowed_origins_do_not() {
        let host: AllowedHost = "Shop.example:443".parse().unwrap();
        assert!(host.allows(Authority::parse("shop.example:8080").unwrap()));
        assert!(!host.allows(Authority::parse("a.shop.example").unwrap()));
        let origin: AllowedOrigin = "https://shop.example/".parse().unwrap();
        for (other, allowed) in [
            ("https://shop.example", true),
            ("https://SHOP.example:443", true),
            ("http://shop.example", false),
            ("https://shop.example:8443", false),
        ] {
            assert_eq!(origin.allows(&Origin::parse(other).unwrap()), allowed, "{other}");
        }
        for text in [
            "",
            "*",
            "null",
            "shop.example",
            "https://a/b",
            "https://",
            "https://*.example",
        ] {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
        }
        for text in ["", "*", "*.example", "http://a", "a/b", "::1"] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
    }
}
