//! The choice of records for the next request. No I/O.

use crate::{BatchProgress, RecordIndex};

/// Chooses the records of the next request, lane by lane and in order, as long as they fit. Empty if nothing is left.
///
/// With `one_per_lane` the request has at most one record of each lane, because an endpoint that fails one record must
/// not have received a later one of the same lane.
pub(super) fn next_parcel(
    progress: &BatchProgress,
    one_per_lane: bool,
    mut fits: impl FnMut(RecordIndex) -> bool,
) -> Vec<RecordIndex> {
    let per_lane = if one_per_lane { 1 } else { usize::MAX };
    let records = progress.runs_left().flat_map(|(run, left)| {
        let records = left.map(move |index| RecordIndex { run, index });
        records.take(per_lane)
    });
    records.take_while(|at| fits(*at)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Advice, RecordFailure};

    fn records(progress: &BatchProgress, one_per_lane: bool, most: usize) -> Vec<(usize, usize)> {
        let mut count = 0;
        let request = next_parcel(progress, one_per_lane, |_| {
            count += 1;
            count <= most
        });
        request.iter().map(|at| (at.run, at.index)).collect()
    }

    #[test]
    fn a_request_has_whole_lanes_or_one_record_of_each() {
        let mut it = BatchProgress::of_lengths([2, 0, 3]);
        assert_eq!(records(&it, false, 4), [(0, 0), (0, 1), (2, 0), (2, 1)]);
        assert_eq!(records(&it, true, 4), [(0, 0), (2, 0)]);
        it.handle_through(RecordIndex { run: 0, index: 0 });
        it.fail(RecordIndex { run: 2, index: 0 }, "no".to_owned());
        assert_eq!(records(&it, false, 4), [(0, 1)]);
        it.fail_left(RecordFailure::new("all", Advice::Stop));
        assert_eq!(records(&it, false, 4), []);
        assert_eq!(it.handled(), 1);
        let failures: Vec<_> = it.failures().into_iter().map(|it| (it.run, it.done, it.error)).collect();
        assert_eq!(failures, [(0, 1, "all".to_owned()), (2, 0, "no".to_owned())]);
    }

    proptest! {
        #[test]
        fn every_record_is_sent_once_and_in_order(
            lengths in prop::collection::vec(0..5_usize, 0..6), one_per_lane in any::<bool>(), most in 1..5_usize,
        ) {
            let mut it = BatchProgress::of_lengths(lengths.iter().copied());
            let mut sent = vec![Vec::new(); lengths.len()];
            loop {
                let request = records(&it, one_per_lane, most);
                if request.is_empty() {
                    break;
                }
                prop_assert!(request.len() <= most);
                for (run, index) in request {
                    sent[run].push(index);
                    it.handle_through(RecordIndex { run, index });
                }
            }
            for (run, length) in lengths.iter().enumerate() {
                prop_assert_eq!(&sent[run], &(0..*length).collect::<Vec<_>>());
            }
            prop_assert_eq!(it.failures(), []);
        }
    }
}
