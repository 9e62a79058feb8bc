//! Where a record goes: the result of the rules of a selection.

use crate::domain::Formats;

/// The lane of a record when records are ordered by key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaneKey {
    /// The lane of the key with this hash: the record's own key, or the one that a key template produced.
    Keyed(u64),
    /// The lane of the record's partition: it has no key.
    #[default]
    Keyless,
}

/// The result of applying the selection's rules to a record, computed once when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the flags are independent")]
pub struct Route {
    /// The record's lane.
    pub lane: LaneKey,
    /// The key template produced no key: the record keeps the order of its partition.
    pub unkeyed: bool,
    /// The filter excludes the record: it counts as read and settled, and is not passed to a handler.
    pub filtered: bool,
    /// The record is a barrier: it is handled alone, after everything before it and before everything after it.
    pub barrier: bool,
    /// The formats of its key and value.
    pub formats: Formats,
    /// The rules needed to decode the record and failed: it fails when it is handled.
    pub undecodable: bool,
    /// A rule could not read its field. The record was excluded (`filtered`) or is handled anyway, depending on the
    /// settings.
    pub unjudged: bool,
}

impl Route {
    /// A route to the lane of the key with this hash, under no rule.
    #[must_use]
    #[inline]
    pub fn keyed(hash: u64) -> Self {
        Self { lane: LaneKey::Keyed(hash), ..Self::default() }
    }
}
