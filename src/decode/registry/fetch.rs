//! Fetching a schema with everything it refers to.

use std::{collections::HashSet, fmt::Write};

use serde::Deserialize;

use super::{
    super::{Undecodable, wire::SchemaName},
    client::{Client, Failure},
    schema::Schema,
};

/// So many schemas may be referred to by one, directly and not.
const MOST_REFERENCES: usize = 200;

/// A schema as the registry has it.
#[derive(Deserialize)]
struct Registered {
    schema: String,
    /// Left out where it is Avro.
    #[serde(rename = "schemaType", default)]
    kind: Option<String>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
}

/// Another schema, under the name by which this one knows it.
#[derive(Deserialize)]
struct Reference {
    name: String,
    subject: String,
    version: i64,
}

/// Fetches the schema of a name. A schema that was soft-deleted is still there for what was written with it.
pub(super) fn schema(client: &Client, id: SchemaName) -> Result<Schema, Undecodable> {
    let registered = match id {
        SchemaName::Id(number) => client.get(&format!("/schemas/ids/{number}?deleted=true")),
        SchemaName::Guid(_) => client.get_if_served(&format!("/schemas/guids/{id}")),
    };
    let registered: Registered = registered.map_err(|failure| match (failure, id) {
        (Failure::Missing(text), SchemaName::Id(_)) => {
            Undecodable::Bad(format!("the schema registry does not know schema {id}: {text}"))
        }
        (Failure::Missing(text), SchemaName::Guid(_)) => Undecodable::Bad(format!(
            "the schema registry does not know a schema with the GUID {id}: {text}; GUIDs need Confluent Schema Registry 8.0 \
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
            "the registry says that it is of the type {}, which is not understood",
            crate::feed::printable(other)
        )))),
    }
}

/// Names and texts of everything that is referred to, directly and not; each once.
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
        if found.len() == MOST_REFERENCES {
            return Err(Undecodable::Bad(format!("schema {id} refers to more than {MOST_REFERENCES} others")));
        }
        let path = format!("/subjects/{}/versions/{version}?deleted=true", escaped(&subject));
        let registered: Registered = client.get(&path).map_err(|failure| match failure {
            Failure::Missing(text) => Undecodable::Bad(format!(
                "schema {id} refers to version {version} of {}, which the schema registry does not know: {text}",
                crate::feed::printable(&subject)
            )),
            Failure::Unreachable(text) | Failure::NotServed(text) => Undecodable::Unreachable(text),
        })?;
        open.extend(registered.references.into_iter().flatten());
        found.push((name, registered.schema));
    }
    // The same schema may be known by several names, which only imports of Protocol Buffers need.
    Ok(found)
}

/// A name as part of an address's path.
fn escaped(name: &str) -> String {
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
    use super::escaped;

    #[test]
    fn subjects_are_escaped() {
        assert_eq!(escaped("orders-value"), "orders-value");
        assert_eq!(escaped(":.ctx:a/b ü"), "%3A.ctx%3Aa%2Fb%20%C3%BC");
    }
}
