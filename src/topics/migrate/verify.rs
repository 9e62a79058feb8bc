//! Reads the new topics back, and holds them against the old ones.

use super::{
    error::MigrateError,
    ledger::{Difference, Ledger, content, key_id},
    read::Visit,
    translate::Translator,
};
use crate::kafka::RawRecord;

/// What stands in the new topics.
pub struct Verify<'a> {
    /// What stands in the old ones.
    old: &'a Ledger,
    /// The number of the new topic, by section.
    target_of: &'a [u32],
    /// What was found.
    pub new: Ledger,
    /// Where groups begin; they are told of every record.
    pub translators: Vec<Translator>,
    tell: &'a mut dyn FnMut(u64),
    told: u64,
}

/// Whether old and new topics hold the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Records of the old topics.
    pub old_records: u64,
    /// Records of the new topics.
    pub new_records: u64,
    /// The digest of the old topics; equal digests say that each key has the same records in the same order.
    #[serde(serialize_with = "hex")]
    pub old_digest: u64,
    /// The digest of the new topics.
    #[serde(serialize_with = "hex")]
    pub new_digest: u64,
    /// Keys with fewer records than in the old topics.
    pub keys_missing: u64,
    /// Keys with more, or that the old topics do not have.
    pub keys_surplus: u64,
    /// Keys with other records, or in another order.
    pub keys_changed: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's own form")]
fn hex<S: serde::Serializer>(digest: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{digest:016x}"))
}

impl Verified {
    /// Whether they hold the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.old_records == self.new_records
            && self.old_digest == self.new_digest
            && self.keys_missing + self.keys_surplus + self.keys_changed == 0
    }
}

impl<'a> Verify<'a> {
    /// Nothing read yet.
    #[must_use]
    pub fn new(
        old: &'a Ledger,
        target_of: &'a [u32],
        translators: Vec<Translator>,
        tell: &'a mut dyn FnMut(u64),
    ) -> Self {
        Self { old, target_of, new: Ledger::default(), translators, tell, told: 0 }
    }

    /// What was found.
    #[must_use]
    pub fn verified(&self) -> Verified {
        let difference = Difference::between(self.old, &self.new);
        let digest = |ledger: &Ledger| ledger.digest(|key| self.old.is_unordered(key));
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

impl Visit for Verify<'_> {
    fn record(&mut self, section: usize, record: &RawRecord<'_>) -> Result<(), MigrateError> {
        let key = key_id(self.target_of[section], record.key());
        let content = content(record.value(), |add| record.headers(add));
        let partition = u32::try_from(section).unwrap_or(u32::MAX);
        let (index, _) = self.new.add(key, content, partition)?;
        for translator in &mut self.translators {
            translator.add(self.old, partition, record.offset(), key, index);
        }
        Ok(())
    }

    fn breathe(&mut self) -> Result<(), MigrateError> {
        let read = self.new.records();
        (self.tell)(read - self.told);
        self.told = read;
        Ok(())
    }
}
