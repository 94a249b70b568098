//! The responses that the dispatcher gives for every route, in the OpenAPI document.

use common::Code;
use http::Method;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, Response, ResponseBuilder};

/// Those of every operation.
const ALWAYS: [Code; 5] = [
    Code::InvalidRequest,
    Code::UnsupportedMediaType,
    Code::Misdirected,
    Code::TooManyRequests,
    Code::LoopDetected,
];
/// Those of operations that change something.
const CHANGES: [Code; 3] = [Code::ForbiddenOrigin, Code::RequestTimeout, Code::PayloadTooLarge];

/// Adds the responses that an operation does not describe itself.
pub(super) fn describe_refusals(document: &mut OpenApi, is_change: impl Fn(&str, &Method) -> bool) {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            describe(operation, &ALWAYS);
            if is_change(path, &method) {
                describe(operation, &CHANGES);
            }
        }
    }
}

/// Adds what a caller without the service token gets.
pub(super) fn describe_service_token(document: &mut OpenApi) {
    let token = ApiKey::Header(ApiKeyValue::with_description(
        "Bookstore-Service-Token",
        "Needed on all routes but `/livez` and `/readyz`, if the service was started with one",
    ));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("service-token", SecurityScheme::ApiKey(token));
    for (path, item) in &mut document.paths.paths {
        if matches!(path.as_str(), "/livez" | "/readyz") {
            continue;
        }
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            describe(operation, &[Code::Unauthorized]);
        }
    }
}

fn describe(operation: &mut Operation, codes: &[Code]) {
    for code in codes {
        let responses = &mut operation.responses.responses;
        let status = code.status().to_string();
        responses.entry(status).or_insert_with(|| problem(*code).into());
    }
}

fn problem(code: Code) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new().description(format!("`{code}`"));
    response.content("application/problem+json", content).build()
}
