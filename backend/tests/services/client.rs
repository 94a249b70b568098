//! An HTTP client for one service.

use serde_json::Value;
use testing::{Process, WAIT_MAX};

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

    /// The status, and the problem code or an empty string.
    pub(crate) fn verdict(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        if !code.is_empty() {
            assert_eq!(self.header("content-type"), Some("application/problem+json"));
            assert_eq!(self.json()["status"], self.status);
        }
        (self.status, code)
    }
}

/// A client with connections of its own.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    /// A client of the service of that name.
    pub(crate) fn of(process: &Process, service: &str) -> Self {
        Self::at(process.url(service))
    }

    /// A client of the service at that URL.
    pub(crate) fn at(url: &str) -> Self {
        Self {
            http: common::client::http_client().unwrap(),
            url: url.to_owned(),
        }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        send(self.request("POST", path).body(body.to_owned())).await
    }

    pub(crate) async fn buy(&self, item: u32, quantity: u32, key: Option<&str>) -> Reply {
        let body = format!(r#"{{"item":{item},"quantity":{quantity}}}"#);
        let request = self.request("POST", "/buy").body(body);
        send(match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        })
        .await
    }

    pub(crate) async fn stock(&self, item: u32) -> i64 {
        self.get(&format!("/search?item={item}")).await.json()["stock"]
            .as_i64()
            .unwrap()
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Reply {
    try_send(request).await.unwrap()
}

pub(crate) async fn try_send(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
    let response = request.timeout(WAIT_MAX).send().await?;
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
