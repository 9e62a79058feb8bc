//! What tells the logs of a run from others of the same name.

use std::collections::BTreeMap;

/// The log of a topic. Where a side says nothing of one part, that part tells nothing: an old broker has no ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogId {
    /// What the cluster calls itself.
    pub cluster: Option<String>,
    /// The topic's id, which it keeps until it is deleted.
    pub topic: Option<String>,
}

/// What two logs of the same name differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    /// They are on two clusters.
    Cluster,
    /// The topic was deleted and created again.
    Topic,
}

impl LogId {
    /// What says that this log is not the other one; `None` where nothing does.
    #[must_use]
    pub fn differs(&self, other: &Self) -> Option<Differs> {
        let differ = |one: &Option<String>, other: &Option<String>| matches!((one, other), (Some(one), Some(other)) if one != other);
        if differ(&self.cluster, &other.cluster) {
            return Some(Differs::Cluster);
        }
        differ(&self.topic, &other.topic).then_some(Differs::Topic)
    }
}

/// The logs of a run's topics, as far as the cluster tells them apart. Empty where it is not known, or of no meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    cluster: Option<String>,
    topics: BTreeMap<String, Option<String>>,
}

impl Logs {
    /// Takes in what the cluster says of these topics. What was known and is not said again stays known.
    pub fn learn(&mut self, cluster: Option<String>, topics: impl IntoIterator<Item = (String, Option<String>)>) {
        self.cluster = cluster.or(self.cluster.take());
        for (name, id) in topics {
            let known = self.topics.entry(name).or_default();
            *known = id.or(known.take());
        }
    }

    /// Whether a topic is among those that the cluster was asked about.
    #[must_use]
    pub fn know(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// The log of a topic; `None` where it is not among them.
    #[must_use]
    pub fn of(&self, topic: &str) -> Option<LogId> {
        let topic = self.topics.get(topic)?.clone();
        Some(LogId { cluster: self.cluster.clone(), topic })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(cluster: Option<&str>, topic: Option<&str>) -> LogId {
        LogId { cluster: cluster.map(Into::into), topic: topic.map(Into::into) }
    }

    #[test]
    fn logs_differ_where_both_sides_say_so() {
        let ours = log(Some("c"), Some("t"));
        for (other, expected) in [
            (log(Some("c"), Some("t")), None),
            (log(None, None), None),
            (log(Some("c"), None), None),
            (log(None, Some("t")), None),
            (log(Some("d"), Some("t")), Some(Differs::Cluster)),
            (log(Some("d"), Some("u")), Some(Differs::Cluster)),
            (log(Some("c"), Some("u")), Some(Differs::Topic)),
            (log(None, Some("u")), Some(Differs::Topic)),
        ] {
            assert_eq!((ours.differs(&other), other.differs(&ours)), (expected, expected), "{other:?}");
        }
    }

    #[test]
    fn what_is_learned_is_kept_and_replaced_by_what_is_newer() {
        let mut logs = Logs::default();
        assert_eq!((logs.of("t"), logs.know("t")), (None, false));
        logs.learn(None, [("t".into(), None), ("u".into(), Some("1".into()))]);
        assert_eq!(logs.of("t"), Some(LogId::default()));
        logs.learn(Some("c".into()), [("u".into(), None)]);
        assert_eq!(logs.of("u"), Some(log(Some("c"), Some("1"))));
        logs.learn(None, [("u".into(), Some("2".into()))]);
        assert_eq!(logs.of("u"), Some(log(Some("c"), Some("2"))));
    }
}
