//! How long handling should take, and what sets that time.

use crate::{
    domain::Ordering,
    feed::{Bound, Prediction},
};

/// What is to be handled, and by whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// What keeps its order.
    pub ordering: Ordering,
    /// Records in all.
    pub records: u64,
    /// Records of the heaviest lane with key order.
    pub heaviest_key: u64,
    /// Whether that is the lane of a partition's records without a key.
    pub keyless: bool,
    /// Records of the heaviest partition.
    pub heaviest_partition: u64,
    /// With partition order: records of the worker that has the most, by the way partitions were dealt out; 0 if unknown.
    pub heaviest_worker: u64,
    /// How many workers, averaged over the time.
    pub workers: f64,
    /// The mean handling time of a record, in seconds.
    pub record_s: f64,
    /// The time that reading alone took, in seconds, where handling never held it up.
    pub fetch_s: Option<f64>,
    /// The time that a limit set by somebody leaves it, in seconds, where there was one.
    pub rate_s: Option<f64>,
}

/// Within this part two times count as equal; the limit is then the one that more workers would not lift.
const TIE: f64 = 0.98;

/// The time that the load takes at best: no worker can do more than one lane's records at a time, so it is at least the work
/// divided by the workers, and at least that of the heaviest lane. `None` before anything is known.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn predict(load: &Load) -> Option<Prediction> {
    if load.records == 0 || load.workers <= 0.0 || !load.record_s.is_finite() {
        return None;
    }
    let shared = load.records as f64 / load.workers * load.record_s;
    let (lane, bound) = match load.ordering {
        Ordering::Key => {
            (load.heaviest_key as f64 * load.record_s, if load.keyless { Bound::Partition } else { Bound::Key })
        }
        Ordering::Partition => {
            // Some worker always has a little more than the mean: that is no limit yet.
            let uneven = load.heaviest_worker as f64 * load.record_s * TIE > shared;
            let worker = if uneven { load.heaviest_worker } else { 0 };
            (load.heaviest_partition.max(worker) as f64 * load.record_s, Bound::Partition)
        }
        Ordering::None => (0.0, Bound::Workers),
    };
    let (elapsed_s, limit) = if lane >= shared * TIE { (lane.max(shared), bound) } else { (shared, Bound::Workers) };
    if let Some(rate_s) = load.rate_s.filter(|rate_s| *rate_s > elapsed_s.max(load.fetch_s.unwrap_or(0.0))) {
        return Some(Prediction { elapsed_s: rate_s, limit: Bound::Rate });
    }
    match load.fetch_s {
        Some(fetch_s) if fetch_s > elapsed_s => Some(Prediction { elapsed_s: fetch_s, limit: Bound::Fetch }),
        _ => Some(Prediction { elapsed_s, limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(ordering: Ordering, workers: f64) -> Load {
        Load {
            ordering,
            records: 10_000,
            heaviest_key: 1000,
            keyless: false,
            heaviest_partition: 3000,
            heaviest_worker: 0,
            workers,
            record_s: 0.001,
            fetch_s: None,
            rate_s: None,
        }
    }

    #[test]
    fn ten_equal_keys_follow_the_workers_until_each_has_one() {
        for (workers, seconds, limit) in [
            (1.0, 10.0, Bound::Workers),
            (6.0, 10.0 / 6.0, Bound::Workers),
            (10.0, 1.0, Bound::Key),
            (50.0, 1.0, Bound::Key),
        ] {
            let predicted = predict(&load(Ordering::Key, workers)).unwrap();
            assert!((predicted.elapsed_s - seconds).abs() < 1e-9, "{workers}: {predicted:?}");
            assert_eq!(predicted.limit, limit, "{workers} workers");
        }
    }

    #[test]
    fn a_heavy_partition_is_the_limit_with_partition_order() {
        let predicted = predict(&load(Ordering::Partition, 6.0)).unwrap();
        assert_eq!((predicted.limit, predicted.elapsed_s), (Bound::Partition, 3.0));
        assert_eq!(predict(&load(Ordering::None, 6.0)).unwrap().limit, Bound::Workers);
    }

    #[test]
    fn records_without_a_key_and_uneven_dealing_are_limits_of_the_partition() {
        let keyless = Load { keyless: true, ..load(Ordering::Key, 20.0) };
        assert_eq!(predict(&keyless).unwrap().limit, Bound::Partition);
        let dealt = |heaviest_worker| Load { heaviest_worker, ..load(Ordering::Partition, 2.0) };
        assert_eq!(predict(&dealt(5050)).unwrap().limit, Bound::Workers);
        assert_eq!(predict(&dealt(6000)).unwrap().limit, Bound::Partition);
    }

    #[test]
    fn reading_is_the_limit_where_it_takes_longer() {
        let slow = Load { fetch_s: Some(5.0), ..load(Ordering::Key, 10.0) };
        assert_eq!(predict(&slow).unwrap().limit, Bound::Fetch);
        let limited = Load { rate_s: Some(6.0), ..slow.clone() };
        assert_eq!(predict(&limited).unwrap(), Prediction { elapsed_s: 6.0, limit: Bound::Rate });
        assert_eq!(predict(&Load { records: 0, ..slow }), None);
    }
}
