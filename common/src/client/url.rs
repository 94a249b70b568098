//! The base addresses of services, and the parts of URLs.

use std::sync::Arc;

use reqwest::Url;

/// Parses the base URLs of a shop's instances, which may have a path, but no user information.
pub(super) fn parse_shop_urls(list: &str) -> Result<Arc<[String]>, String> {
    let urls = list.split(',').map(|text| {
        let (url, base) = parse_url(text.trim())?;
        match url.username().is_empty() && url.password().is_none() {
            true => Ok(base),
            false => Err(invalid(text.trim(), "it has user information")),
        }
    });
    urls.collect()
}

/// Parses the base URLs of a service's instances, which have no path; drops user information.
pub(super) fn parse_service_urls(list: &str) -> Result<Arc<[String]>, String> {
    let urls = list.split(',').map(|text| {
        let (url, base) = parse_url(text.trim())?;
        match url.path() {
            "/" => Ok(base),
            _ => Err(invalid(text.trim(), "it has a path")),
        }
    });
    urls.collect()
}

/// The URL, and its text without user information and final slash, to which paths are appended.
fn parse_url(text: &str) -> Result<(Url, String), String> {
    if text.is_empty() {
        return Err("an address in the list is empty; expected one like http://127.0.0.1:8080".to_owned());
    }
    let url = Url::parse(text).map_err(|error| invalid(text, &error.to_string()))?;
    let why = match (url.scheme(), url.host_str(), url.query(), url.fragment()) {
        ("http" | "https", Some(_), None, None) => None,
        ("http" | "https", Some(_), Some(_), _) => Some("it has a query"),
        ("http" | "https", Some(_), None, Some(_)) => Some("it has a fragment"),
        ("http" | "https", None, ..) => Some("it has no host"),
        _ => Some("it begins with neither http:// nor https://"),
    };
    let why = why.or((url.port() == Some(0)).then_some("nothing can listen at port 0"));
    if let Some(why) = why {
        return Err(invalid(text, why));
    }
    let mut base = url.clone();
    // Both fail only for URLs without a host.
    let _ = base.set_username("").and_then(|()| base.set_password(None));
    let base = base.as_str().trim_end_matches('/').to_owned();
    Ok((url, base))
}

fn invalid(text: &str, why: &str) -> String {
    // The text before the last `@` may be a password.
    let shown = text
        .rsplit_once('@')
        .map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}"));
    format!("{shown:?} is not a valid address ({why}); expected one like http://127.0.0.1:8080")
}

/// Percent-encodes one segment of a path or one value of a query.
pub(super) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The query parameters of a page.
pub(super) fn page(limit: usize, after: Option<&str>) -> String {
    match after {
        Some(after) => format!("limit={limit}&after={}", encode(after)),
        None => format!("limit={limit}"),
    }
}

/// Percent-encodes a topic as one segment of a path. Appends a space, which the comparison of topics trims, to `.` and `..`,
/// which URL parsers resolve even if encoded, and to an empty topic, because no route has an empty segment.
pub(super) fn encode_topic(topic: &str) -> String {
    match topic {
        "" | "." | ".." => encode(&format!("{topic} ")),
        _ => encode(topic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_with_a_host() {
        let shop = |url| parse_shop_urls(url).map(|urls| urls[0].clone());
        for (url, base) in [
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://shop.example/books/", "https://shop.example/books"),
        ] {
            assert_eq!(shop(url).as_deref(), Ok(base));
        }
        for url in [
            "",
            "8080",
            "127.0.0.1:8080",
            "ftp://x",
            "http://",
            "http://x:0",
            "http://x:80800",
            "http://x?a",
            "http://x/#a",
            "http://user@x",
            "https://user:pass@x",
            "http://:pass@x",
        ] {
            assert!(shop(url).is_err(), "{url:?} was accepted");
        }
    }

    #[test]
    fn an_address_between_services_has_no_path_and_every_entry_of_a_list_is_one() {
        let urls = parse_service_urls("http://a:1, https://b/").unwrap();
        assert_eq!(*urls, ["http://a:1", "https://b"]);
        for list in [
            "",
            "http://a,",
            ",http://a",
            "http://a,,http://b",
            "http://a/shop",
            "http://a?x=1",
            "http://a/#x",
            "ftp://a",
            "unix:/run/catalog",
            "a:8081",
        ] {
            assert!(parse_service_urls(list).is_err(), "{list:?} was accepted");
        }
    }

    #[test]
    fn user_information_in_an_address_is_shown_nowhere() {
        let urls = parse_service_urls("http://user:pass@a:1,http://user@b").unwrap();
        assert_eq!(*urls, ["http://a:1", "http://b"]);
        for list in [
            "http://user:pass@a/path",
            "user:pass@a:1",
            "http://user:pass@a:port",
            "ftp://user:p@ss@a",
        ] {
            let message = parse_service_urls(list).unwrap_err();
            assert!(
                !message.contains("pass") && !message.contains("p@ss") && !message.contains("user"),
                "{message}"
            );
        }
    }

    #[test]
    fn reserved_characters_are_percent_encoded() {
        assert_eq!(encode("a/b c?&#é"), "a%2Fb%20c%3F%26%23%C3%A9");
    }

    #[test]
    fn every_topic_is_one_segment_of_a_path() {
        for topic in [
            "", ".", "..", "...", "/", "a/../b", "%2E", "?q=1#", "\\", "\t", "c++", "戰爭",
        ] {
            let url = format!("http://127.0.0.1:8081/search/{}?limit=1", encode_topic(topic));
            let parsed = reqwest::Url::parse(&url).unwrap();
            assert_eq!(parsed.as_str(), url, "{topic:?}");
            let segment = parsed.path().strip_prefix("/search/").unwrap();
            assert!(!segment.is_empty() && !segment.contains('/'), "{topic:?}");
            let received = percent_encoding::percent_decode_str(segment).decode_utf8().unwrap();
            assert_eq!(received.trim(), topic.trim());
        }
    }
}
