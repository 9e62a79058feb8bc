//! Percent-encoding (RFC 3986, 2.1).

use percent_encoding::percent_decode_str;

/// The text that percent-encoding stands for; `None` if nothing is encoded. A `%` without two hexadecimal digits stands
/// for itself.
pub(super) fn decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    (decoded != text).then(|| decoded.into_owned())
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
