//! The OpenAPI document of a service.
//!
//! The annotation of a handler describes what only its operation has: parameters, successful responses, and its own problems,
//! each with its code and case in the description. It only names header fields. What operations share is added here: the
//! definitions of header fields, the form of problems, the responses of dispatcher and connection, security, and links.

mod completion;
mod components;
mod schemas;

use std::collections::BTreeSet;

use common::wire::ServiceKind;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use self::completion::Completion;
use self::components::Components;
use self::schemas::{add_rules, remove_null};

const METHODS: [&str; 4] = ["get", "put", "post", "delete"];

/// All tags with their descriptions; a document lists those of its operations.
const TAGS: [(&str, &str); 5] = [
    ("shop", "Browse, search, buy, watch the stock."),
    (
        "shopkeeper",
        "Change the shop and read its ledger, with the shopkeeper's token.",
    ),
    ("catalog", "Books, stock and the ledger, for the other services."),
    ("order", "Purchases and receipts, for the front-end."),
    ("health", "Health, metrics and the API description of the service."),
];

const CONVENTIONS: &str = "Bodies are JSON; whole numbers are written without a fraction, fields without a value are left out, never `null`. Errors are problem details \
    (RFC 9457) with a stable `code`. `HEAD` works where `GET` does, and unknown query parameters are ignored.";

/// Completes the document of a service. `is_change` tells, by path and method, whether an operation changes something.
pub(super) fn complete(document: &OpenApi, kind: ServiceKind, is_change: impl Fn(&str, &str) -> bool) -> Value {
    // The document consists of structs with string keys: serializing it cannot fail.
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
