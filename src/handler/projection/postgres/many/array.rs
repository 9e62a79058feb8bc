//! Values of many records as one array.
//!
//! Where the binary form of a value is certain it is sent in that; then the server need not read digits and quotes. Otherwise
//! all values of a column go as text, as those of a single record do, so that the same input functions decide what fits.

use std::{error::Error, fmt};

use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, private::BytesMut, to_sql_checked};

use super::super::{
    super::batch::{Batch, Value},
    parameter::{Parameter, Unsendable},
};

/// The values of one parameter, record by record.
pub struct Column<'a> {
    batch: &'a Batch,
    values: Vec<&'a Value>,
    is_binary: bool,
}

impl<'a> Column<'a> {
    /// Values for an array whose elements have a type.
    pub fn new(batch: &'a Batch, values: Vec<&'a Value>, element: &Type) -> Self {
        let is_binary = values.iter().all(|value| binary(batch, value, element).is_some());
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
            match binary(self.batch, value, element) {
                None | Some(Binary::Null) => out.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(Binary::Bytes(bytes)) => push(&[bytes])?,
                Some(Binary::Versioned(bytes)) => push(&[&[1], bytes])?,
                Some(Binary::Short(number)) => push(&[&number.to_be_bytes()])?,
                Some(Binary::Whole(number)) => push(&[&number.to_be_bytes()])?,
                Some(Binary::Long(number)) => push(&[&number.to_be_bytes()])?,
                Some(Binary::Bool(value)) => push(&[&[u8::from(value)]])?,
            }
        }
        Ok(())
    }

    fn push_text(&self, element: &Type, out: &mut BytesMut) -> Result<(), Box<dyn Error + Sync + Send>> {
        let mut one = BytesMut::new();
        for (at, value) in self.values.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"{" } else { b"," });
            one.clear();
            match (Parameter { batch: self.batch, value }).to_sql(element, &mut one)? {
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

impl ToSql for Column<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Array(element) = kind.kind() else {
            return Err(Box::new(Unsendable::Bytes(kind.clone())));
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

impl fmt::Debug for Column<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values")
    }
}

/// A value in PostgreSQL's binary form.
pub enum Binary<'a> {
    Null,
    Bytes(&'a [u8]),
    /// Behind a number that says which form it is.
    Versioned(&'a [u8]),
    Short(i16),
    Whole(i32),
    Long(i64),
    Bool(bool),
}

/// The binary form of a value, where it is certain that it is what the type makes of the value's text.
pub fn binary<'a>(batch: &'a Batch, value: &Value, kind: &Type) -> Option<Binary<'a>> {
    let is = |kinds: &[Type]| kinds.contains(kind);
    Some(match value {
        Value::Null => Binary::Null,
        Value::Bool(value) if is(&[Type::BOOL]) => Binary::Bool(*value),
        Value::Integer(number) => whole(*number, kind)?,
        Value::Text(range) | Value::Json(range) if is(&[Type::BYTEA]) => Binary::Bytes(batch.text(range).as_bytes()),
        Value::Text(range) if is(&[Type::TEXT, Type::VARCHAR, Type::BPCHAR]) => {
            let text = batch.text(range);
            if text.contains('\0') {
                return None;
            }
            Binary::Bytes(text.as_bytes())
        }
        // Digits and nothing else, such as keys often are.
        Value::Text(range) => whole(digits(batch.text(range))?, kind)?,
        Value::Bytes(range) if is(&[Type::BYTEA]) => Binary::Bytes(batch.bytes(range)),
        Value::Json(range) if is(&[Type::JSON, Type::TEXT, Type::VARCHAR]) => {
            let text = batch.text(range);
            if text.contains('\0') {
                return None;
            }
            Binary::Bytes(text.as_bytes())
        }
        Value::Json(range) if is(&[Type::JSONB]) => Binary::Versioned(batch.text(range).as_bytes()),
        _ => return None,
    })
}

fn whole<'a>(number: i64, kind: &Type) -> Option<Binary<'a>> {
    Some(match *kind {
        Type::INT2 => Binary::Short(i16::try_from(number).ok()?),
        Type::INT4 => Binary::Whole(i32::try_from(number).ok()?),
        Type::INT8 => Binary::Long(number),
        _ => return None,
    })
}

fn digits(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(batch: &Batch, values: &[&Value], kind: &Type) -> (Format, Vec<u8>) {
        let Kind::Array(element) = kind.kind() else { panic!("{kind}") };
        let column = Column::new(batch, values.to_vec(), element);
        let mut out = BytesMut::new();
        column.to_sql_checked(kind, &mut out).unwrap();
        (column.encode_format(kind), out.to_vec())
    }

    #[test]
    fn arrays_are_binary_where_every_value_is_certain() {
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
        assert!(matches!(format, Format::Text), "the server says that it is too large");
    }
}
