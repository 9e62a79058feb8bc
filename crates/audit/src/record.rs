//! Records as an audit sees them.

/// A record of a topic. Records of a partition must be observed in the order of their offsets.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObservedRecord<'a> {
    /// The partition's number.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// The record's own key.
    pub key: Option<&'a [u8]>,
    /// Whether it has no value.
    pub is_tombstone: bool,
    /// Bytes of key and value.
    pub bytes: u64,
    /// The key that the key template makes; used only with a template.
    pub template_key: Option<&'a [u8]>,
    /// The number of the record in the sequence of its key.
    pub sequence: Option<i64>,
    /// The key for the rehearsal, if that is another one.
    pub rehearsal_key: Option<&'a [u8]>,
}
