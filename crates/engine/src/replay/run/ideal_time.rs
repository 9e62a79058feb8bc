//! The shortest time that a finished run could have taken.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed, time::Instant};

use kreplay_model::{
    domain::{RateLimit, TopicPartition},
    feed::{Prediction, RecordTime},
};

use super::Run;
use crate::plan::{Workload, predict};

impl Run {
    /// The shortest time this run could have taken, computed at its end. It is never longer than the actual time:
    /// records of one call share its time, so the records of the heaviest lane may have taken less than their share.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(super) fn ideal(&self, handling_s: f64) -> Option<(Prediction, RecordTime)> {
        let mut keys: HashMap<Result<u32, TopicPartition>, u64> = HashMap::new();
        let (mut heaviest_partition, mut handled) = (0, 0);
        for partition in self.engine.partitions.iter() {
            let partition = partition.lock();
            handled += partition.handled;
            heaviest_partition = heaviest_partition.max(partition.handled);
            for (group, count) in partition.groups.counts() {
                // Records without a key only wait for each other within their partition.
                let lane = if self.engine.ingress.is_keyless(group) { Err(partition.id.clone()) } else { Ok(group) };
                *keys.entry(lane).or_default() += count;
            }
        }
        if self.engine.plan.follow {
            // The run waited for records to be written.
            return None;
        }
        let measured_s =
            if handled > 0 { self.busy_seconds() / (self.before.handled + handled) as f64 } else { return None };
        let expected_s = self.source.needs().expected_s.filter(|expected| *expected > 0.0);
        let record_s = expected_s.unwrap_or(measured_s);
        let mean_workers = self.worker_seconds / self.started_to_end_s().max(1e-9);
        let workers = if self.concurrency_changed { mean_workers.max(1.0) } else { f64::from(self.initial_workers) };
        let heaviest_worker = if self.concurrency_changed {
            0
        } else {
            self.workers.iter().map(|slot| slot.stats.handled.load(Relaxed)).max().unwrap_or(0)
        };
        // Workers that mostly waited although the buffers were never full were waiting for reading.
        let busy = self.busy_seconds() / (workers * handling_s).max(1e-9);
        let held_back = self.engine.scheduler.limited().as_secs_f64() > handling_s / 2.0;
        let starved = !self.engine.memory.was_full() && expected_s.is_none() && busy < 0.5 && !held_back;
        let heaviest = keys.iter().max_by_key(|(_, count)| **count);
        let ideal = predict(&Workload {
            ordering: self.engine.settings.ordering,
            records: handled,
            heaviest_key: heaviest.map_or(0, |(_, count)| *count),
            keyless: heaviest.is_some_and(|(lane, _)| lane.is_err()),
            heaviest_partition,
            heaviest_worker,
            workers,
            record_s,
            fetch_s: starved.then_some(handling_s),
            rate_s: self.rate_s(handling_s, handled),
        })?;
        let ideal = Prediction { elapsed_s: ideal.elapsed_s.min(handling_s.max(1e-9)), ..ideal };
        Some((ideal, RecordTime { expected_s, mean_s: measured_s }))
    }

    /// The shortest time that the user's limits allow: for a rate limit that never changed, the time it takes;
    /// otherwise the actual time, if workers mostly waited for the limit.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(super) fn rate_s(&self, handling_s: f64, handled: u64) -> Option<f64> {
        let held_back = self.engine.scheduler.limited().as_secs_f64() > handling_s / 2.0;
        match self.rate {
            Some(RateLimit::Records(per_s)) if !self.rate_changed => Some(handled as f64 / per_s.get() as f64),
            Some(RateLimit::Bytes(per_s)) if !self.rate_changed => {
                let bytes: u64 = self.engine.partitions.iter().map(|partition| partition.lock().bytes).sum();
                Some(bytes as f64 / per_s.get() as f64)
            }
            _ => held_back.then_some(handling_s),
        }
        .map(|by_rate| if held_back && self.lag_guard.is_some() { by_rate.max(handling_s) } else { by_rate })
    }

    fn started_to_end_s(&self) -> f64 {
        self.elapsed_s(Instant::now())
    }
}
