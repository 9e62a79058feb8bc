//! The counts of a dry run.

use std::collections::BTreeMap;

use kreplay_model::feed::{DryRunView, EffectExample, EffectKind, FailedRecord, RecordPlace};

use super::shown::truncated;
use crate::handler::PreviewedEffect;

/// The maximum number of effect kinds that are counted separately. One kind per key would be too many.
const MAX_EFFECT_KINDS: usize = 500;
/// The number of examples kept of each kind.
const EXAMPLES_PER_KIND: usize = 3;
/// The maximum number of failing records that are listed.
const MAX_NAMED_FAILURES: usize = 20;

/// Counts of effects and failures, in bounded memory.
#[derive(Debug, Default)]
pub(super) struct DryRunTally {
    records: u64,
    kinds: BTreeMap<String, (u64, Vec<EffectExample>)>,
    other: u64,
    failed: u64,
    failures: Vec<FailedRecord>,
}

impl DryRunTally {
    /// Counts the effects of a record.
    pub(super) fn effects(&mut self, place: impl Fn() -> RecordPlace, effects: &[PreviewedEffect]) {
        self.records += 1;
        for effect in effects {
            let kinds = self.kinds.len();
            let (count, examples) = match self.kinds.get_mut(&effect.what) {
                Some(kind) => kind,
                None if kinds < MAX_EFFECT_KINDS => self.kinds.entry(effect.what.clone()).or_default(),
                None => {
                    self.other += 1;
                    continue;
                }
            };
            *count += 1;
            if examples.len() < EXAMPLES_PER_KIND {
                examples.push(EffectExample { place: place(), content: truncated(&effect.content) });
            }
        }
    }

    /// Counts a record that would fail.
    pub(super) fn failure(&mut self, place: impl FnOnce() -> RecordPlace, error: &str) {
        self.records += 1;
        self.failed += 1;
        if self.failures.len() < MAX_NAMED_FAILURES {
            self.failures.push(FailedRecord { place: place(), error: truncated(error.as_bytes()) });
        }
    }

    pub(super) fn view(&self) -> DryRunView {
        let kind = |(what, (count, examples)): (&String, &(u64, Vec<EffectExample>))| EffectKind {
            what: truncated(what.as_bytes()),
            count: *count,
            examples: examples.clone(),
        };
        DryRunView {
            records: self.records,
            effects: self.kinds.iter().map(kind).collect(),
            other_effects: self.other,
            failed: self.failed,
            on_failure: String::new(),
            failures: self.failures.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_if_every_record_has_its_own_effect_kind() {
        let mut tally = DryRunTally::default();
        let place = || RecordPlace { topic: "t".into(), partition: 0, offset: 0 };
        for number in 0..2000 {
            tally.effects(place, &[PreviewedEffect { what: format!("kind-{number}"), content: Vec::new() }]);
            tally.failure(place, "no");
        }
        let view = tally.view();
        assert_eq!((view.effects.len(), view.other_effects), (MAX_EFFECT_KINDS, 1500));
        assert_eq!((view.records, view.failed, view.failures.len()), (4000, 2000, MAX_NAMED_FAILURES));
    }
}
