//! `config schema`: the JSON Schema of a configuration file, derived from the list of settings.

use serde_json::{Map, Value, json};

use super::{
    Config, alerts, bytes,
    catalog::{self, Setting},
    keys,
    kind::Kind,
    notify,
};

/// A duration as text.
const DURATION: &str = "^(0|[0-9.]+(ns|us|µs|ms|s|m))$";

/// The JSON Schema (2020-12) of a configuration file, with a line break at the end.
#[must_use]
pub fn schema() -> String {
    let defaults = Config::default();
    let mut root = table();
    for setting in catalog::settings() {
        let (tables, name) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        let mut within = &mut root["properties"];
        for name in tables.split('.') {
            let inner = &mut within[name];
            if inner.is_null() {
                *inner = table();
            }
            within = &mut inner["properties"];
        }
        within[name] = describe(setting, &defaults);
    }
    root["properties"]["kafka"]["properties"]["properties"] = json!({
        "description": "librdkafka properties, passed through unchanged.",
        "type": "object",
        "additionalProperties": { "$ref": "#/$defs/property" },
    });
    root["properties"]["console"]["properties"]["keys"] = keys::schema();
    root["properties"][alerts::TABLE] = alerts::schema();
    root["properties"][notify::TABLE] = notify::schema();
    for (one, other) in catalog::EXCLUSIVE {
        if let (Some((table, one)), Some((_, other))) = (one.split_once('.'), other.split_once('.')) {
            let both = json!({ "not": { "required": [one, other] } });
            match root["properties"][table]["allOf"].as_array_mut() {
                Some(rules) => rules.push(both),
                None => root["properties"][table]["allOf"] = json!([both]),
            }
        }
    }
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    root["title"] = "Configuration of kreplay".into();
    // TOML reads an unquoted name with dots as tables.
    root["$defs"] = json!({ "property": {
        "type": ["string", "number", "boolean", "object"],
        "additionalProperties": { "$ref": "#/$defs/property" },
    } });
    format!("{root:#}\n")
}

fn table() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

fn describe(setting: &Setting, defaults: &Config) -> Value {
    let mut described = rules(&setting.kind);
    let help = setting.help.trim();
    let description = match &setting.kind {
        // The rules contain everything that the description would say.
        Kind::Bool | Kind::Integer(_) | Kind::Fraction | Kind::Word(_) => help.to_owned(),
        kind => format!("{help} Allowed: {kind}."),
    };
    described.insert("description".into(), description.into());
    if let Some(default) = (setting.show)(defaults).and_then(|value| serde_json::to_value(value).ok()) {
        described.insert("default".into(), default);
    }
    described.into()
}

/// The type and the bounds of a kind. Bounds of durations and sizes are only in the description.
fn rules(kind: &Kind) -> Map<String, Value> {
    let rules = match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer(range) => json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() }),
        Kind::Count(_) => json!({ "type": "integer", "minimum": 0 }),
        Kind::Fraction => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Duration(..) => json!({ "type": "string", "pattern": DURATION }),
        Kind::Bytes(..) => {
            json!({ "type": "string", "pattern": format!("^[0-9]+ *({})$", bytes::UNITS.join("|")) })
        }
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Text(_) | Kind::Path(_) => json!({ "type": "string" }),
        Kind::Position(_) => json!({ "type": ["string", "integer"] }),
        Kind::List(_) => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::TextOrList(_) => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Kind::Secret(_, kind) | Kind::Described(kind, _) => return rules(kind),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(rules).collect::<Vec<_>>() }),
    };
    match rules {
        Value::Object(rules) => rules,
        _ => Map::new(),
    }
}
