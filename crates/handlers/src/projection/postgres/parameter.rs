//! Values in PostgreSQL's text format. The server's input functions convert them to the type that it has inferred for
//! the parameter. A value that they reject is an error of the record.

use std::{error::Error, fmt, fmt::Write as _};

use kreplay_model::domain::json::Number;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use super::super::batch::{Batch, Value};

/// A value of a batch, sent as text.
#[derive(Clone, Copy)]
pub struct TextParameter<'a> {
    /// The batch that contains its text and bytes.
    pub batch: &'a Batch,
    /// The value.
    pub value: &'a Value,
}

/// A value that cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum UnsendableValue {
    /// PostgreSQL's texts cannot contain NUL.
    #[error("the text for {0} contains a NUL character, which PostgreSQL cannot store")]
    Nul(Type),
    /// Only `bytea` accepts arbitrary bytes.
    #[error("bytes that are not UTF-8 cannot be stored as {0}; use a parameter of type bytea for them")]
    Bytes(Type),
}

impl ToSql for TextParameter<'_> {
    fn to_sql(&self, sql_type: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let hex = *sql_type == Type::BYTEA;
        match self.value {
            Value::Null => return Ok(IsNull::Yes),
            Value::Bool(value) => write!(out, "{value}")?,
            Value::Integer(value) => write!(out, "{value}")?,
            Value::Number(range) => {
                let text = self.batch.text(range);
                let is_integer = [Type::INT2, Type::INT4, Type::INT8, Type::OID].contains(sql_type);
                // PostgreSQL accepts only digits for an integer, so 1.0 and 1e3 are sent as 1 and 1000. It rejects
                // fractions and values out of range.
                match Number::parse(text).filter(|_| is_integer).and_then(Number::as_i64) {
                    Some(number) => write!(out, "{number}")?,
                    None => out.extend_from_slice(text.as_bytes()),
                }
            }
            Value::Text(range) | Value::Json(range) if hex => push_hex(self.batch.text(range).as_bytes(), out),
            Value::Bytes(range) if hex => push_hex(self.batch.bytes(range), out),
            Value::Bytes(_) => return Err(Box::new(UnsendableValue::Bytes(sql_type.clone()))),
            Value::Text(range) | Value::Json(range) => {
                let text = self.batch.text(range);
                if text.contains('\0') {
                    return Err(Box::new(UnsendableValue::Nul(sql_type.clone())));
                }
                out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

fn push_hex(bytes: &[u8], out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 + 2 * bytes.len());
    out.extend_from_slice(b"\\x");
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

impl fmt::Debug for TextParameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::json::Document;

    use super::*;

    fn sent_text(batch: &Batch, value: &Value, sql_type: &Type) -> Result<Option<String>, String> {
        let mut out = BytesMut::new();
        let parameter = TextParameter { batch, value };
        match parameter.to_sql_checked(sql_type, &mut out) {
            Ok(IsNull::Yes) => Ok(None),
            Ok(IsNull::No) => Ok(Some(String::from_utf8(out.to_vec()).unwrap())),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn values_are_sent_as_text() {
        let mut batch = Batch::default();
        let (text, bytes, odd) = (batch.keep("ü".as_bytes()), batch.keep(&[0xff, 0]), batch.keep(b"a\0b"));
        let document = Document::read(br#"{"b": [1], "a": 1.0}"#).unwrap();
        let json = batch.keep_json(document.root());
        let ok = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(sent_text(&batch, &Value::Null, &Type::INT4), Ok(None));
        assert_eq!(sent_text(&batch, &Value::Bool(true), &Type::BOOL), ok("true"));
        assert_eq!(sent_text(&batch, &Value::Integer(-7), &Type::INT8), ok("-7"));
        for (number, sql_type, text) in [
            ("117.63331139400017", Type::NUMERIC, "117.63331139400017"),
            ("0.12345678901234567890", Type::NUMERIC, "0.12345678901234567890"),
            ("23958446825181076828", Type::NUMERIC, "23958446825181076828"),
            // Out of range: PostgreSQL rejects it.
            ("23958446825181076828", Type::INT8, "23958446825181076828"),
            ("1.50", Type::TEXT, "1.50"),
            ("1e3", Type::INT8, "1000"),
            ("-7.0", Type::INT2, "-7"),
            ("1.5", Type::INT4, "1.5"),
            ("1e400", Type::FLOAT8, "1e400"),
        ] {
            let value = batch.keep_number(Number::parse(number).unwrap());
            assert_eq!(sent_text(&batch, &value, &sql_type), ok(text), "{number} as {sql_type}");
        }
        assert_eq!(sent_text(&batch, &text, &Type::TEXT), ok("ü"));
        assert_eq!(sent_text(&batch, &text, &Type::BYTEA), ok("\\xc3bc"));
        assert_eq!(sent_text(&batch, &bytes, &Type::BYTEA), ok("\\xff00"));
        assert_eq!(sent_text(&batch, &json, &Type::JSONB), ok("{\"b\":[1],\"a\":1.0}"));
        assert!(sent_text(&batch, &bytes, &Type::TEXT).unwrap_err().contains("not UTF-8"));
        assert!(sent_text(&batch, &odd, &Type::TEXT).unwrap_err().contains("NUL"));
        assert_eq!(sent_text(&batch, &odd, &Type::BYTEA), ok("\\x610062"));
    }
}
