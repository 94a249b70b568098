//! The OpenAPI document of a running service, and the comparison of answers with it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::client::{Client, Reply};

const METHODS: [&str; 4] = ["get", "put", "post", "delete"];
/// Header fields that OpenAPI leaves to HTTP.
const OF_HTTP: [&str; 6] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "transfer-encoding",
];

pub(super) struct Document {
    pub(super) json: Value,
    /// The status and operation of each answer that was compared.
    seen: Mutex<BTreeSet<(u16, String)>>,
}

impl Document {
    pub(super) async fn of(client: &Client) -> Self {
        let json = client.get("/openapi.json").await.json();
        Self {
            json,
            seen: Mutex::default(),
        }
    }

    /// Every operation with its path and method.
    pub(super) fn operations(&self) -> Vec<(&str, &str, &Value)> {
        let paths = self.json["paths"].as_object().unwrap();
        let of_path = |(path, item): (_, &'_ Value)| {
            let methods = METHODS.into_iter().filter(|method| !item[method].is_null());
            methods.map(|method| (path, method)).collect::<Vec<(&String, &str)>>()
        };
        let all = paths.iter().flat_map(of_path);
        all.map(|(path, method)| (path.as_str(), method, &self.json["paths"][path][method]))
            .collect()
    }

    /// The target of a reference, or the value itself if it is no reference.
    pub(super) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self
                .at(reference)
                .unwrap_or_else(|| panic!("{reference} does not exist")),
            None => value,
        }
    }

    pub(super) fn at(&self, reference: &str) -> Option<&Value> {
        self.json.pointer(reference.strip_prefix('#')?)
    }

    /// Asserts that a value has the form of a schema of this document.
    pub(super) fn assert_valid(&self, schema: &Value, value: &Value, what: &str) {
        let whole = json!({"components": self.json["components"], "allOf": [schema]});
        let options = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true);
        let validator = options.build(&whole).unwrap();
        let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:?} in {value}");
    }

    fn operation(&self, method: &str, path: &str) -> (String, &Value) {
        let path = path.split('?').next().unwrap();
        let is_it = |template: &str| {
            template.split('/').count() == path.split('/').count()
                && template
                    .split('/')
                    .zip(path.split('/'))
                    .all(|(expected, part)| expected == part || expected.starts_with('{'))
        };
        let mut operations = self.operations().into_iter();
        let found = operations.find(|(template, known, _)| method.eq_ignore_ascii_case(known) && is_it(template));
        let (template, method, operation) = found.unwrap_or_else(|| panic!("{method} {path} is not documented"));
        (format!("{method} {template}"), operation)
    }

    /// Asserts that the document describes the status, every header field and the body of an answer.
    pub(super) fn check(&self, method: &str, path: &str, reply: &Reply) {
        let (name, operation) = self.operation(method, path);
        let what = format!("{name} {}", reply.status);
        let documented = &operation["responses"][reply.status.to_string()];
        assert!(!documented.is_null(), "{what} is not documented: {}", reply.body);
        let response = self.resolve(documented);
        self.check_fields(response, reply, &what);
        let media_type = reply
            .header("content-type")
            .map(|value| value.split(';').next().unwrap());
        match media_type {
            None => assert!(reply.body.is_empty(), "{what}"),
            Some(media_type) => {
                let content = &response["content"][media_type];
                assert!(!content.is_null(), "{what}: {media_type} is not documented");
                self.check_body(content, media_type, reply, &what);
            }
        }
        if media_type == Some(common::problem::MEDIA_TYPE) {
            let (json, description) = (reply.json(), documented["description"].as_str().unwrap());
            let code = format!("`{}`", json["code"].as_str().unwrap());
            assert!(description.contains(&code), "{what}: {code} is not in {description:?}");
        }
        self.seen.lock().unwrap().insert((reply.status, name));
    }

    fn check_fields(&self, response: &Value, reply: &Reply, what: &str) {
        let fields = response["headers"].as_object().cloned().unwrap_or_default();
        for (name, field) in &fields {
            let field = self.resolve(field);
            let Some(text) = reply.header(&name.to_lowercase()) else {
                assert_ne!(field["required"], true, "{what} has no {name}");
                continue;
            };
            let value = match field["schema"]["type"].as_str() {
                Some("integer") => serde_json::from_str(text).unwrap(),
                _ => Value::from(text),
            };
            self.assert_valid(&field["schema"], &value, &format!("{what}, {name}"));
        }
        let known: BTreeSet<String> = fields.keys().map(|name| name.to_lowercase()).collect();
        for name in reply.headers.keys().map(reqwest::header::HeaderName::as_str) {
            assert!(
                OF_HTTP.contains(&name) || known.contains(name),
                "{what}: {name} is not documented"
            );
        }
    }

    fn check_body(&self, content: &Value, media_type: &str, reply: &Reply, what: &str) {
        match media_type {
            "text/event-stream" => {
                let data = reply.body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
                let data = serde_json::from_str(data).unwrap();
                self.assert_valid(&content["schema"]["properties"]["data"]["contentSchema"], &data, what);
            }
            "text/plain" => self.assert_valid(&content["schema"], &Value::from(reply.body.clone()), what),
            _ => self.assert_valid(&content["schema"], &reply.json(), what),
        }
    }

    /// Asserts that an answer with each of these statuses, and a success of every operation, was compared.
    pub(super) fn assert_seen(&self, statuses: &[u16]) {
        let seen = self.seen.lock().unwrap();
        for (path, method, _) in self.operations() {
            let name = format!("{method} {path}");
            assert!(
                seen.iter().any(|(status, of)| *of == name && *status < 300),
                "no success of {name} was compared"
            );
        }
        let compared: BTreeSet<u16> = seen.iter().map(|(status, _)| *status).collect();
        let expected: BTreeSet<u16> = statuses.iter().copied().collect();
        assert!(compared.is_superset(&expected), "compared only {compared:?}");
    }
}
