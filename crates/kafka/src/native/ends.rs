//! Partitions whose end is the last event that was read from them.
//!
//! A batch read of librdkafka 2.12.1 counts a partition-end event as if it were the record at that offset
//! (`rd_kafka_q_serve_rkmessages`), so the partition's position becomes one too high. That alone is harmless, because
//! fetching continues at the correct offset. A pause, however, saves the position, and fetching continues from it after
//! the resume, which would skip the next record written. When resuming a partition, seek to the end recorded here.

use std::collections::HashMap;

use super::Fetched;

/// End offsets of partitions that have delivered nothing since.
#[derive(Debug, Default)]
pub(super) struct Ends {
    by_partition: HashMap<i32, Vec<(String, i64)>>,
    /// The partition of the last record. It needs no second check.
    last: Option<(usize, i32)>,
}

impl Ends {
    /// Processes an event read from the queue.
    pub(super) fn note(&mut self, fetched: &Fetched<'_>) {
        match fetched {
            Fetched::End { topic, partition, offset } => {
                self.forget(topic, *partition);
                self.by_partition.entry(*partition).or_default().push(((*topic).to_owned(), *offset));
            }
            Fetched::Record(record) if !self.by_partition.is_empty() => {
                // Records arrive in runs of one partition: the name is compared once per run.
                let token = (record.topic_token(), record.partition());
                if self.last != Some(token) {
                    self.forget(record.topic(), record.partition());
                    self.last = Some(token);
                }
            }
            Fetched::Record(_) | Fetched::Error { .. } => {}
        }
    }

    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<i64> {
        self.by_partition.get(&partition)?.iter().find(|(name, _)| name == topic).map(|(_, offset)| *offset)
    }

    /// Forgets the partition's end.
    pub(super) fn forget(&mut self, topic: &str, partition: i32) {
        self.last = None;
        if let Some(topics) = self.by_partition.get_mut(&partition) {
            topics.retain(|(name, _)| name != topic);
            if topics.is_empty() {
                self.by_partition.remove(&partition);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(topic: &str, partition: i32, offset: i64) -> Fetched<'_> {
        Fetched::End { topic, partition, offset }
    }

    #[test]
    fn latest_end_of_each_partition_is_kept_until_forgotten() {
        let mut ends = Ends::default();
        for (topic, partition, offset) in [("a", 0, 5), ("b", 0, 7), ("a", 0, 9), ("a", 1, 2)] {
            ends.note(&end(topic, partition, offset));
        }
        assert_eq!((ends.get("a", 0), ends.get("b", 0), ends.get("a", 1)), (Some(9), Some(7), Some(2)));
        ends.forget("a", 0);
        assert_eq!((ends.get("a", 0), ends.get("b", 0), ends.get("b", 1)), (None, Some(7), None));
    }
}
