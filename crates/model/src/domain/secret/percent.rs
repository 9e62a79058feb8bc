//! Percent-encoding (RFC 3986, 2.1).

/// The text that percent-encoding stands for; `None` if nothing is encoded. A `%` without two hexadecimal digits stands
/// for itself.
pub(super) fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = encoded_byte(after).map_or((b'%', 0), |byte| (byte, 2));
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    let decoded = String::from_utf8_lossy(&bytes);
    (decoded != text).then(|| decoded.into_owned())
}

/// The byte that a text begins with after its `%`.
fn encoded_byte(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_percent_encoding_is_decoded() {
        for (text, expected) in [
            ("hun%40ter2", Some("hun@ter2")),
            ("%C3%a9%25", Some("é%")),
            ("100%&%2B%", Some("100%&+%")),
            ("hunter2", None),
            ("50%", None),
            ("%4", None),
            ("%+4%é", None),
        ] {
            assert_eq!(decoded(text).as_deref(), expected, "{text}");
        }
    }
}
