//! The components that operations refer to: header fields of requests and responses, problems, security schemes. A document
//! contains the components that it uses.

use std::collections::BTreeMap;

use common::{Code, Problem, limits};
use serde_json::{Map, Value, json};

/// A position in the ledger: `SEQ`, or `SEQ.N` after the store's history was replaced N times.
const POSITION: &str = r"^[0-9]{1,19}(\.[1-9][0-9]{0,18})?$";
/// Entity tags in double quotes, or a star.
const ENTITY_TAGS: &str = r#"^(\*|(W/)?"[^"]*"([ \t]*,[ \t]*(W/)?"[^"]*")*)$"#;

/// The definition of a request's header field.
fn parameter(name: &str) -> Option<(Value, &'static str)> {
    Some(match name {
        "Idempotency-Key" => {
            let (first, part) = ("[0-9A-Fa-f]{8}", "[0-9A-Fa-f]{4}");
            let uuid = format!("{first}-{part}-{part}-{part}-{part}{first}");
            (
                json!({"type": "string", "pattern": format!("^({uuid}|\"{uuid}\")$"),
                    "examples": ["0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e"]}),
                "The id of the order or change, a UUID; version 7 is advised. The same request with the same key gets the same \
                 answer again.",
            )
        }
        "Bookstore-Deadline" => (
            json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}),
            "The latest time for a decision, in Unix milliseconds: 5 s from now unless given, at most 30 s.",
        ),
        "Bookstore-Seq" => (
            json!({"type": "string", "pattern": POSITION, "examples": ["5"]}),
            "The highest `Bookstore-Seq` of earlier answers: this answer then shows that state or a later one.",
        ),
        "Cache-Control" => (
            json!({"type": "string"}),
            "With `no-cache` the store confirms that the state is the newest.",
        ),
        "If-None-Match" => (
            json!({"type": "string"}),
            "Entity tags, or `*`; if the current one is among them, a read is answered with 304 and a change with 412.",
        ),
        "If-Match" => (
            json!({"type": "string", "minLength": 1, "pattern": ENTITY_TAGS, "examples": ["\"5\""]}),
            "Entity tags, or `*`; unless the book has one of them, the change is answered with 412.",
        ),
        "Last-Event-ID" => (
            json!({"type": "string", "pattern": POSITION, "examples": ["5"]}),
            "The id of the last event that was received: the stream continues after it. It takes precedence over `after`.",
        ),
        "X-Request-Id" => (
            json!({"type": "string"}),
            "The id of the request in logs: 1 to 128 visible ASCII characters. Any other value is replaced by a new id.",
        ),
        "traceparent" => (
            json!({"type": "string"}),
            "The position in a distributed trace (W3C Trace Context).",
        ),
        _ => return None,
    })
}

/// The definition of a response's header field.
fn header(name: &str) -> Value {
    let (schema, description) = match name {
        "X-Request-Id" => (
            json!({"type": "string", "pattern": "^[!-~]{1,128}$"}),
            "The id of the request.",
        ),
        "X-Content-Type-Options" => (
            json!({"type": "string", "const": "nosniff"}),
            "Browsers must not guess another type.",
        ),
        "Bookstore-Seq" => (
            json!({"type": "string", "pattern": POSITION}),
            "The last ledger entry that the answer includes; missing until one is known.",
        ),
        "ETag" => (
            json!({"type": "string", "pattern": r#"^"[0-9]+(\.[1-9][0-9]*)?"$"#}),
            "The ledger entry of the last change: to the book, or for a list to any book of the store.",
        ),
        "Cache-Control" => (
            json!({"type": "string", "const": "no-cache"}),
            "Caches must ask whether the entity tag changed.",
        ),
        "Cache-Status" => (
            json!({"type": "string"}),
            "How the front-end's cache made the answer (RFC 9211).",
        ),
        "Age" => (
            json!({"type": "integer", "minimum": 0}),
            "The age of the answer in seconds; present while the catalog cannot be reached.",
        ),
        "Idempotency-Replayed" => (
            json!({"type": "string", "const": "true"}),
            "The answer repeats an earlier decision.",
        ),
        "Deprecation" => (
            json!({"type": "string"}),
            "Since when this form of the request is deprecated (RFC 9745).",
        ),
        "Server-Timing" => (
            json!({"type": "string"}),
            "The duration of the order of a purchase, in milliseconds (W3C Server Timing).",
        ),
        "WWW-Authenticate" => (json!({"type": "string"}), "The kind of token."),
        "Allow" => (json!({"type": "string"}), "The methods of the address."),
        "Retry-After" => (
            json!({"type": "integer", "minimum": 0}),
            "Seconds to wait before another attempt.",
        ),
        _ => (
            json!({"type": "string"}),
            "Reverse proxies must pass events on without buffering them.",
        ),
    };
    // The other fields depend on the state or on the request.
    let is_always = matches!(
        name,
        "X-Content-Type-Options" | "X-Request-Id" | "WWW-Authenticate" | "Allow" | "Retry-After"
    );
    json!({"schema": schema, "description": description, "required": is_always})
}

/// The components that the operations of a document refer to.
#[derive(Default)]
pub(super) struct Components {
    parameters: Map<String, Value>,
    headers: Map<String, Value>,
    responses: Map<String, Value>,
    security: Map<String, Value>,
}

impl Components {
    /// A reference to a header field of a request; `None` if it has no shared definition.
    pub(super) fn parameter(&mut self, name: &str) -> Option<Value> {
        let (schema, description) = parameter(name)?;
        let definition =
            json!({"name": name, "in": "header", "required": false, "schema": schema, "description": description});
        self.parameters.insert(name.to_owned(), definition);
        Some(json!({"$ref": format!("#/components/parameters/{name}")}))
    }

    /// References to header fields of a response, by name.
    pub(super) fn headers<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Map<String, Value> {
        let mut reference = |name: &str| {
            self.headers.insert(name.to_owned(), header(name));
            (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}))
        };
        names.into_iter().map(&mut reference).collect()
    }

    /// A reference to [`Self::problem_response`].
    pub(super) fn problem(&mut self, status: &str) -> Value {
        let name = format!("Problem{status}");
        if !self.responses.contains_key(&name) {
            let response = self.problem_response(status);
            self.responses.insert(name.clone(), response);
        }
        json!({"$ref": format!("#/components/responses/{name}")})
    }

    /// The response with that status, from 400 up.
    pub(super) fn problem_response(&mut self, status: &str) -> Value {
        let codes = codes_of(status);
        if codes.is_empty() {
            // The connection's own response to a message that it cannot parse has no body.
            return json!({"description": "The message cannot be processed"});
        }
        let example =
            |(name, code): (&&str, &Code)| ((*name).to_owned(), json!({"value": Problem::new(*code, code.title())}));
        let examples: Map<String, Value> = codes.iter().map(example).collect();
        let words: Vec<String> = codes.keys().map(|code| format!("`{code}`")).collect();
        let mut names = vec!["X-Request-Id", "X-Content-Type-Options", "Bookstore-Seq"];
        names.extend(match status {
            "401" => &["WWW-Authenticate"][..],
            "405" => &["Allow"],
            "404" | "409" | "422" => &["Idempotency-Replayed", "Server-Timing"],
            "429" => &["Retry-After"],
            "503" => &["Retry-After", "Server-Timing"],
            "500" | "504" | "507" => &["Server-Timing"],
            _ => &[],
        });
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        json!({
            "description": words.join(" or "),
            "headers": self.headers(names),
            "content": {common::problem::MEDIA_TYPE: {"schema": schema, "examples": examples}},
        })
    }

    /// Adds a security scheme: the shopkeeper's `token` or the `service-token`.
    pub(super) fn add_security(&mut self, name: &str) {
        let scheme = match name {
            "token" => json!({"type": "http", "scheme": "bearer", "description":
                "The shopkeeper's token (`--admin-token-file`). Without one these operations answer 401."}),
            _ => json!({"type": "apiKey", "in": "header", "name": "Bookstore-Service-Token", "description": format!(
                "Needed if the service was started with a service token of at least {} characters (`--service-token-file`).",
                limits::TOKEN_BYTES_MIN)}),
        };
        self.security.insert(name.to_owned(), scheme);
    }

    pub(super) fn add_to(self, document: &mut Value) {
        let components = &mut document["components"];
        components["parameters"] = self.parameters.into();
        components["headers"] = self.headers.into();
        components["responses"] = self.responses.into();
        if !self.security.is_empty() {
            components["securitySchemes"] = self.security.into();
        }
    }
}

/// The problem codes with that status, by name.
fn codes_of(status: &str) -> BTreeMap<&'static str, Code> {
    let codes = Code::ALL.into_iter().filter(|code| code.status().to_string() == status);
    codes.map(|code| (code.as_str(), code)).collect()
}
