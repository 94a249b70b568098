//! What is added to each operation of a document: shared parameters and header fields, problems, security, links.

use std::collections::BTreeSet;

use common::wire::ServiceKind;
use serde_json::{Map, Value, json};

use super::components::Components;

/// The error statuses that every operation may return, with the cases of each.
const ALWAYS: [(u16, &str); 11] = [
    (
        400,
        "`invalid-request`: a parameter, a field or the body is not valid. If the message cannot be parsed, the \
         answer has no body",
    ),
    (405, "`method-not-allowed`: `Allow` lists the methods of this address"),
    (
        408,
        "`request-timeout`: head or body did not arrive in time. If it was the head, the answer has no body",
    ),
    (414, "The target of the request is too long. The answer has no body"),
    (
        415,
        "`unsupported-media-type`: the body has a content encoding or is not JSON",
    ),
    (421, "`misdirected`: the service does not serve that host"),
    (431, "The head of the request is too large. The answer has no body"),
    (500, "`internal`: a defect in the service; the outcome is unknown"),
    (501, "The transfer encoding is not `chunked`. The answer has no body"),
    (505, "The version of HTTP is not supported. The answer has no body"),
    (
        508,
        "`loop-detected`: the request passed through more than three services (`Bookstore-Hops`)",
    ),
];

/// Links from a response to another operation: the schema of the body, the operation, its parameter, and the body's field.
const LINKS: [(&str, &str, &str, &str); 7] = [
    ("Receipt", "find_order", "path.order", "/order"),
    ("Book", "search_books", "query.item", "/item"),
    ("Book", "lookup_book", "path.item", "/item"),
    ("Book", "change_stock", "path.item", "/item"),
    ("Book", "set_book", "path.item", "/item"),
    ("Book", "withdraw_book", "path.item", "/item"),
    ("Book", "update_stock", "path.item", "/item"),
];

/// The completion of one operation.
pub(super) struct Completion<'a> {
    pub(super) kind: ServiceKind,
    pub(super) components: &'a mut Components,
    /// The ids of all operations of the document.
    pub(super) ids: &'a BTreeSet<String>,
    pub(super) operation: &'a mut Value,
}

impl Completion<'_> {
    pub(super) fn complete(&mut self, path: &str, is_change: bool) {
        let is_monitor = matches!(path, "/livez" | "/readyz");
        let is_health = self.operation["tags"][0] == "health";
        let has_body = is_change || !self.operation["requestBody"].is_null();
        let fields = self.complete_parameters();
        let needs_token = self.complete_security(is_monitor);
        let mut responses = self.operation["responses"].take();
        let Some(responses) = responses.as_object_mut() else {
            return;
        };
        let mut add = |applies: bool, status: u16, description: &str| {
            if applies && !responses.contains_key(&status.to_string()) {
                responses.insert(status.to_string(), json!({"description": description}));
            }
        };
        let has = |field: &str| fields.contains(field);
        ALWAYS
            .iter()
            .for_each(|(status, description)| add(true, *status, description));
        add(
            has("If-None-Match") && !is_change,
            304,
            "Not changed since the entity tag in `If-None-Match`",
        );
        add(needs_token, 401, "`unauthorized`: a token is missing or wrong");
        add(
            is_change,
            403,
            "`forbidden-origin`: a web page of another origin asks for a change",
        );
        add(
            has("If-Match"),
            412,
            "`precondition-failed`: the book was changed since that entity tag",
        );
        add(has_body, 413, "`payload-too-large`");
        add(
            has("Idempotency-Key"),
            422,
            "`key-reused`: the key was used for another order or change",
        );
        add(
            !is_monitor,
            429,
            "`too-many-requests`: the client sends more requests a second than the service allows",
        );
        add(!is_health, 503, "`unavailable`: nothing was changed; try again");
        add(
            has("Bookstore-Deadline"),
            504,
            "`deadline-exceeded`: the outcome is unknown",
        );
        add(
            has("Idempotency-Key"),
            507,
            "`storage-full`: the disk is full; nothing was changed",
        );
        for (status, response) in responses.iter_mut() {
            self.complete_response(status, response, &fields);
        }
        self.operation["responses"] = std::mem::take(responses).into();
    }

    /// Replaces each header field by its shared definition; returns the names of the operation's header fields.
    fn complete_parameters(&mut self) -> BTreeSet<String> {
        let mut parameters = self.operation["parameters"].take();
        let mut all = parameters.as_array_mut().map(std::mem::take).unwrap_or_default();
        let mut names = BTreeSet::new();
        for parameter in &mut all {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            if let Some(known) = self.components.parameter(&name).filter(|_| parameter["in"] == "header") {
                *parameter = known;
                names.insert(name);
            }
        }
        // A read that takes a position can also be confirmed with the store.
        let confirmable = names.contains("Bookstore-Seq").then_some("Cache-Control");
        for name in confirmable.into_iter().chain(["X-Request-Id", "traceparent"]) {
            all.extend(self.components.parameter(name));
        }
        self.operation["parameters"] = all.into();
        names
    }

    /// Adds the security schemes. Returns whether the operation answers 401.
    fn complete_security(&mut self, is_monitor: bool) -> bool {
        let (shopkeeper, service) = ("token", "service-token");
        let is_shopkeepers = !self.operation["security"].is_null();
        let is_internal = self.kind != ServiceKind::Frontend;
        if is_shopkeepers {
            self.components.add_security(shopkeeper);
        }
        if is_internal {
            self.components.add_security(service);
        }
        // The service's token is needed only if the service was started with one.
        self.operation["security"] = match (is_shopkeepers, is_internal) {
            (false, false) => json!([]),
            (true, false) => json!([{shopkeeper: []}]),
            (false, true) => json!([{service: []}, {}]),
            (true, true) => json!([{shopkeeper: [], service: []}, {shopkeeper: []}]),
        };
        is_shopkeepers || (is_internal && !is_monitor)
    }

    fn complete_response(&mut self, status: &str, response: &mut Value, fields: &BTreeSet<String>) {
        let is_success = status < "400";
        if !is_success && response["content"]["application/json"].is_null() {
            let description = response["description"].take();
            *response = match self.operation["deprecated"] == true {
                true => self.deprecated_problem(status),
                false => self.components.problem(status),
            };
            response["description"] = description;
            return;
        }
        let mut names = vec!["X-Request-Id", "X-Content-Type-Options", "Bookstore-Seq"];
        if is_success && fields.contains("If-None-Match") && !fields.contains("If-Match") {
            names.extend(["ETag", "Cache-Control"]);
            if self.kind == ServiceKind::Frontend {
                names.extend(["Cache-Status", "Age"]);
            }
        }
        if fields.contains("If-Match") {
            names.extend(["ETag", "Cache-Control"]);
        }
        if fields.contains("Idempotency-Key") {
            names.push("Idempotency-Replayed");
        }
        if self.operation["deprecated"] == true {
            names.push("Deprecation");
        }
        if self.kind == ServiceKind::Frontend && self.operation["operationId"] == "buy_book" {
            names.push("Server-Timing");
        }
        if status == "503" {
            names.push("Retry-After");
        }
        let mut headers = self.components.headers(names);
        let content = &mut response["content"];
        if content.is_null() {
            drop(response.as_object_mut().map(|response| response.remove("content")));
        } else if let Some(stream) = content.get_mut("text/event-stream") {
            let data = stream["schema"].take();
            let data = json!({"type": "string", "contentMediaType": "application/json", "contentSchema": data});
            let text = json!({"type": "string"});
            stream["schema"] = json!({
                "type": "object", "description": "One event of the stream.", "required": ["event", "data"],
                "properties": {"event": text, "id": text, "data": data},
            });
            headers.insert(
                "Cache-Control".to_owned(),
                json!({"schema": {"type": "string", "const": "no-store"}}),
            );
            headers.extend(self.components.headers(["X-Accel-Buffering"]));
        }
        let links = self.links(&response["content"]["application/json"]["schema"]["$ref"]);
        if !links.is_empty() {
            response["links"] = links.into();
        }
        response["headers"] = headers.into();
    }

    /// A problem of a deprecated operation: like all its responses, it has the field `Deprecation`.
    fn deprecated_problem(&mut self, status: &str) -> Value {
        let mut response = self.components.problem_response(status);
        if let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) {
            headers.extend(self.components.headers(["Deprecation"]));
        }
        response
    }

    /// Links from a body of the schema that is referenced.
    fn links(&self, reference: &Value) -> Map<String, Value> {
        let schema = reference.as_str().and_then(|reference| reference.rsplit('/').next());
        let own_id = self.operation["operationId"].as_str();
        let links = LINKS
            .iter()
            .filter(|(of, id, ..)| Some(*of) == schema && Some(*id) != own_id && self.ids.contains(*id));
        let link = |(_, id, parameter, field): &(&str, &str, &str, &str)| {
            let from = format!("$response.body#{field}");
            (
                (*id).to_owned(),
                json!({"operationId": id, "parameters": {*parameter: from}}),
            )
        };
        links.map(link).collect()
    }
}
