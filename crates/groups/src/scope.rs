//! Which partitions a change concerns, and the record to skip, as text.

use std::str::FromStr;

use kreplay_model::domain::{Offset, TopicPartition};

/// Which partitions a reset concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All partitions for which the group has committed offsets.
    AllTopics,
    /// These topics, or some of their partitions.
    Topics(Vec<TopicScope>),
}

/// A topic, or some of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicScope {
    /// The topic's name.
    pub topic: String,
    /// The partitions; empty for all.
    pub partitions: Vec<i32>,
}

impl TopicScope {
    /// Parses a list of topics in the form of Kafka's tool, `orders` or `orders:0,1`, separated by commas.
    ///
    /// # Errors
    /// One sentence that shows the valid forms.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let mut scopes: Vec<Self> = Vec::new();
        // Whether a number belongs to the topic before it: only after its first partition.
        let mut has_partitions = false;
        for item in text.split(',') {
            if has_partitions && is_number(item) {
                if let Some(last) = scopes.last_mut() {
                    last.partitions.push(number(item)?);
                }
                continue;
            }
            let (topic, partition) = item.split_once(':').map_or((item, None), |(topic, first)| (topic, Some(first)));
            if topic.is_empty() {
                return Err(format!("`{text}` has an empty topic name; use TOPIC or TOPIC:0,1"));
            }
            has_partitions = partition.is_some();
            let partitions = partition.map(number).transpose()?.into_iter().collect();
            scopes.push(Self { topic: topic.to_owned(), partitions });
        }
        Ok(scopes)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str) -> Result<i32, String> {
    let parsed = if is_number(text) { text.parse().ok() } else { None };
    parsed.ok_or_else(|| format!("`{text}` is not the number of a partition; use numbers, as in TOPIC:0,1"))
}

/// A record to skip: a partition, and the offset that is committed for it. If there is no record at that offset, the
/// offset of the next one is accepted as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedRecord {
    /// The partition.
    pub id: TopicPartition,
    /// The committed offset, or that of the record.
    pub offset: Offset,
}

impl FromStr for SkippedRecord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not of the form TOPIC-PARTITION@OFFSET, such as orders-3@1205");
        let (partition, offset) = text.rsplit_once('@').ok_or_else(wrong)?;
        // A topic's name may contain dashes.
        let (topic, partition) = partition.rsplit_once('-').filter(|(topic, _)| !topic.is_empty()).ok_or_else(wrong)?;
        let offset = if is_number(offset) { offset.parse().ok().and_then(Offset::new) } else { None };
        let partition = number(partition).map_err(|_| wrong())?;
        Ok(Self { id: TopicPartition::new(topic, partition), offset: offset.ok_or_else(wrong)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(topic: &str, partitions: &[i32]) -> TopicScope {
        TopicScope { topic: topic.to_owned(), partitions: partitions.to_vec() }
    }

    #[test]
    fn topics_and_partitions_are_separated_by_commas() {
        for (text, expected) in [
            ("a", vec![scope("a", &[])]),
            ("a:0,12", vec![scope("a", &[0, 12])]),
            ("a:0,1,b,c:2", vec![scope("a", &[0, 1]), scope("b", &[]), scope("c", &[2])]),
            ("a,7", vec![scope("a", &[]), scope("7", &[])]),
        ] {
            assert_eq!(TopicScope::parse_list(text).unwrap(), expected, "{text}");
        }
        for wrong in ["", "a,", ":1", "a:", "a:x", "a:-1", "a:99999999999", "a:1,,b"] {
            assert!(TopicScope::parse_list(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_record_is_written_as_topic_partition_and_offset() {
        let record: SkippedRecord = "room-events-3@1205".parse().unwrap();
        assert_eq!((record.id.to_string().as_str(), record.offset.get()), ("room-events-3", 1205));
        for wrong in ["room-3", "3@5", "-3@5", "room-x@5", "room-3@", "room-3@-5", "room-3@x", "room-+3@5"] {
            assert!(wrong.parse::<SkippedRecord>().is_err(), "{wrong}");
        }
    }
}
