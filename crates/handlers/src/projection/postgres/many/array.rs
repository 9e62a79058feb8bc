//! The values of many records as one array parameter.
//!
//! If the binary form of every value is certain, the array is sent in binary, which saves the server parsing digits and
//! quotes. Otherwise all values of the column are sent as text, like those of a single record, so that the same input
//! functions convert them.

use std::{error::Error, fmt};

use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, private::BytesMut, to_sql_checked};

use super::super::{
    super::batch::{Batch, Value},
    parameter::{TextParameter, UnsendableValue},
};

/// The values of one parameter, one for each record.
pub struct ArrayColumn<'a> {
    batch: &'a Batch,
    values: Vec<&'a Value>,
    is_binary: bool,
}

impl<'a> ArrayColumn<'a> {
    /// Values for an array of the given element type.
    pub fn new(batch: &'a Batch, values: Vec<&'a Value>, element: &Type) -> Self {
        let is_binary = values.iter().all(|value| to_binary(batch, value, element).is_some());
        Self { batch, values, is_binary }
    }

    fn push_binary(&self, element: &Type, out: &mut BytesMut) -> Result<(), Box<dyn Error + Sync + Send>> {
        let count = i32::try_from(self.values.len())?;
        let has_nulls = i32::from(self.values.iter().any(|value| matches!(value, Value::Null)));
        for number in [1, has_nulls] {
            out.extend_from_slice(&i32::to_be_bytes(number));
        }
        out.extend_from_slice(&element.oid().to_be_bytes());
        for number in [count, 1] {
            out.extend_from_slice(&i32::to_be_bytes(number));
        }
        for value in &self.values {
            let mut push = |parts: &[&[u8]]| {
                let length = i32::try_from(parts.iter().map(|part| part.len()).sum::<usize>())?;
                out.extend_from_slice(&length.to_be_bytes());
                for part in parts {
                    out.extend_from_slice(part);
                }
                Ok::<(), Box<dyn Error + Sync + Send>>(())
            };
            match to_binary(self.batch, value, element) {
                None | Some(BinaryValue::Null) => out.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(BinaryValue::Bytes(bytes)) => push(&[bytes])?,
                Some(BinaryValue::Versioned(bytes)) => push(&[&[1], bytes])?,
                Some(BinaryValue::Int2(number)) => push(&[&number.to_be_bytes()])?,
                Some(BinaryValue::Int4(number)) => push(&[&number.to_be_bytes()])?,
                Some(BinaryValue::Int8(number)) => push(&[&number.to_be_bytes()])?,
                Some(BinaryValue::Bool(value)) => push(&[&[u8::from(value)]])?,
            }
        }
        Ok(())
    }

    fn push_text(&self, element: &Type, out: &mut BytesMut) -> Result<(), Box<dyn Error + Sync + Send>> {
        let mut one = BytesMut::new();
        for (at, value) in self.values.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"{" } else { b"," });
            one.clear();
            match (TextParameter { batch: self.batch, value }).to_sql(element, &mut one)? {
                IsNull::Yes => out.extend_from_slice(b"NULL"),
                IsNull::No => {
                    out.extend_from_slice(b"\"");
                    for part in one.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
                        match part.split_last() {
                            Some((last @ (b'"' | b'\\'), before)) => {
                                out.extend_from_slice(before);
                                out.extend_from_slice(&[b'\\', *last]);
                            }
                            _ => out.extend_from_slice(part),
                        }
                    }
                    out.extend_from_slice(b"\"");
                }
            }
        }
        out.extend_from_slice(b"}");
        Ok(())
    }
}

impl ToSql for ArrayColumn<'_> {
    fn to_sql(&self, sql_type: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Array(element) = sql_type.kind() else {
            return Err(Box::new(UnsendableValue::Bytes(sql_type.clone())));
        };
        if self.is_binary {
            self.push_binary(element, out)?;
        } else {
            self.push_text(element, out)?;
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        if self.is_binary { Format::Binary } else { Format::Text }
    }

    to_sql_checked!();
}

impl fmt::Debug for ArrayColumn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values")
    }
}

/// A value in PostgreSQL's binary format.
pub enum BinaryValue<'a> {
    Null,
    Bytes(&'a [u8]),
    /// Preceded by the version byte of the format.
    Versioned(&'a [u8]),
    Int2(i16),
    Int4(i32),
    Int8(i64),
    Bool(bool),
}

/// The binary form of a value; `None` unless it is certain to equal what the server makes of the value's text.
pub fn to_binary<'a>(batch: &'a Batch, value: &Value, sql_type: &Type) -> Option<BinaryValue<'a>> {
    let is = |kinds: &[Type]| kinds.contains(sql_type);
    Some(match value {
        Value::Null => BinaryValue::Null,
        Value::Bool(value) if is(&[Type::BOOL]) => BinaryValue::Bool(*value),
        Value::Integer(number) => integer(*number, sql_type)?,
        Value::Text(range) | Value::Json(range) if is(&[Type::BYTEA]) => {
            BinaryValue::Bytes(batch.text(range).as_bytes())
        }
        Value::Text(range) if is(&[Type::TEXT, Type::VARCHAR, Type::BPCHAR]) => {
            let text = batch.text(range);
            if text.contains('\0') {
                return None;
            }
            BinaryValue::Bytes(text.as_bytes())
        }
        // Only digits, as keys often are.
        Value::Text(range) => integer(parse_digits(batch.text(range))?, sql_type)?,
        Value::Bytes(range) if is(&[Type::BYTEA]) => BinaryValue::Bytes(batch.bytes(range)),
        Value::Json(range) if is(&[Type::JSON, Type::TEXT, Type::VARCHAR]) => {
            let text = batch.text(range);
            if text.contains('\0') {
                return None;
            }
            BinaryValue::Bytes(text.as_bytes())
        }
        Value::Json(range) if is(&[Type::JSONB]) => BinaryValue::Versioned(batch.text(range).as_bytes()),
        _ => return None,
    })
}

fn integer<'a>(number: i64, sql_type: &Type) -> Option<BinaryValue<'a>> {
    Some(match *sql_type {
        Type::INT2 => BinaryValue::Int2(i16::try_from(number).ok()?),
        Type::INT4 => BinaryValue::Int4(i32::try_from(number).ok()?),
        Type::INT8 => BinaryValue::Int8(number),
        _ => return None,
    })
}

fn parse_digits(text: &str) -> Option<i64> {
    let parse_digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = (1..=18).contains(&parse_digits.len()) && parse_digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(batch: &Batch, values: &[&Value], sql_type: &Type) -> (Format, Vec<u8>) {
        let Kind::Array(element) = sql_type.kind() else { panic!("{sql_type}") };
        let column = ArrayColumn::new(batch, values.to_vec(), element);
        let mut out = BytesMut::new();
        column.to_sql_checked(sql_type, &mut out).unwrap();
        (column.encode_format(sql_type), out.to_vec())
    }

    #[test]
    fn arrays_are_binary_if_every_value_has_an_exact_binary_form() {
        let mut batch = Batch::default();
        let (text, number) = (batch.keep("a\"b\\c{,".as_bytes()), batch.keep(b"-17"));
        let (format, bytes) = sent(&batch, &[&text, &Value::Null], &Type::TEXT_ARRAY);
        assert!(matches!(format, Format::Binary));
        assert_eq!(&bytes[..20], [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 25], [0, 0, 0, 2], [0, 0, 0, 1]].concat());
        assert_eq!(&bytes[20..], [b"\0\0\0\x07a\"b\\c{,".as_slice(), b"\xff\xff\xff\xff"].concat());
        let (_, bytes) = sent(&batch, &[&number, &Value::Integer(7)], &Type::INT4_ARRAY);
        assert_eq!(&bytes[20..], b"\0\0\0\x04\xff\xff\xff\xef\0\0\0\x04\0\0\0\x07");
        let (format, bytes) = sent(&batch, &[&text, &Value::Null, &Value::Integer(3)], &Type::NUMERIC_ARRAY);
        assert!(matches!(format, Format::Text));
        assert_eq!(bytes, b"{\"a\\\"b\\\\c{,\",NULL,\"3\"}");
        let (format, _) = sent(&batch, &[&Value::Integer(1 << 40)], &Type::INT4_ARRAY);
        assert!(matches!(format, Format::Text), "the server rejects it as out of range");
    }
}
