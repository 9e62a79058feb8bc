//! Keys as text.

/// The maximum length of a key's label. Longer keys are followed in full, but shown in part.
pub const MAX_LABEL_BYTES: usize = 80;

/// The beginning of a key, to be stored.
pub fn label(key: &[u8]) -> Box<[u8]> {
    key[..key.len().min(MAX_LABEL_BYTES)].into()
}

/// A stored label as text. Bytes that are not UTF-8 are replaced.
pub fn text(label: &[u8]) -> String {
    String::from_utf8_lossy(label).into_owned()
}
