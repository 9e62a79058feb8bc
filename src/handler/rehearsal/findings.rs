//! Where two handlers differ: counted over all records, and kept for the first difference of each key.

use std::collections::HashSet;

use super::shown::{cut, cut_where_they_differ};
use crate::{
    domain::Record,
    feed::{ComparisonView, Difference, Effect, Outcome, RecordPlace},
    handler::{EffectForm, PreviewedEffect},
};

/// So many keys that differ are told apart: about 40 MB. Above it their number is a lower bound.
const KEYS: usize = 2_000_000;
/// So many effects of one record are shown.
const EFFECTS: usize = 5;

/// What a handler would do with a record: its effects, or why it would fail.
pub(super) type Built<'a> = Result<&'a [PreviewedEffect], &'a str>;

/// What a comparison has found.
#[derive(Debug)]
pub(super) struct Findings {
    /// Everything but the differences.
    view: ComparisonView,
    differences: Vec<Difference>,
    /// Keys that differ, by their hash.
    keys: HashSet<u64>,
    most_shown: usize,
    /// Records come in one order, and what the first difference leaves behind may make others.
    first_counts: bool,
}

impl Findings {
    pub(super) fn new([left, right]: [String; 2], form: EffectForm, first_counts: bool, most_shown: usize) -> Self {
        let view = ComparisonView { left, right, compared: form.compared().to_owned(), ..ComparisonView::default() };
        Self { view, differences: Vec::new(), keys: HashSet::new(), most_shown, first_counts }
    }

    /// Takes note of what the two would do with a record. `key` is what it is known by.
    pub(super) fn compare(
        &mut self,
        record: &Record,
        key: impl FnOnce() -> Option<Vec<u8>>,
        place: impl FnOnce() -> RecordPlace,
        left: Built<'_>,
        right: Built<'_>,
    ) {
        self.view.records += 1;
        match (left, right) {
            (Ok(left), Ok(right)) if are_equal(left, right) => return,
            // What they say of it is for people, and no effect.
            (Err(_), Err(_)) => {
                self.view.failed_with_both += 1;
                return;
            }
            _ => self.view.differing_records += 1,
        }
        let hash = record.lane_hash().unwrap_or(u64::from(record.partition) ^ 0x9E37_79B9_7F4A_7C15);
        if self.keys.len() >= KEYS {
            self.view.more_keys |= !self.keys.contains(&hash);
            return;
        }
        if !self.keys.insert(hash) {
            return;
        }
        self.view.differing_keys += 1;
        if self.differences.len() < self.most_shown {
            let [left, right] = outcomes(left, right);
            let key = key().map(|key| cut(&key));
            let place = place();
            if self.first_counts && self.view.first.is_none() {
                self.view.first = Some(place.clone());
            }
            self.differences.push(Difference { place, key, left, right });
        }
    }

    /// Up to 10,000 differences are much to copy: they are in it when `over` says that there will be no more.
    pub(super) fn view(&self, over: bool) -> ComparisonView {
        let mut differences = if over { self.differences.clone() } else { Vec::new() };
        differences.sort_by(|a, b| a.place.cmp(&b.place));
        ComparisonView { differences, ..self.view.clone() }
    }
}

/// Two handlers do the same where the contents of their effects are the same: what they are called is for counting.
fn are_equal(left: &[PreviewedEffect], right: &[PreviewedEffect]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.content == right.content)
}

fn outcomes(left: Built<'_>, right: Built<'_>) -> [Outcome; 2] {
    // What both do comes first and says nothing, unless there is nothing else.
    let same = match (left, right) {
        (Ok(left), Ok(right)) => {
            left.iter().zip(right).take_while(|(left, right)| left.content == right.content).count()
        }
        _ => 0,
    };
    let side = |own: Built<'_>, other: Built<'_>, which: usize| match own {
        Err(error) => Outcome::Error(cut(error.as_bytes())),
        Ok(effects) => Outcome::Effects(
            effects
                .iter()
                .enumerate()
                .skip(same)
                .take(EFFECTS)
                .map(|(at, effect)| {
                    let counterpart = other.ok().and_then(|other| other.get(at));
                    let content = match counterpart {
                        None => cut(&effect.content),
                        Some(counterpart) => {
                            let pair = [&effect.content, &counterpart.content];
                            let (left, right) = if which == 0 { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                            let [left, right] = cut_where_they_differ(left, right);
                            if which == 0 { left } else { right }
                        }
                    };
                    Effect { what: cut(effect.what.as_bytes()), content }
                })
                .collect(),
        ),
    };
    [side(left, right, 0), side(right, left, 1)]
}
