//! The ideal time of observed work, and what limits it.

use kreplay_model::{
    domain::Ordering,
    feed::{Bottleneck, Prediction},
};

/// The observed work and the workers that handled it.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The ordering.
    pub ordering: Ordering,
    /// The number of records.
    pub records: u64,
    /// Records of the heaviest lane, with key order.
    pub heaviest_key: u64,
    /// Whether that lane holds a partition's records without a key.
    pub keyless: bool,
    /// Records of the heaviest partition.
    pub heaviest_partition: u64,
    /// With partition order: records of the worker with the most, given the assignment of partitions; 0 if unknown.
    pub heaviest_worker: u64,
    /// The number of workers, averaged over time.
    pub workers: f64,
    /// The mean handling time of a record, in seconds.
    pub record_s: f64,
    /// The time that reading alone took, in seconds, if handling never delayed it.
    pub fetch_s: Option<f64>,
    /// The shortest time that a rate limit allowed, in seconds, if there was one.
    pub rate_s: Option<f64>,
}

/// Times whose ratio is above this count as equal. The limit is then the one that more workers would not lift.
const TIE_RATIO: f64 = 0.98;

/// The shortest time for this work. A lane is handled by one worker at a time, so the time is at least the total work
/// divided by the workers, and at least the work of the heaviest lane. `None` if nothing is known yet.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn predict(load: &Workload) -> Option<Prediction> {
    if load.records == 0 || load.workers <= 0.0 || !load.record_s.is_finite() {
        return None;
    }
    let even_share = load.records as f64 / load.workers * load.record_s;
    let (lane, bottleneck) = match load.ordering {
        Ordering::Key => (
            load.heaviest_key as f64 * load.record_s,
            if load.keyless { Bottleneck::Partition } else { Bottleneck::Key },
        ),
        Ordering::Partition => {
            // One worker always has slightly more than the mean; that is not a limit.
            let uneven = load.heaviest_worker as f64 * load.record_s * TIE_RATIO > even_share;
            let worker = if uneven { load.heaviest_worker } else { 0 };
            (load.heaviest_partition.max(worker) as f64 * load.record_s, Bottleneck::Partition)
        }
        Ordering::None => (0.0, Bottleneck::Workers),
    };
    let (elapsed_s, limit) = if lane >= even_share * TIE_RATIO {
        (lane.max(even_share), bottleneck)
    } else {
        (even_share, Bottleneck::Workers)
    };
    if let Some(rate_s) = load.rate_s.filter(|rate_s| *rate_s > elapsed_s.max(load.fetch_s.unwrap_or(0.0))) {
        return Some(Prediction { elapsed_s: rate_s, limit: Bottleneck::Rate });
    }
    match load.fetch_s {
        Some(fetch_s) if fetch_s > elapsed_s => Some(Prediction { elapsed_s: fetch_s, limit: Bottleneck::Fetch }),
        _ => Some(Prediction { elapsed_s, limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(ordering: Ordering, workers: f64) -> Workload {
        Workload {
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
    fn ten_equal_keys_scale_up_to_ten_workers() {
        for (workers, seconds, limit) in [
            (1.0, 10.0, Bottleneck::Workers),
            (6.0, 10.0 / 6.0, Bottleneck::Workers),
            (10.0, 1.0, Bottleneck::Key),
            (50.0, 1.0, Bottleneck::Key),
        ] {
            let predicted = predict(&load(Ordering::Key, workers)).unwrap();
            assert!((predicted.elapsed_s - seconds).abs() < 1e-9, "{workers}: {predicted:?}");
            assert_eq!(predicted.limit, limit, "{workers} workers");
        }
    }

    #[test]
    fn a_heavy_partition_limits_partition_order() {
        let predicted = predict(&load(Ordering::Partition, 6.0)).unwrap();
        assert_eq!((predicted.limit, predicted.elapsed_s), (Bottleneck::Partition, 3.0));
        assert_eq!(predict(&load(Ordering::None, 6.0)).unwrap().limit, Bottleneck::Workers);
    }

    #[test]
    fn keyless_records_and_uneven_assignment_count_as_partition_limits() {
        let keyless = Workload { keyless: true, ..load(Ordering::Key, 20.0) };
        assert_eq!(predict(&keyless).unwrap().limit, Bottleneck::Partition);
        let assigned = |heaviest_worker| Workload { heaviest_worker, ..load(Ordering::Partition, 2.0) };
        assert_eq!(predict(&assigned(5050)).unwrap().limit, Bottleneck::Workers);
        assert_eq!(predict(&assigned(6000)).unwrap().limit, Bottleneck::Partition);
    }

    #[test]
    fn reading_is_the_limit_if_it_takes_longer() {
        let slow = Workload { fetch_s: Some(5.0), ..load(Ordering::Key, 10.0) };
        assert_eq!(predict(&slow).unwrap().limit, Bottleneck::Fetch);
        let limited = Workload { rate_s: Some(6.0), ..slow.clone() };
        assert_eq!(predict(&limited).unwrap(), Prediction { elapsed_s: 6.0, limit: Bottleneck::Rate });
        assert_eq!(predict(&Workload { records: 0, ..slow }), None);
    }
}
