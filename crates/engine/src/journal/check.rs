//! Checks whether a cluster still holds the records of a journal.

use std::fmt;

use kreplay_kafka::LogEnds;
use kreplay_model::domain::{Offset, number::counted};

use super::{Head, PartitionPlan, TopicPlan};

/// The current state of a topic of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNow {
    /// Its id, if the cluster returns ids.
    pub id: Option<String>,
    /// The number of its partitions.
    pub partitions: i32,
}

/// A change of the cluster that prevents resuming a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterChange {
    /// It is another cluster.
    Cluster {
        /// The run's cluster.
        run: String,
        /// The connected cluster.
        now: String,
    },
    /// The topic was deleted and created again.
    Recreated(String),
    /// The number of partitions changed.
    Partitions {
        /// The topic.
        topic: String,
        /// The number in the plan.
        planned: i32,
        /// The current number.
        now: i32,
    },
    /// The log ends before the plan does.
    Shorter {
        /// The partition.
        partition: String,
        /// The plan's end.
        planned: i64,
        /// The log's end.
        now: i64,
    },
    /// Records that were not handled were deleted.
    Gone {
        /// The partition.
        partition: String,
        /// The run's position.
        position: i64,
        /// The current start of the log.
        low: i64,
    },
}

impl fmt::Display for ClusterChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster { run, now } => {
                write!(
                    f,
                    "it belongs to cluster {run}, but this is cluster {now}; connect to its cluster with \
                     --bootstrap-server"
                )
            }
            Self::Recreated(topic) => {
                write!(f, "topic {topic} was deleted and created again; it has other records now. Start a new run")
            }
            Self::Partitions { topic, planned, now } => write!(
                f,
                "topic {topic} had {} and now has {now}, so keys may have moved. Start a new run",
                counted(*planned, "partition")
            ),
            Self::Shorter { partition, planned, now } => write!(
                f,
                "the log of {partition} now ends at {now}, before the plan's end {planned}: records were lost, or the \
                 topic was created again. Start a new run"
            ),
            Self::Gone { partition, position, low } => write!(
                f,
                "the log of {partition} now begins at {low}, but the run's position is {position}: the retention \
                 policy has deleted records that were not handled. Start a new run, or keep records longer"
            ),
        }
    }
}

impl Head {
    /// Checks that the cluster is the run's cluster. A cluster without an id is accepted.
    ///
    /// # Errors
    /// [`ClusterChange::Cluster`].
    pub fn check_cluster(&self, now: Option<&str>) -> Result<(), ClusterChange> {
        match (&self.cluster_id, now) {
            (Some(run), Some(now)) if run != now => Err(ClusterChange::Cluster { run: run.clone(), now: now.into() }),
            _ => Ok(()),
        }
    }
}

impl TopicPlan {
    /// Checks that the topic has not changed.
    ///
    /// # Errors
    /// [`ClusterChange::Recreated`], [`ClusterChange::Partitions`].
    pub fn check(&self, now: &TopicNow) -> Result<(), ClusterChange> {
        let recreated = matches!((&self.id, &now.id), (Some(then), Some(now)) if then != now);
        if recreated || now.partitions < self.partitions {
            return Err(ClusterChange::Recreated(self.name.clone()));
        }
        if now.partitions > self.partitions {
            let (topic, planned, now) = (self.name.clone(), self.partitions, now.partitions);
            return Err(ClusterChange::Partitions { topic, planned, now });
        }
        Ok(())
    }
}

impl PartitionPlan {
    /// Checks that the log still holds everything from the position to the plan's end.
    ///
    /// # Errors
    /// [`ClusterChange::Shorter`], [`ClusterChange::Gone`], [`ClusterChange::Recreated`].
    pub fn check(&self, position: i64, now: &LogEnds) -> Result<(), ClusterChange> {
        let (low, end) = (now.low, now.end);
        if end.get() < position || (end == Offset::ZERO && self.end > Offset::ZERO) {
            return Err(ClusterChange::Recreated(self.topic.clone()));
        }
        let partition = now.id.to_string();
        if end < self.end {
            return Err(ClusterChange::Shorter { partition, planned: self.end.get(), now: end.get() });
        }
        if position < self.end.get() && low.get() > position && low > self.first {
            return Err(ClusterChange::Gone { partition, position, low: low.get() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::TopicPartition;

    use super::*;

    fn check(position: i64, low: i64, end: i64) -> Result<(), ClusterChange> {
        let offset = |raw| Offset::new(raw).unwrap();
        let plan = PartitionPlan { topic: "t".into(), partition: 0, first: offset(10), end: offset(100) };
        plan.check(position, &LogEnds { id: TopicPartition::new("t", 0), low: offset(low), end: offset(end) })
    }

    #[test]
    fn a_log_must_hold_all_remaining_records() {
        assert_eq!(check(50, 10, 100), Ok(()));
        assert_eq!(check(50, 50, 500), Ok(()), "handled records may be deleted");
        assert_eq!(check(100, 200, 200), Ok(()), "nothing is left");
        assert!(matches!(check(50, 51, 500), Err(ClusterChange::Gone { position: 50, low: 51, .. })));
        assert!(matches!(check(50, 10, 99), Err(ClusterChange::Shorter { planned: 100, now: 99, .. })));
        assert_eq!(check(50, 0, 49), Err(ClusterChange::Recreated("t".into())));
        assert_eq!(check(10, 0, 0), Err(ClusterChange::Recreated("t".into())));
    }

    #[test]
    fn a_changed_topic_is_refused() {
        let plan = TopicPlan { name: "t".into(), id: Some("a".into()), partitions: 6 };
        let now = |id: Option<&str>, partitions| TopicNow { id: id.map(Into::into), partitions };
        assert_eq!(plan.check(&now(Some("a"), 6)), Ok(()));
        assert_eq!(plan.check(&now(None, 6)), Ok(()));
        assert_eq!(plan.check(&now(Some("b"), 6)), Err(ClusterChange::Recreated("t".into())));
        assert_eq!(plan.check(&now(Some("a"), 5)), Err(ClusterChange::Recreated("t".into())));
        assert!(matches!(plan.check(&now(Some("a"), 12)), Err(ClusterChange::Partitions { planned: 6, now: 12, .. })));
    }

    #[test]
    fn another_cluster_is_detected_by_its_id() {
        let head = Head { cluster_id: Some("mine".into()), ..Head::default() };
        assert_eq!(head.check_cluster(Some("mine")), Ok(()));
        assert_eq!(head.check_cluster(None), Ok(()));
        let text = head.check_cluster(Some("other")).unwrap_err().to_string();
        assert!(text.contains("cluster mine") && text.contains("cluster other"), "{text}");
    }
}
