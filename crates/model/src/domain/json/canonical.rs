//! Canonical JSON: equal values have the same text.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

use super::{Json, Kind, compact::compact};

/// Deeper values are kept as written, to bound the stack.
const MAX_DEPTH: usize = 128;

pub(super) fn canonical(value: Json<'_>) -> Cow<'_, str> {
    match value.kind() {
        Kind::List | Kind::Object => {
            let mut out = String::with_capacity(value.raw().len());
            append(value, 0, &mut out);
            Cow::Owned(out)
        }
        _ => Cow::Borrowed(value.raw()),
    }
}

fn append(value: Json<'_>, depth: usize, out: &mut String) {
    match value.kind() {
        Kind::List if depth < MAX_DEPTH => {
            out.push('[');
            for (at, element) in value.elements().into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                append(element, depth + 1, out);
            }
            out.push(']');
        }
        Kind::Object if depth < MAX_DEPTH => {
            // Of duplicate members the last one counts.
            let members: BTreeMap<_, _> = value.members().into_iter().collect();
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                push_string(&name, out);
                out.push(':');
                append(member, depth + 1, out);
            }
            out.push('}');
        }
        Kind::String => match value.string() {
            Ok(text) => push_string(text.as_bytes(), out),
            Err(_) => out.push_str(value.raw()),
        },
        _ => out.push_str(&compact(value.raw())),
    }
}

/// Names may contain lone surrogates, each as three bytes that are not UTF-8; they are escaped again.
fn push_string(bytes: &[u8], out: &mut String) {
    out.push('"');
    let mut rest = bytes;
    loop {
        let valid = std::str::from_utf8(rest).map_or_else(|error| error.valid_up_to(), str::len);
        let text = std::str::from_utf8(&rest[..valid]).unwrap_or_default();
        // A text can always be written as a quoted JSON string.
        let quoted = serde_json::to_string(text).unwrap_or_default();
        out.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
        let Some([_, middle, last, ..]) = rest.get(valid..) else { break };
        let half = 0xd000 | u32::from(middle & 0x3f) << 6 | u32::from(last & 0x3f);
        // Writing to a string cannot fail.
        let _ = write!(out, "\\u{half:04x}");
        rest = &rest[valid + 3..];
    }
    out.push('"');
}
