//! Fetching a schema with everything it refers to.

use std::{collections::HashSet, fmt::Write};

use serde::Deserialize;

use super::{
    super::Undecodable,
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

/// Fetches the schema of an id.
pub(super) fn schema(client: &Client, id: u32) -> Result<Schema, Undecodable> {
    let registered: Registered = client.get(&format!("/schemas/ids/{id}")).map_err(|failure| match failure {
        Failure::Missing(text) => Undecodable::Bad(format!("the schema registry does not know schema {id}: {text}")),
        Failure::Unreachable(text) => Undecodable::Unreachable(text),
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
fn references(client: &Client, id: u32, direct: Option<Vec<Reference>>) -> Result<Vec<(String, String)>, Undecodable> {
    let mut open = direct.unwrap_or_default();
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some(Reference { name, subject, version }) = open.pop() {
        if !seen.insert((name.clone(), subject.clone(), version)) {
            continue;
        }
        if found.len() == MOST_REFERENCES {
            return Err(Undecodable::Bad(format!("schema {id} refers to more than {MOST_REFERENCES} others")));
        }
        let path = format!("/subjects/{}/versions/{version}", escaped(&subject));
        let registered: Registered = client.get(&path).map_err(|failure| match failure {
            Failure::Missing(text) => Undecodable::Bad(format!(
                "schema {id} refers to version {version} of {}, which the schema registry does not know: {text}",
                crate::feed::printable(&subject)
            )),
            Failure::Unreachable(text) => Undecodable::Unreachable(text),
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
