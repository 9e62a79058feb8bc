//! A check of values against the JSON Schema that `kreplay config schema` prints: the keywords that it uses.

use serde_json::Value;

/// The places in a file that do not fit the schema.
pub fn mismatches(file: &toml::Table) -> Vec<String> {
    let root: Value = serde_json::from_str(&kreplay::config::schema()).unwrap();
    let mut found = Vec::new();
    check(&root, &root, &serde_json::to_value(file).unwrap(), "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().unwrap() {
        let fits = match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(pointer).unwrap(), value, path, found);
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is_a(value, name)),
                name => is_a(value, name),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "pattern" => {
                regex::Regex::new(rule.as_str().unwrap()).unwrap().is_match(value.as_str().unwrap_or_default())
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|one| fits(root, one, value)),
            "allOf" => rule.as_array().unwrap().iter().all(|one| fits(root, one, value)),
            "not" => !fits(root, rule, value),
            "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(root, rule, item))),
            "additionalProperties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    match (schema["properties"].get(name), rule) {
                        (Some(known), _) => check(root, known, inner, &format!("{path}.{name}"), found),
                        (None, Value::Bool(false)) => found.push(format!("{path}.{name}: unknown")),
                        (None, rule) => check(root, rule, inner, &format!("{path}.{name}"), found),
                    }
                }
                true
            }
            "$schema" | "$defs" | "title" | "description" | "default" | "properties" => true,
            other => panic!("the check does not know the keyword {other}"),
        };
        if !fits {
            found.push(format!("{path}: {keyword}"));
        }
    }
}

fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    check(root, schema, value, "", &mut found);
    found.is_empty()
}

fn is_a(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("unknown type {other}"),
    }
}
