//! The parts of schemas that utoipa cannot express.

use common::{Description, limits};
use serde_json::{Map, Value, json};

/// Removes `null` from every schema: responses leave absent fields out, and requests refuse it.
pub(super) fn remove_null(value: &mut Value) {
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

/// A pattern: visible text without control characters.
const TEXT: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";

/// Adds which fields of an order's JSON exclude each other, and which texts a book may have.
pub(super) fn add_rules(schemas: &mut Value) {
    // A linter requires each required field to be a property of the same schema.
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
