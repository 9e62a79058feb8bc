//! The identity of the logs that a run reads: it distinguishes a topic from another one of the same name.

use std::collections::BTreeMap;

/// The identity of a topic's log. A part that is `None` on either side is not compared (old brokers have no topic ids).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogId {
    /// The cluster's id.
    pub cluster: Option<String>,
    /// The topic's id, which lasts until the topic is deleted.
    pub topic: Option<String>,
}

/// How two logs of the same name differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    /// They are on two clusters.
    Cluster,
    /// The topic was deleted and created again.
    Topic,
}

impl LogId {
    /// How the two logs differ; `None` if nothing shows that they are different logs.
    #[must_use]
    pub fn differs(&self, other: &Self) -> Option<Differs> {
        let differ = |one: &Option<String>, other: &Option<String>| matches!((one, other), (Some(one), Some(other)) if one != other);
        if differ(&self.cluster, &other.cluster) {
            return Some(Differs::Cluster);
        }
        differ(&self.topic, &other.topic).then_some(Differs::Topic)
    }
}

/// The identities of the logs of a run's topics, as reported by the cluster. Empty if unknown or not applicable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    cluster: Option<String>,
    topics: BTreeMap<String, Option<String>>,
}

impl Logs {
    /// Records the ids that the cluster reported. An id that is `None` does not replace a known one.
    pub fn learn(&mut self, cluster: Option<String>, topics: impl IntoIterator<Item = (String, Option<String>)>) {
        self.cluster = cluster.or(self.cluster.take());
        for (name, id) in topics {
            let known = self.topics.entry(name).or_default();
            *known = id.or(known.take());
        }
    }

    /// Whether the cluster has been asked about a topic.
    #[must_use]
    pub fn know(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// The identity of a topic's log; `None` if the cluster has not been asked about the topic.
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
    fn logs_differ_only_in_parts_known_on_both_sides() {
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
    fn known_ids_are_kept_until_newer_ones_replace_them() {
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
