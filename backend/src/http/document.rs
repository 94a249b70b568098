//! The responses that the dispatcher gives for every route, in the OpenAPI document.

use common::Code;
use http::Method;
use utoipa::openapi::path::Operation;
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
