//! The OpenAPI document of a service.
//!
//! The annotation of a handler has what is special to its operation: parameters, successes, and for problems of its own the
//! status with the code and the case in the description. Header fields are only named. What operations share is added here:
//! the definitions of header fields, the form of problems, what the dispatcher and the connection answer, security, links.

mod components;

use std::collections::{BTreeMap, BTreeSet};

use common::wire::ServiceKind;
use common::{Code, Description, limits};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use self::components::Components;

const METHODS: [&str; 4] = ["get", "put", "post", "delete"];

/// What operations can be found by; a tag is listed if an operation has it.
const TAGS: [(&str, &str); 5] = [
    ("shop", "Browse, search, buy, watch the stock."),
    (
        "shopkeeper",
        "Change the shop and read its ledger, with the shopkeeper's token.",
    ),
    ("catalog", "Books, stock and the ledger, for the other services."),
    ("order", "Purchases and receipts, for the front-end."),
    ("health", "Whether the service works, and its description."),
];

const CONVENTIONS: &str = "Bodies are JSON; whole numbers are written without a fraction, fields without a value are left out, never `null`. Errors are problem details \
    (RFC 9457) with a stable `code`. `HEAD` works where `GET` does, and unknown query parameters are ignored.";

/// Statuses that every operation may have.
const ALWAYS: [(u16, &str); 11] = [
    (
        400,
        "`invalid-request`: a parameter, a field or the body is not valid; without a body if the message cannot be parsed",
    ),
    (405, "`method-not-allowed`: the address has other methods"),
    (
        408,
        "`request-timeout`: head or body did not arrive in time; without a body if it was the head",
    ),
    (414, "The target of the request is too long; no body"),
    (
        415,
        "`unsupported-media-type`: the body has a content encoding or is not JSON",
    ),
    (421, "`misdirected`: the service does not answer for that host"),
    (431, "The head of the request is too large; no body"),
    (500, "`internal`: a defect in the service; the outcome is unknown"),
    (501, "A transfer encoding other than `chunked`; no body"),
    (505, "Another version of HTTP; no body"),
    (
        508,
        "`loop-detected`: the request came through more than three services (`Bookstore-Hops`)",
    ),
];

/// Operations that continue from a response: the schema of its body, the operation, the parameter, and the body's field.
const LINKS: [(&str, &str, &str, &str); 7] = [
    ("Receipt", "find_order", "path.order", "/order"),
    ("Book", "search_books", "query.item", "/item"),
    ("Book", "lookup_book", "path.item", "/item"),
    ("Book", "change_stock", "path.item", "/item"),
    ("Book", "set_book", "path.item", "/item"),
    ("Book", "withdraw_book", "path.item", "/item"),
    ("Book", "update_stock", "path.item", "/item"),
];

/// Completes the document of a service; `is_change` tells by path and method whether an operation changes something.
pub(super) fn complete(document: &OpenApi, kind: ServiceKind, is_change: impl Fn(&str, &str) -> bool) -> Value {
    // Plain structs with string keys: serializing them cannot fail.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    remove_null(&mut document);
    let mut components = Components::default();
    let (mut tags, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for operation in operations(&mut document).into_iter().map(|(_, _, operation)| operation) {
        tags.extend(operation["tags"][0].as_str().map(str::to_owned));
        ids.extend(operation["operationId"].as_str().map(str::to_owned));
    }
    for (path, method, operation) in operations(&mut document) {
        let is_change = is_change(path, method);
        let mut completion = Completion {
            kind,
            components: &mut components,
            ids: &ids,
            operation,
        };
        completion.complete(path, is_change);
    }
    components.add_to(&mut document);
    add_rules(&mut document["components"]["schemas"]);
    let known = TAGS.iter().filter(|(name, _)| tags.contains(*name));
    let listed: Vec<Value> = known
        .map(|(name, description)| json!({"name": name, "description": description}))
        .collect();
    document["tags"] = listed.into();
    document["servers"] = json!([{"url": "/", "description": "The service that this document comes from"}]);
    let purpose = document["info"]["description"].as_str().unwrap_or_default();
    document["info"]["description"] = format!("{purpose}\n\n{CONVENTIONS}").into();
    document
}

/// Every operation with its path and method.
fn operations(document: &mut Value) -> Vec<(&str, &'static str, &mut Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (name, operation) in item.as_object_mut().into_iter().flatten() {
            let method = METHODS.into_iter().find(|method| method == name);
            operations.extend(method.map(|method| (path.as_str(), method, operation)));
        }
    }
    operations
}

/// Removes `null` from every schema: responses leave absent fields out, and requests refuse it.
fn remove_null(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    fields.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(schemas)) = fields.get_mut("oneOf") {
                schemas.retain(|schema| schema["type"] != "null");
                if let [Value::Object(only)] = &mut schemas[..] {
                    let only = std::mem::take(only);
                    fields.remove("oneOf");
                    fields.extend(only);
                }
            }
            fields.values_mut().for_each(remove_null);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_null),
        _ => {}
    }
}

/// Visible text without control characters.
const TEXT: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";

/// Adds what utoipa cannot say: which fields of an order's JSON exclude each other, and what the texts of a book may be.
fn add_rules(schemas: &mut Value) {
    // A linter wants to see each required field in the same schema.
    let having = |fields: &[&str]| {
        let properties: Map<String, Value> = fields.iter().map(|field| ((*field).to_owned(), json!({}))).collect();
        json!({"required": fields, "properties": properties})
    };
    // The data of `hello` is also that of `resync`.
    for name in ["StockEvents", "LedgerEvents"] {
        let schema = schemas.get_mut(name).and_then(Value::as_object_mut);
        if let Some(schema) = schema
            && let Some(alternatives) = schema.remove("oneOf")
        {
            schema.insert("anyOf".to_owned(), alternatives);
        }
    }
    for name in ["BookBody", "NumberedBookBody"] {
        if let Some(properties) = schemas.get_mut(name).map(|schema| &mut schema["properties"]) {
            for text in std::iter::once("title").chain(Description::COLUMNS) {
                properties[text]["pattern"] = TEXT.into();
                properties[text]["maxLength"] = limits::NAME_BYTES_MAX.into();
            }
            // In answers a cost always has two places.
            let description = "The cost of one copy, 0.00…9999999.99.";
            let pattern = "^[0-9]{1,7}([.][0-9]{1,2})?$";
            properties["cost"] =
                json!({"type": "string", "pattern": pattern, "description": description, "examples": ["40"]});
        }
    }
    for name in ["BuyBody", "Order", "Sale"] {
        if let Some(schema) = schemas.get_mut(name) {
            schema["not"] = json!({"anyOf": [having(&["item", "lines"]), having(&["quantity", "lines"])]});
            // The book of a purchase may also be named in the query.
            if name != "BuyBody" {
                schema["anyOf"] = json!([having(&["item"]), having(&["lines"])]);
            }
        }
    }
}

/// The completion of one operation.
struct Completion<'a> {
    kind: ServiceKind,
    components: &'a mut Components,
    /// Those of all operations of the document.
    ids: &'a BTreeSet<String>,
    operation: &'a mut Value,
}

impl Completion<'_> {
    fn complete(&mut self, path: &str, is_change: bool) {
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
            "`precondition-failed`: the book was changed meanwhile",
        );
        add(has_body, 413, "`payload-too-large`");
        add(
            has("Idempotency-Key"),
            422,
            "`key-reused`: the key belongs to something else",
        );
        add(
            !is_monitor,
            429,
            "`too-many-requests`: more requests a second than are allowed",
        );
        add(!is_health, 503, "`unavailable`: this request changed nothing");
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

    /// Replaces each header field by its shared definition. Returns the names of those of this operation.
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
        // What is answered as of a position can also be confirmed.
        let confirmable = names.contains("Bookstore-Seq").then_some("Cache-Control");
        for name in confirmable.into_iter().chain(["X-Request-Id", "traceparent"]) {
            all.extend(self.components.parameter(name));
        }
        self.operation["parameters"] = all.into();
        names
    }

    /// Adds the service's token. Returns whether a request may be refused for want of a token.
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

    /// A problem of a deprecated operation, each answer of which says since when.
    fn deprecated_problem(&mut self, status: &str) -> Value {
        let mut response = self.components.problem_response(status);
        if let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) {
            headers.extend(self.components.headers(["Deprecation"]));
        }
        response
    }

    /// The operations that continue from a body of that schema.
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

/// The codes that have a status.
fn codes_of(status: &str) -> BTreeMap<&'static str, Code> {
    let codes = Code::ALL.into_iter().filter(|code| code.status().to_string() == status);
    codes.map(|code| (code.as_str(), code)).collect()
}
