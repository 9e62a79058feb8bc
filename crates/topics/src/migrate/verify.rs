//! Reads the new topics and compares them with the old ones.

use kreplay_kafka::RawRecord;

use super::{
    error::MigrateError,
    key_digests::{Difference, KeyDigests, content_hash, key_id},
    read::RecordVisitor,
    translate::OffsetTranslator,
};

/// Reads the new topics.
pub struct Verifier<'a> {
    /// The contents of the old topics.
    old: &'a KeyDigests,
    /// The index of the new topic of each section.
    target_of: &'a [u32],
    /// The contents of the new topics.
    pub new: KeyDigests,
    /// Determine where groups start. They receive every record.
    pub translators: Vec<OffsetTranslator>,
    on_progress: &'a mut dyn FnMut(u64),
    reported: u64,
}

/// The comparison of the old and new topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// The number of records in the old topics.
    pub old_records: u64,
    /// The number of records in the new topics.
    pub new_records: u64,
    /// The digest of the old topics. Equal digests mean that each key has the same records in the same order.
    #[serde(serialize_with = "hex")]
    pub old_digest: u64,
    /// The digest of the new topics.
    #[serde(serialize_with = "hex")]
    pub new_digest: u64,
    /// Keys with fewer records than in the old topics.
    pub keys_missing: u64,
    /// Keys with more records, or that the old topics do not have.
    pub keys_surplus: u64,
    /// Keys with other records, or in another order.
    pub keys_changed: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's own form")]
fn hex<S: serde::Serializer>(digest: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{digest:016x}"))
}

impl Verified {
    /// Whether old and new topics are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.old_records == self.new_records
            && self.old_digest == self.new_digest
            && self.keys_missing + self.keys_surplus + self.keys_changed == 0
    }
}

impl<'a> Verifier<'a> {
    /// Starts with no records read.
    #[must_use]
    pub fn new(
        old: &'a KeyDigests,
        target_of: &'a [u32],
        translators: Vec<OffsetTranslator>,
        on_progress: &'a mut dyn FnMut(u64),
    ) -> Self {
        Self { old, target_of, new: KeyDigests::default(), translators, on_progress, reported: 0 }
    }

    /// The result of the comparison.
    #[must_use]
    pub fn verified(&self) -> Verified {
        let difference = Difference::between(self.old, &self.new);
        let digest = |digests: &KeyDigests| digests.digest(|key| self.old.is_unordered(key));
        Verified {
            old_records: self.old.records(),
            new_records: self.new.records(),
            old_digest: digest(self.old),
            new_digest: digest(&self.new),
            keys_missing: difference.missing,
            keys_surplus: difference.surplus,
            keys_changed: difference.changed,
        }
    }
}

impl RecordVisitor for Verifier<'_> {
    fn record(&mut self, section: usize, record: &RawRecord<'_>) -> Result<(), MigrateError> {
        let key = key_id(self.target_of[section], record.key());
        let content_hash = content_hash(record.value(), |add| record.headers(add));
        let partition = u32::try_from(section).unwrap_or(u32::MAX);
        let (index, _) = self.new.add(key, content_hash, partition)?;
        for translator in &mut self.translators {
            translator.add(self.old, partition, record.offset(), key, index);
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), MigrateError> {
        let read = self.new.records();
        (self.on_progress)(read - self.reported);
        self.reported = read;
        Ok(())
    }
}
