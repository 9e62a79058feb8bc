//! Reads values. The cost of reading an untrusted value is bounded by its length.

use base64::{Engine, engine::general_purpose::STANDARD};
use kreplay_model::domain::printable;
use serde_json::{Map, Value, json};

use super::{
    super::{
        Undecodable,
        float::{double, single},
        uuid::uuid,
        wire::zigzag,
    },
    compile::AvroSchema,
    logical,
    node::Node,
};

/// Maximum nesting depth, as in `serde_json`. It bounds the stack.
const MAX_DEPTH: usize = 128;
/// Number of values that any input may contain, however short: a list of nulls takes no bytes per element.
const BASE_VALUE_BUDGET: usize = 100_000;
/// Number of additional values allowed per byte.
const VALUES_PER_BYTE: usize = 16;

/// Maximum length of the path to a field in errors.
const MAX_PATH_CHARS: usize = 200;

/// Reads one value.
pub(super) struct Reader<'a> {
    schema: &'a AvroSchema,
    rest: &'a [u8],
    depth: usize,
    budget: usize,
}

/// Why a value cannot be read, and where.
pub(super) struct ReadError {
    /// The path to it: field names, indexes, and keys, outermost first; empty for the value itself.
    path: Vec<String>,
    reason: String,
}

impl ReadError {
    /// Adds an outer path element. Inserting at the front is fine, because errors are rare and paths short.
    fn within(mut self, part: impl Into<String>) -> Self {
        self.path.insert(0, part.into());
        self
    }
}

impl From<ReadError> for Undecodable {
    fn from(error: ReadError) -> Self {
        if error.path.is_empty() {
            return Self::Bad(error.reason);
        }
        let path: String = error.path.join(".").chars().take(MAX_PATH_CHARS).collect();
        Self::Bad(format!("field {}: {}", printable(&path), error.reason))
    }
}

impl From<String> for ReadError {
    fn from(reason: String) -> Self {
        Self { path: Vec::new(), reason }
    }
}

fn truncated() -> ReadError {
    invalid("it is truncated")
}

fn invalid(what: &str) -> ReadError {
    ReadError {
        path: Vec::new(),
        reason: format!("{what}: the value was not written with the schema it names, or is damaged"),
    }
}

/// Bytes as a base64 string.
pub(super) fn base64(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

impl<'a> Reader<'a> {
    pub(super) fn new(schema: &'a AvroSchema, bytes: &'a [u8]) -> Self {
        let budget = bytes.len().saturating_mul(VALUES_PER_BYTE).saturating_add(BASE_VALUE_BUDGET);
        Self { schema, rest: bytes, depth: 0, budget }
    }

    /// The number of unread bytes.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn value(&mut self, index: usize) -> Result<Value, ReadError> {
        self.budget = self.budget.checked_sub(1).ok_or_else(|| invalid("it holds too many values for its length"))?;
        if self.depth == MAX_DEPTH {
            return Err(invalid(&format!("it is more than {MAX_DEPTH} values deep")));
        }
        self.depth += 1;
        // Container types have separate functions, so that each level uses little stack.
        let value = match self.schema.node(index) {
            Node::Array(items) => self.list(*items),
            Node::Map(values) => self.map(*values),
            Node::Union(variants) => self.union(variants),
            Node::Record(fields) => self.record(fields),
            scalar => self.scalar(scalar),
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self, items: usize) -> Result<Value, ReadError> {
        let mut list = Vec::new();
        while let Some(count) = self.block()? {
            for _ in 0..count {
                let item = self.value(items).map_err(|error| error.within(list.len().to_string()))?;
                list.push(item);
            }
        }
        Ok(Value::Array(list))
    }

    fn map(&mut self, values: usize) -> Result<Value, ReadError> {
        let mut map = Map::new();
        while let Some(count) = self.block()? {
            for _ in 0..count {
                let name = self.text()?;
                let value = self.value(values).map_err(|error| error.within(name.as_str()))?;
                map.insert(name, value);
            }
        }
        Ok(Value::Object(map))
    }

    fn union(&mut self, variants: &[usize]) -> Result<Value, ReadError> {
        let at = self.long()?;
        let index = usize::try_from(at).ok().and_then(|at| variants.get(at));
        let index = index.ok_or_else(|| invalid(&format!("a union has no type {at}")))?;
        self.value(*index)
    }

    fn record(&mut self, fields: &[(String, usize)]) -> Result<Value, ReadError> {
        let mut map = Map::new();
        for (name, index) in fields {
            let value = self.value(*index).map_err(|error| error.within(name.as_str()))?;
            map.insert(name.clone(), value);
        }
        Ok(Value::Object(map))
    }

    #[inline(never)]
    fn scalar(&mut self, node: &Node) -> Result<Value, ReadError> {
        Ok(match node {
            Node::Null | Node::Array(_) | Node::Map(_) | Node::Union(_) | Node::Record(_) => Value::Null,
            Node::Boolean => match self.take(1)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err(invalid("a boolean is neither 0 nor 1")),
            },
            Node::Int => Value::from(self.int()?),
            Node::Long => Value::from(self.long()?),
            Node::Float => single(f32::from_le_bytes(self.array()?)),
            Node::Double => double(f64::from_le_bytes(self.array()?)),
            Node::Bytes => base64(self.bytes()?),
            Node::String => Value::String(self.text()?),
            Node::Enum(symbols) => {
                let at = self.long()?;
                let symbol = usize::try_from(at).ok().and_then(|at| symbols.get(at));
                Value::String(symbol.ok_or_else(|| invalid(&format!("an enum has no symbol {at}")))?.clone())
            }
            Node::Fixed(size) => base64(self.take(*size)?),
            Node::Decimal { scale, fixed } => {
                let digits = match fixed {
                    Some(size) => self.take(*size)?,
                    None => self.bytes()?,
                };
                logical::decimal(digits, i64::try_from(*scale).unwrap_or(i64::MAX))?
            }
            Node::BigDecimal => {
                let inner = self.bytes()?;
                let mut inner = Self { rest: inner, ..Self::new(self.schema, inner) };
                let digits = inner.bytes()?;
                logical::decimal(digits, inner.long()?)?
            }
            Node::FixedUuid => Value::String(uuid(&self.array()?)),
            Node::BytesUuid => match <&[u8; 16]>::try_from(self.bytes()?) {
                Ok(bytes) => Value::String(uuid(bytes)),
                Err(_) => return Err(invalid("a uuid does not have 16 bytes")),
            },
            Node::Date => logical::date(self.int()?),
            Node::TimeMillis => logical::time(i64::from(self.int()?), 1_000),
            Node::TimeMicros => logical::time(self.long()?, 1_000_000),
            Node::Timestamp(unit) => logical::timestamp(self.long()?, *unit, true),
            Node::LocalTimestamp(unit) => logical::timestamp(self.long()?, *unit, false),
            Node::Duration => {
                let [months, days, millis] = [self.array()?, self.array()?, self.array()?].map(u32::from_le_bytes);
                json!({"months": months, "days": days, "millis": millis})
            }
        })
    }

    /// Reads the header of a block. Lists and maps are encoded as blocks, each prefixed with a count; a negative count
    /// is followed by the block's length in bytes. `None`: there are no more blocks.
    fn block(&mut self) -> Result<Option<u64>, ReadError> {
        let count = self.long()?;
        if count < 0 {
            self.long()?;
        }
        Ok((count != 0).then_some(count.unsigned_abs()))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn long(&mut self) -> Result<i64, ReadError> {
        let (number, rest) = zigzag(self.rest).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(number)
    }

    fn int(&mut self) -> Result<i32, ReadError> {
        i32::try_from(self.long()?).map_err(|_| invalid("an int has more than 32 bits"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], ReadError> {
        let count = self.long()?;
        self.take(usize::try_from(count).map_err(|_| invalid("a length is negative"))?)
    }

    fn text(&mut self) -> Result<String, ReadError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| invalid("a string is not UTF-8"))
    }
}
