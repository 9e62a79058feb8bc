//! The differences between two handlers: counted over all records, and kept for the first difference of each key.

use std::collections::HashSet;

use kreplay_model::{
    domain::Record,
    feed::{ComparisonView, Difference, Effect, Outcome, RecordPlace},
};

use super::shown::{truncated, truncated_around_difference};
use crate::handler::{EffectForm, PreviewedEffect};

/// The maximum number of differing keys that are tracked: about 40 MB. Beyond it their count is a lower bound.
const MAX_DIFFERING_KEYS: usize = 2_000_000;
/// The maximum number of effects that are shown of one record.
const MAX_EFFECTS_SHOWN: usize = 5;

/// What a handler would do with a record: its effects, or why it would fail.
pub(super) type BuiltEffects<'a> = Result<&'a [PreviewedEffect], &'a str>;

/// The findings of a comparison.
#[derive(Debug)]
pub(super) struct ComparisonFindings {
    /// The counts; the differences are added by [`ComparisonFindings::view`].
    view: ComparisonView,
    differences: Vec<Difference>,
    /// Hashes of the differing keys.
    keys: HashSet<u64>,
    max_shown: usize,
    /// All records are handled in one order and previews keep state, so the first difference may cause later ones.
    order_matters: bool,
}

impl ComparisonFindings {
    pub(super) fn new([left, right]: [String; 2], form: EffectForm, order_matters: bool, max_shown: usize) -> Self {
        let view = ComparisonView { left, right, compared: form.compared().to_owned(), ..ComparisonView::default() };
        Self { view, differences: Vec::new(), keys: HashSet::new(), max_shown, order_matters }
    }

    /// Compares what the two handlers would do with a record. `key` yields the record's key.
    pub(super) fn compare(
        &mut self,
        record: &Record,
        key: impl FnOnce() -> Option<Vec<u8>>,
        place: impl FnOnce() -> RecordPlace,
        left: BuiltEffects<'_>,
        right: BuiltEffects<'_>,
    ) {
        self.view.records += 1;
        match (left, right) {
            (Ok(left), Ok(right)) if are_equal(left, right) => return,
            // The error texts are informational and not compared.
            (Err(_), Err(_)) => {
                self.view.failed_with_both += 1;
                return;
            }
            _ => self.view.differing_records += 1,
        }
        let hash = record.lane_hash().unwrap_or(u64::from(record.partition) ^ 0x9E37_79B9_7F4A_7C15);
        if self.keys.len() >= MAX_DIFFERING_KEYS {
            self.view.more_keys |= !self.keys.contains(&hash);
            return;
        }
        if !self.keys.insert(hash) {
            return;
        }
        self.view.differing_keys += 1;
        if self.differences.len() < self.max_shown {
            let [left, right] = outcomes(left, right);
            let key = key().map(|key| truncated(&key));
            let place = place();
            if self.order_matters && self.view.first.is_none() {
                self.view.first = Some(place.clone());
            }
            self.differences.push(Difference { place, key, left, right });
        }
    }

    /// The findings. The differences, up to 10,000, are copied only if `run_is_over`.
    pub(super) fn view(&self, run_is_over: bool) -> ComparisonView {
        let mut differences = if run_is_over { self.differences.clone() } else { Vec::new() };
        differences.sort_by(|a, b| a.place.cmp(&b.place));
        ComparisonView { differences, ..self.view.clone() }
    }
}

/// Whether two lists of effects have the same contents. The kinds are only for counting.
fn are_equal(left: &[PreviewedEffect], right: &[PreviewedEffect]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.content == right.content)
}

fn outcomes(left: BuiltEffects<'_>, right: BuiltEffects<'_>) -> [Outcome; 2] {
    // Leading effects that are equal on both sides are left out.
    let same = match (left, right) {
        (Ok(left), Ok(right)) => {
            left.iter().zip(right).take_while(|(left, right)| left.content == right.content).count()
        }
        _ => 0,
    };
    let side = |own: BuiltEffects<'_>, other: BuiltEffects<'_>, which: usize| match own {
        Err(error) => Outcome::Error(truncated(error.as_bytes())),
        Ok(effects) => Outcome::Effects(
            effects
                .iter()
                .enumerate()
                .skip(same)
                .take(MAX_EFFECTS_SHOWN)
                .map(|(at, effect)| {
                    let counterpart = other.ok().and_then(|other| other.get(at));
                    let content = match counterpart {
                        None => truncated(&effect.content),
                        Some(counterpart) => {
                            let pair = [&effect.content, &counterpart.content];
                            let (left, right) = if which == 0 { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                            let [left, right] = truncated_around_difference(left, right);
                            if which == 0 { left } else { right }
                        }
                    };
                    Effect { what: truncated(effect.what.as_bytes()), content }
                })
                .collect(),
        ),
    };
    [side(left, right, 0), side(right, left, 1)]
}
