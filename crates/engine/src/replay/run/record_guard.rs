//! Rejects records that cannot be decoded before the handler sees them: they fail the same way with every handler.

use kreplay_model::domain::Record;

use crate::{
    handler::{Advice, LaneFailure, LaneRun},
    rules::Rules,
};

/// Why a record is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// One sentence.
    pub error: String,
    /// What to do with the record.
    pub advice: Advice,
}

/// Handles a batch without the records that `reject` rejects and those after them in their lanes. The batch is
/// unchanged afterwards. `handle` gets at least one record of each lane that it sees.
pub fn handle_accepted(
    batch: &mut Vec<LaneRun>,
    reject: impl Fn(&Record) -> Option<Rejection>,
    handle: impl FnOnce(&[LaneRun]) -> Vec<LaneFailure>,
) -> Vec<LaneFailure> {
    let found: Vec<(usize, usize, Rejection)> = batch
        .iter()
        .enumerate()
        .filter_map(|(run, lane)| {
            let mut records = lane.records.iter().enumerate();
            records.find_map(|(at, record)| Some((run, at, reject(record)?)))
        })
        .collect();
    if found.is_empty() {
        return handle(batch);
    }
    let mut rest: Vec<Vec<Record>> = batch.iter().map(|_| Vec::new()).collect();
    for (run, at, _) in &found {
        rest[*run] = batch[*run].records.split_off(*at);
    }
    let (mut shown, mut places, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    for (run, lane) in std::mem::take(batch).into_iter().enumerate() {
        lanes.push(lane.lane);
        if !lane.records.is_empty() {
            places.push(run);
            shown.push(lane);
        }
    }
    let mut failures = if shown.is_empty() { Vec::new() } else { handle(&shown) };
    for failure in &mut failures {
        failure.run = places.get(failure.run).copied().unwrap_or(usize::MAX);
    }
    let mut handled: Vec<Vec<Record>> = lanes.iter().map(|_| Vec::new()).collect();
    for (run, lane) in places.into_iter().zip(shown) {
        handled[run] = lane.records;
    }
    for ((lane, mut records), rest) in lanes.into_iter().zip(handled).zip(rest) {
        records.extend(rest);
        batch.push(LaneRun { lane, records });
    }
    for (run, done, Rejection { error, advice }) in found {
        // A failure of an earlier record takes precedence.
        if !failures.iter().any(|failure| failure.run == run) {
            failures.push(LaneFailure { run, done, error, advice });
        }
    }
    failures
}

/// Why a record cannot be decoded, if so. If the handler `decodes` records itself, only errors found while reading
/// count.
#[must_use]
pub fn undecodable(rules: &Rules, decodes: bool, record: &Record) -> Option<Rejection> {
    if decodes && !record.route.undecodable {
        return None;
    }
    let error = rules.undecodable(record)?;
    // If the schema registry is unavailable, no record is at fault.
    let advice = if error.is_transient() { Advice::Unable } else { Advice::GiveUp };
    Some(Rejection { error: error.to_string(), advice })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU64};

    use kreplay_model::domain::{Format, Formats, RecordBufferBuilder, Route};
    use proptest::prelude::*;

    use super::*;
    use crate::decode::DecodeSettings;

    fn run(lane: u32, values: &[bool]) -> LaneRun {
        let (mut builder, mut records) = (RecordBufferBuilder::default(), Vec::new());
        let formats = Formats { value: Format::Json, ..Formats::default() };
        for (good, offset) in values.iter().zip(0..) {
            let value: &[u8] = if *good { b"{}" } else { b"{" };
            builder.push(0, 0, offset, -1, Route { formats, ..Route::default() }, None, Some(value));
        }
        builder.finish(&Arc::new(AtomicU64::new(0)), &mut records);
        LaneRun { lane, records }
    }

    fn rules() -> Rules {
        let formats = Formats { value: Format::Json, ..Formats::default() };
        Rules { decoding: DecodeSettings { formats, ..DecodeSettings::default() }.into(), ..Rules::default() }
    }

    fn shape(batch: &[LaneRun]) -> Vec<(u32, Vec<i64>)> {
        batch.iter().map(|run| (run.lane, run.records.iter().map(|record| record.offset).collect())).collect()
    }

    proptest! {
        /// By definition, a run of records ends at the first one that cannot be decoded, or at the first failure before
        /// it.
        #[test]
        fn a_handler_sees_the_records_before_the_first_undecodable_one(
            runs in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.8), 1..6), 1..5),
            fails in prop::collection::vec(prop::option::of(0_usize..6), 5),
        ) {
            let mut batch: Vec<LaneRun> = runs.iter().zip(0..).map(|(values, lane)| run(lane, values)).collect();
            let before = shape(&batch);
            let expected = |lane: usize| runs[lane].iter().take_while(|good| **good).count();
            let rules = rules();
            let failures = handle_accepted(&mut batch, |record| undecodable(&rules, false, record), |shown| {
                for run in shown {
                    assert_eq!(run.records.len(), expected(run.lane as usize));
                    assert!(!run.records.is_empty());
                }
                let failed = |run: &LaneRun| fails[run.lane as usize].filter(|done| *done < run.records.len());
                let failure = |run, done| LaneFailure { run, done, error: "own".into(), advice: Advice::Retry };
                shown.iter().enumerate().filter_map(|(at, run)| Some(failure(at, failed(run)?))).collect()
            });
            prop_assert_eq!(shape(&batch), before);
            for (lane, values) in runs.iter().enumerate() {
                let of_lane: Vec<_> = failures.iter().filter(|failure| failure.run == lane).collect();
                let own = fails[lane].filter(|done| *done < expected(lane));
                match (own, expected(lane) < values.len()) {
                    (Some(done), _) => prop_assert_eq!((of_lane.len(), of_lane[0].done, of_lane[0].advice), (1, done, Advice::Retry)),
                    (None, true) => prop_assert_eq!((of_lane.len(), of_lane[0].done, of_lane[0].advice), (1, expected(lane), Advice::GiveUp)),
                    (None, false) => prop_assert!(of_lane.is_empty()),
                }
            }
        }
    }

    #[test]
    fn a_registry_that_does_not_answer_blames_no_record() {
        let formats = Formats { value: Format::Avro, ..Formats::default() };
        let (mut builder, mut records) = (RecordBufferBuilder::default(), Vec::new());
        let route = Route { formats, ..Route::default() };
        builder.push(0, 0, 0, -1, route, None, Some(&[0, 0, 0, 0, 1]));
        builder.finish(&Arc::new(AtomicU64::new(0)), &mut records);
        // No registry is configured, so none answers.
        let decoding = DecodeSettings { formats, ..DecodeSettings::default() };
        let rules = Rules { decoding: decoding.into(), ..Rules::default() };
        let rejection = undecodable(&rules, false, &records[0]).unwrap();
        assert_eq!(rejection.advice, Advice::Unable, "{}", rejection.error);
    }

    #[test]
    fn a_decoding_handler_sees_all_records_except_those_marked_while_reading() {
        let mut batch = vec![run(0, &[true, false, true])];
        let rules = rules();
        assert_eq!(
            handle_accepted(
                &mut batch,
                |record| undecodable(&rules, true, record),
                |shown| {
                    assert_eq!(shape(shown), [(0, vec![0, 1, 2])]);
                    Vec::new()
                }
            ),
            []
        );
        batch[0].records[0].route.undecodable = true;
        let reject = |record: &Record| undecodable(&rules, true, record);
        let failures = handle_accepted(&mut batch, reject, |_| panic!("no record is left"));
        assert_eq!((failures[0].done, failures[0].advice), (0, Advice::GiveUp));
        assert!(failures[0].error.contains("when it was read"), "{}", failures[0].error);
    }
}
