//! Fetches a schema with everything it references.

use std::{collections::HashSet, fmt::Write};

use serde::Deserialize;

use super::{
    super::{Undecodable, wire::SchemaName},
    Failure,
    client::Client,
    schema::Schema,
};

/// Maximum number of schemas that one schema may reference, directly and indirectly.
const MAX_REFERENCES: usize = 200;

/// A schema as returned by the registry.
#[derive(Deserialize)]
struct Registered {
    schema: String,
    /// Absent for Avro.
    #[serde(rename = "schemaType", default)]
    kind: Option<String>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
}

/// A referenced schema, and the name used for it.
#[derive(Deserialize)]
struct Reference {
    name: String,
    subject: String,
    version: i64,
}

/// Fetches a schema by id or GUID. Soft-deleted schemas are included, because records may have been written with them.
pub(super) fn schema(client: &Client, id: SchemaName) -> Result<Schema, Undecodable> {
    let registered = match id {
        SchemaName::Id(number) => client.get(&format!("/schemas/ids/{number}?deleted=true")),
        SchemaName::Guid(_) => client.get_if_served(&format!("/schemas/guids/{id}")),
    };
    let registered: Registered = registered.map_err(|failure| match (failure, id) {
        (Failure::Missing(text), SchemaName::Id(_)) => {
            Undecodable::Bad(format!("the schema registry has no schema {id}: {text}"))
        }
        (Failure::Missing(text), SchemaName::Guid(_)) => Undecodable::Bad(format!(
            "the schema registry has no schema with the GUID {id}: {text}; GUIDs need Confluent Schema Registry 8.0 \
             or newer, and the registry that the serializer used"
        )),
        (Failure::Unreachable(text) | Failure::NotServed(text), _) => Undecodable::Unreachable(text),
    })?;
    match registered.kind.as_deref().unwrap_or("AVRO") {
        "AVRO" => {
            let references = references(client, id, registered.references)?;
            let texts: Vec<String> = references.into_iter().map(|(_, text)| text).collect();
            Ok(Schema::avro(&registered.schema, &texts))
        }
        "PROTOBUF" => Ok(Schema::protobuf(&registered.schema, &references(client, id, registered.references)?)),
        "JSON" => Ok(Schema::Json),
        other => Ok(Schema::Unusable(Undecodable::Bad(format!(
            "the registry reports the schema type {}, which is not supported",
            kreplay_model::domain::printable(other)
        )))),
    }
}

/// Names and texts of all referenced schemas, direct and indirect, each once.
fn references(
    client: &Client,
    id: SchemaName,
    direct: Option<Vec<Reference>>,
) -> Result<Vec<(String, String)>, Undecodable> {
    let mut open = direct.unwrap_or_default();
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some(Reference { name, subject, version }) = open.pop() {
        if !seen.insert((name.clone(), subject.clone(), version)) {
            continue;
        }
        if found.len() == MAX_REFERENCES {
            return Err(Undecodable::Bad(format!("schema {id} references more than {MAX_REFERENCES} others")));
        }
        let path = format!("/subjects/{}/versions/{version}?deleted=true", percent_encoded(&subject));
        let registered: Registered = client.get(&path).map_err(|failure| match failure {
            Failure::Missing(text) => Undecodable::Bad(format!(
                "schema {id} references version {version} of {}, which the schema registry does not have: {text}",
                kreplay_model::domain::printable(&subject)
            )),
            Failure::Unreachable(text) | Failure::NotServed(text) => Undecodable::Unreachable(text),
        })?;
        open.extend(registered.references.into_iter().flatten());
        found.push((name, registered.schema));
    }
    // The same schema may have several names, which only Protocol Buffers imports need.
    Ok(found)
}

/// Percent-encodes a name for use in a URL path.
fn percent_encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::percent_encoded;

    #[test]
    fn subjects_are_percent_encoded() {
        assert_eq!(percent_encoded("orders-value"), "orders-value");
        assert_eq!(percent_encoded(":.ctx:a/b ü"), "%3A.ctx%3Aa%2Fb%20%C3%BC");
    }
}
