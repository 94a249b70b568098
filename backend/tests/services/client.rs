//! An HTTP client for one service.

use std::path::Path;

use common::client::HttpClient;
use serde_json::Value;
use testing::{Process, WAIT_TIMEOUT};

/// The header field that carries the shopkeeper's token, [`TOKEN`](crate::bookstored::TOKEN).
pub(crate) const AUTHORIZED: (&str, &str) = ("authorization", "Bearer a-token-for-tests");

/// A response, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The status, and the code of a problem: `200` or `409 sold-out`.
    pub(crate) fn summary(&self) -> String {
        let body = self.json();
        let Some(code) = body["code"].as_str() else {
            return self.status.to_string();
        };
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["status"], self.status);
        format!("{} {code}", self.status)
    }
}

/// A client with its own connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    /// A client of the service `service` of a process.
    pub(crate) fn of(process: &Process, service: &str) -> Self {
        Self::at(process.url(service))
    }

    /// A client that trusts the authorities in a PEM file.
    pub(crate) fn trusting(process: &Process, service: &str, ca: &Path) -> Self {
        let url = process.url(service);
        Self {
            http: HttpClient::for_addresses(url, Some(ca)).unwrap().pool().clone(),
            url: url.to_owned(),
        }
    }

    /// A client of the service at that URL.
    pub(crate) fn at(url: &str) -> Self {
        Self {
            http: common::client::http_client().unwrap().pool().clone(),
            url: url.to_owned(),
        }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.http.request(method.parse().unwrap(), url)
    }

    /// Sends a request with these header fields.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let request = self.request(method, path).body(body.to_owned());
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        try_send(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send("POST", path, &[], body).await
    }

    pub(crate) async fn buy(&self, item: u32, quantity: u32, key: Option<&str>) -> Reply {
        let body = format!(r#"{{"item":{item},"quantity":{quantity}}}"#);
        let headers = key.map(|key| ("idempotency-key", key));
        self.send("POST", "/buy", headers.as_slice(), &body).await
    }

    pub(crate) async fn stock(&self, item: u32) -> i64 {
        let book = self.get(&format!("/search?item={item}")).await.json();
        book["stock"].as_i64().unwrap()
    }
}

pub(crate) async fn try_send(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
    let response = request.timeout(WAIT_TIMEOUT).send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply {
        status,
        headers,
        body: response.text().await?,
    })
}

/// A new idempotency key.
pub(crate) fn key() -> String {
    uuid::Uuid::now_v7().to_string()
}
