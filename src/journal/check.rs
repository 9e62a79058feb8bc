//! Whether a cluster still holds what a journal speaks of.

use std::fmt;

use super::{Head, PartitionPlan, TopicPlan};
use crate::{domain::Offset, kafka::LogEnds};

/// A topic of the plan as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNow {
    /// Its id, where the cluster tells it.
    pub id: Option<String>,
    /// How many partitions it has.
    pub partitions: i32,
}

/// What has changed, so that a run cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another cluster.
    Cluster {
        /// The run's.
        run: String,
        /// The one that was reached.
        now: String,
    },
    /// The topic is another one of the same name.
    Recreated(String),
    /// The topic has other partitions.
    Partitions {
        /// The topic.
        topic: String,
        /// How many it had.
        planned: i32,
        /// How many it has.
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
    /// Records that are not handled are gone.
    Gone {
        /// The partition.
        partition: String,
        /// Where the run stands.
        position: i64,
        /// Where the log begins.
        low: i64,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster { run, now } => {
                write!(
                    f,
                    "it belongs to cluster {run}, and this is cluster {now}; name its own with --bootstrap-server"
                )
            }
            Self::Recreated(topic) => {
                write!(f, "topic {topic} was deleted and created again since; its records are others. Start a new run")
            }
            Self::Partitions { topic, planned, now } => write!(
                f,
                "topic {topic} had {planned} partitions and has {now} now, so keys may be in others than before. Start a new run"
            ),
            Self::Shorter { partition, planned, now } => write!(
                f,
                "the log of {partition} ends at {now} now, before the plan's end {planned}: records were lost, or the topic \
                 was created again. Start a new run"
            ),
            Self::Gone { partition, position, low } => write!(
                f,
                "the log of {partition} begins at {low} now, and the run stands at {position}: the retention policy has \
                 deleted records that were not handled. Start a new run, or keep records longer"
            ),
        }
    }
}

impl Head {
    /// Whether the cluster is the run's; one that tells no id may be.
    ///
    /// # Errors
    /// [`Change::Cluster`].
    pub fn check_cluster(&self, now: Option<&str>) -> Result<(), Change> {
        match (&self.cluster_id, now) {
            (Some(run), Some(now)) if run != now => Err(Change::Cluster { run: run.clone(), now: now.into() }),
            _ => Ok(()),
        }
    }
}

impl TopicPlan {
    /// Whether the topic is the one that it was.
    ///
    /// # Errors
    /// [`Change::Recreated`], [`Change::Partitions`].
    pub fn check(&self, now: &TopicNow) -> Result<(), Change> {
        let recreated = matches!((&self.id, &now.id), (Some(then), Some(now)) if then != now);
        if recreated || now.partitions < self.partitions {
            return Err(Change::Recreated(self.name.clone()));
        }
        if now.partitions > self.partitions {
            let (topic, planned, now) = (self.name.clone(), self.partitions, now.partitions);
            return Err(Change::Partitions { topic, planned, now });
        }
        Ok(())
    }
}

impl PartitionPlan {
    /// Whether everything from the position to the plan's end is still there.
    ///
    /// # Errors
    /// [`Change::Shorter`], [`Change::Gone`], [`Change::Recreated`].
    pub fn check(&self, position: i64, now: &LogEnds) -> Result<(), Change> {
        let (low, end) = (now.low, now.end);
        if end.get() < position || (end == Offset::ZERO && self.end > Offset::ZERO) {
            return Err(Change::Recreated(self.topic.clone()));
        }
        let partition = now.id.to_string();
        if end < self.end {
            return Err(Change::Shorter { partition, planned: self.end.get(), now: end.get() });
        }
        if position < self.end.get() && low.get() > position && low > self.first {
            return Err(Change::Gone { partition, position, low: low.get() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TopicPartition;

    fn check(position: i64, low: i64, end: i64) -> Result<(), Change> {
        let offset = |raw| Offset::new(raw).unwrap();
        let plan = PartitionPlan { topic: "t".into(), partition: 0, first: offset(10), end: offset(100) };
        plan.check(position, &LogEnds { id: TopicPartition::new("t", 0), low: offset(low), end: offset(end) })
    }

    #[test]
    fn a_log_must_hold_what_is_left() {
        assert_eq!(check(50, 10, 100), Ok(()));
        assert_eq!(check(50, 50, 500), Ok(()), "what is handled may go");
        assert_eq!(check(100, 200, 200), Ok(()), "nothing is left");
        assert!(matches!(check(50, 51, 500), Err(Change::Gone { position: 50, low: 51, .. })));
        assert!(matches!(check(50, 10, 99), Err(Change::Shorter { planned: 100, now: 99, .. })));
        assert_eq!(check(50, 0, 49), Err(Change::Recreated("t".into())));
        assert_eq!(check(10, 0, 0), Err(Change::Recreated("t".into())));
    }

    #[test]
    fn a_topic_must_be_the_same() {
        let plan = TopicPlan { name: "t".into(), id: Some("a".into()), partitions: 6 };
        let now = |id: Option<&str>, partitions| TopicNow { id: id.map(Into::into), partitions };
        assert_eq!(plan.check(&now(Some("a"), 6)), Ok(()));
        assert_eq!(plan.check(&now(None, 6)), Ok(()));
        assert_eq!(plan.check(&now(Some("b"), 6)), Err(Change::Recreated("t".into())));
        assert_eq!(plan.check(&now(Some("a"), 5)), Err(Change::Recreated("t".into())));
        assert!(matches!(plan.check(&now(Some("a"), 12)), Err(Change::Partitions { planned: 6, now: 12, .. })));
    }

    #[test]
    fn another_cluster_is_told_by_its_id() {
        let head = Head { cluster_id: Some("mine".into()), ..Head::default() };
        assert_eq!(head.check_cluster(Some("mine")), Ok(()));
        assert_eq!(head.check_cluster(None), Ok(()));
        let told = head.check_cluster(Some("other")).unwrap_err().to_string();
        assert!(told.contains("cluster mine") && told.contains("cluster other"), "{told}");
    }
}
