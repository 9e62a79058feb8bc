//! What a dry run has counted.

use std::collections::BTreeMap;

use super::shown::cut;
use crate::{
    feed::{DryRunView, EffectExample, EffectKind, FailedRecord, RecordPlace},
    handler::PreviewedEffect,
};

/// So many kinds of effects are told apart; a kind for each key would be too many.
const KINDS: usize = 500;
/// Examples of each kind.
const EXAMPLES: usize = 3;
/// Records that would have failed and are named.
const FAILURES: usize = 20;

/// Effects and failures, in bounded memory.
#[derive(Debug, Default)]
pub(super) struct Tally {
    records: u64,
    kinds: BTreeMap<String, (u64, Vec<EffectExample>)>,
    other: u64,
    failed: u64,
    failures: Vec<FailedRecord>,
}

impl Tally {
    /// Takes note of what a record would do.
    pub(super) fn effects(&mut self, place: impl Fn() -> RecordPlace, effects: &[PreviewedEffect]) {
        self.records += 1;
        for effect in effects {
            let kinds = self.kinds.len();
            let (count, examples) = match self.kinds.get_mut(&effect.what) {
                Some(kind) => kind,
                None if kinds < KINDS => self.kinds.entry(effect.what.clone()).or_default(),
                None => {
                    self.other += 1;
                    continue;
                }
            };
            *count += 1;
            if examples.len() < EXAMPLES {
                examples.push(EffectExample { place: place(), content: cut(&effect.content) });
            }
        }
    }

    /// Takes note of a record that would fail.
    pub(super) fn failure(&mut self, place: impl FnOnce() -> RecordPlace, error: &str) {
        self.records += 1;
        self.failed += 1;
        if self.failures.len() < FAILURES {
            self.failures.push(FailedRecord { place: place(), error: cut(error.as_bytes()) });
        }
    }

    pub(super) fn view(&self) -> DryRunView {
        let kind = |(what, (count, examples)): (&String, &(u64, Vec<EffectExample>))| EffectKind {
            what: cut(what.as_bytes()),
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
    fn a_kind_for_each_record_does_not_make_the_memory_grow() {
        let mut tally = Tally::default();
        let place = || RecordPlace { topic: "t".into(), partition: 0, offset: 0 };
        for number in 0..2000 {
            tally.effects(place, &[PreviewedEffect { what: format!("kind-{number}"), content: Vec::new() }]);
            tally.failure(place, "no");
        }
        let view = tally.view();
        assert_eq!((view.effects.len(), view.other_effects), (KINDS, 1500));
        assert_eq!((view.records, view.failed, view.failures.len()), (4000, 2000, FAILURES));
    }
}
