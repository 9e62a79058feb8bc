//! Partitions whose end is the last thing that was read of them.
//!
//! A batch read of librdkafka 2.12.1 counts the event of an end as if it were the record at that offset
//! (`rd_kafka_q_serve_rkmessages`): afterwards it takes the partition's position for one more than it is. That alone does no
//! harm, because fetching goes on where it is; but a pause keeps the position, and fetching goes on there after it, which
//! would leave out the next record that is written. So whoever resumes a partition has to seek to the end noted here.

use std::collections::HashMap;

use super::Fetched;

/// Where partitions ended that have delivered nothing since.
#[derive(Debug, Default)]
pub(super) struct Ends {
    by_partition: HashMap<i32, Vec<(String, i64)>>,
    /// The partition of the last record, which needs no second look.
    last: Option<(usize, i32)>,
}

impl Ends {
    /// Something came out of the queue.
    pub(super) fn note(&mut self, fetched: &Fetched<'_>) {
        match fetched {
            Fetched::End { topic, partition, offset } => {
                self.forget(topic, *partition);
                self.by_partition.entry(*partition).or_default().push(((*topic).to_owned(), *offset));
            }
            Fetched::Record(record) if !self.by_partition.is_empty() => {
                // Records come in runs of one partition: the name is compared once a run.
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

    /// The partition's end says nothing any more.
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
    fn the_newest_end_of_each_partition_is_kept_until_it_is_forgotten() {
        let mut ends = Ends::default();
        for (topic, partition, offset) in [("a", 0, 5), ("b", 0, 7), ("a", 0, 9), ("a", 1, 2)] {
            ends.note(&end(topic, partition, offset));
        }
        assert_eq!((ends.get("a", 0), ends.get("b", 0), ends.get("a", 1)), (Some(9), Some(7), Some(2)));
        ends.forget("a", 0);
        assert_eq!((ends.get("a", 0), ends.get("b", 0), ends.get("b", 1)), (None, Some(7), None));
    }
}
