//! Skips records that were handled while they waited: a worker had them in flight when their partition was revoked, and
//! reported the result after the partition was assigned again.

use kreplay_model::domain::Record;

use crate::handler::{LaneFailure, LaneRun};

/// Handles a batch without the records for which `is_handled` is true. The batch is unchanged afterwards, and failures
/// count the skipped records as done. `handle` gets at least one record of each run that it sees.
pub fn handle_unhandled(
    batch: &mut Vec<LaneRun>,
    is_handled: impl Fn(&Record) -> bool,
    handle: impl FnOnce(&mut Vec<LaneRun>) -> Vec<LaneFailure>,
) -> Vec<LaneFailure> {
    let places: Vec<Vec<bool>> =
        batch.iter().map(|run| run.records.iter().map(&is_handled).collect()).collect::<Vec<_>>();
    if !places.iter().flatten().any(|skipped| *skipped) {
        return handle(batch);
    }
    let (mut shown, mut runs, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (run, places)) in std::mem::take(batch).into_iter().zip(&places).enumerate() {
        let (mut kept, mut out) = (Vec::new(), Vec::new());
        for (record, is_out) in run.records.into_iter().zip(places) {
            if *is_out { out.push(record) } else { kept.push(record) }
        }
        skipped.push((run.lane, out));
        if !kept.is_empty() {
            runs.push(number);
            shown.push(LaneRun { lane: run.lane, records: kept });
        }
    }
    let mut failures = if shown.is_empty() { Vec::new() } else { handle(&mut shown) };
    for failure in &mut failures {
        let Some(&run) = runs.get(failure.run) else { continue };
        let mut kept = places[run].iter().enumerate().filter(|(_, skipped)| !**skipped).map(|(place, _)| place);
        failure.run = run;
        failure.done = kept.nth(failure.done).unwrap_or(places[run].len());
    }
    let mut kept: Vec<Vec<Record>> = places.iter().map(|_| Vec::new()).collect();
    for (run, lane) in runs.into_iter().zip(shown) {
        kept[run] = lane.records;
    }
    for ((places, kept), (lane, out)) in places.iter().zip(kept).zip(skipped) {
        let (mut kept, mut out) = (kept.into_iter(), out.into_iter());
        let records = places.iter().filter_map(|skipped| if *skipped { out.next() } else { kept.next() }).collect();
        batch.push(LaneRun { lane, records });
    }
    failures
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU64};

    use kreplay_model::domain::{RecordBufferBuilder, Route};
    use proptest::prelude::*;

    use super::*;
    use crate::handler::Advice;

    fn run(lane: u32, count: usize) -> LaneRun {
        let (mut builder, mut records) = (RecordBufferBuilder::default(), Vec::new());
        for offset in 0..i64::try_from(count).unwrap() {
            builder.push(lane, 0, offset, -1, Route::default(), None, None);
        }
        builder.finish(&Arc::new(AtomicU64::new(0)), &mut records);
        LaneRun { lane, records }
    }

    fn shape(batch: &[LaneRun]) -> Vec<(u32, Vec<i64>)> {
        batch.iter().map(|run| (run.lane, run.records.iter().map(|record| record.offset).collect())).collect()
    }

    proptest! {
        /// By definition, the handler sees the unhandled records in order, and a failure is reported at its record.
        #[test]
        fn a_handler_sees_the_unhandled_records(
            runs in prop::collection::vec(prop::collection::vec(any::<bool>(), 1..6), 1..5),
            fails in prop::collection::vec(prop::option::of(0_i64..6), 5),
        ) {
            let handled = |lane: u32, offset: i64| runs[lane as usize][usize::try_from(offset).unwrap()];
            let left = |lane: u32| -> Vec<i64> {
                (0..).take(runs[lane as usize].len()).filter(|offset| !handled(lane, *offset)).collect()
            };
            let mut batch: Vec<LaneRun> = runs.iter().zip(0..).map(|(one, lane)| run(lane, one.len())).collect();
            let before = shape(&batch);
            let is_handled = |record: &Record| handled(record.partition, record.offset);
            let failures = handle_unhandled(&mut batch, is_handled, |shown| {
                let mut failures = Vec::new();
                for (at, (lane, offsets)) in shape(shown).into_iter().enumerate() {
                    assert_eq!(offsets, left(lane));
                    assert!(!offsets.is_empty());
                    let failed = offsets.iter().position(|offset| fails[lane as usize] == Some(*offset));
                    failures.extend(failed.map(|done| {
                        LaneFailure { run: at, done, error: String::new(), advice: Advice::Retry }
                    }));
                }
                failures
            });
            prop_assert_eq!(shape(&batch), before);
            for (lane, _) in (0_u32..).zip(&runs) {
                let own = fails[lane as usize].filter(|offset| left(lane).contains(offset));
                let reported = failures.iter().find(|failure| failure.run == lane as usize).map(|failure| failure.done);
                prop_assert_eq!(reported, own.map(|offset| usize::try_from(offset).unwrap()));
            }
        }
    }
}
