//! Binds records: determines the values of their statements' parameters.

use std::sync::Arc;

use kreplay_engine::{
    decode::Undecodable,
    rules::{Examined, Rules},
};
use kreplay_model::domain::{
    AppendOnlyVec, Record, TopicPartition, hash_content, hash_pair,
    json::{Document, Json, Kind},
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    batch::{Batch, BoundRecord, BoundStatement, Value},
    definition::Definition,
    statement::{HASH_MODULUS, Parameter},
};

/// Binds records to the statements of a definition. Each worker has its own binder.
#[derive(Clone)]
pub(super) struct Binder {
    definition: Arc<Definition>,
    rules: Arc<Rules>,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
    /// By the index of a partition: the definition's entries that match its topic.
    entries: Vec<Option<Arc<[usize]>>>,
}

impl Binder {
    pub(super) fn new(
        definition: Arc<Definition>,
        rules: Arc<Rules>,
        partitions: Arc<AppendOnlyVec<TopicPartition>>,
    ) -> Self {
        Self { definition, rules, partitions, entries: Vec::new() }
    }

    /// Appends a record and its statements to a batch. If it fails, the batch is unchanged.
    ///
    /// # Errors
    /// A statement needs the decoded value, and the value cannot be decoded.
    pub(super) fn bind(&mut self, record: &Record, batch: &mut Batch) -> Result<(), Undecodable> {
        let entries = self.entries(record.partition);
        let (definition, rules) = (Arc::clone(&self.definition), Arc::clone(&self.rules));
        let examined = rules.examine(record);
        let (first_statement, first_value) = (batch.statements.len(), batch.values.len());
        for entry in entries.iter().filter_map(|entry| definition.on.get(*entry)) {
            if !entry.event_types.is_empty()
                && !examined.event_type().is_some_and(|name| entry.event_types.iter().any(|glob| glob.is_match(&name)))
            {
                continue;
            }
            for statement in entry.statements.clone() {
                let first = batch.values.len();
                for parameter in definition.statements[statement].parameters() {
                    match self.value(parameter, record, &examined, batch) {
                        Ok(value) => batch.values.push(value),
                        Err(error) => {
                            batch.statements.truncate(first_statement);
                            batch.values.truncate(first_value);
                            return Err(error);
                        }
                    }
                }
                batch.statements.push(BoundStatement { index: statement, values: first..batch.values.len() });
            }
        }
        let statements = first_statement..batch.statements.len();
        let fingerprint = fingerprint_of(record.offset, record.key(), record.value());
        batch.records.push(BoundRecord { partition: record.partition, offset: record.offset, fingerprint, statements });
        Ok(())
    }

    fn entries(&mut self, partition: u32) -> Arc<[usize]> {
        let index = partition as usize;
        if let Some(Some(known)) = self.entries.get(index) {
            return Arc::clone(known);
        }
        let topic = self.partitions.get(index).map_or(&b""[..], |id| id.topic.as_bytes());
        let matches_topic =
            |globs: &[kreplay_model::domain::Glob]| globs.is_empty() || globs.iter().any(|glob| glob.is_match(topic));
        let on = self.definition.on.iter().enumerate();
        let entries: Arc<[usize]> = on.filter(|(_, on)| matches_topic(&on.topics)).map(|(at, _)| at).collect();
        if self.entries.len() <= index {
            self.entries.resize(index + 1, None);
        }
        self.entries[index] = Some(Arc::clone(&entries));
        entries
    }

    fn value(
        &self,
        parameter: &Parameter,
        record: &Record,
        examined: &Examined<'_, Record>,
        batch: &mut Batch,
    ) -> Result<Value, Undecodable> {
        let store_bytes =
            |batch: &mut Batch, bytes: Option<&[u8]>| bytes.map_or(Value::Null, |bytes| batch.keep(bytes));
        let id = self.partitions.get(record.partition as usize);
        Ok(match parameter {
            Parameter::Key => store_bytes(batch, examined.own_key()),
            Parameter::Value => store_bytes(batch, record.value()),
            Parameter::Topic => id.map_or(Value::Null, |id| batch.keep_text(&id.topic)),
            Parameter::Partition => id.map_or(Value::Null, |id| Value::Integer(id.partition.0.into())),
            Parameter::Offset => Value::Integer(record.offset),
            Parameter::Timestamp if record.timestamp_ms < 0 => Value::Null,
            Parameter::Timestamp => Value::Integer(record.timestamp_ms),
            Parameter::Header(name) => {
                let header = record.headers().find(|header| header.key == name.as_bytes());
                store_bytes(batch, header.and_then(|header| header.value))
            }
            Parameter::EventType => store_bytes(batch, examined.event_type().as_deref()),
            Parameter::LaneKey => store_bytes(batch, examined.lane_key()),
            Parameter::Unkeyed => match (examined.lane_key(), id) {
                (None, Some(id)) => batch.keep_text(&id.to_string()),
                _ => batch.keep_text(""),
            },
            Parameter::ContentHash => {
                let hash = hash_content(record) % HASH_MODULUS.unsigned_abs();
                Value::Integer(i64::try_from(hash).unwrap_or_default())
            }
            Parameter::Json(path) => {
                let document = examined.document().map_err(Clone::clone)?;
                let value = match path {
                    Some(path) => document.and_then(|document| path.find(document)),
                    None => document.map(Document::root),
                };
                value.map_or(Ok(Value::Null), |value| json(value, path.is_none(), batch))?
            }
        })
    }
}

/// The fingerprint of a record, which is added to the digest of its partition. The hash includes the offset, so that
/// swapped records change the digest, and equal records do not cancel each other out.
pub(super) fn fingerprint_of(offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    xxh3_64_with_seed(&offset.to_le_bytes(), hash_pair(key, value))
}

/// A JSON value with its own type. The whole value is always JSON text.
///
/// # Errors
/// A string cannot be decoded.
fn json(value: Json<'_>, whole: bool, batch: &mut Batch) -> Result<Value, Undecodable> {
    Ok(match value.kind() {
        _ if whole => batch.keep_json(value),
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(value),
        Kind::String => batch.keep_text(&value.string().map_err(|error| Undecodable::Bad(error.to_string()))?),
        Kind::Number(number) => match number.text().parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => batch.keep_number(number),
        },
        Kind::List | Kind::Object => batch.keep_json(value),
    })
}
