//! Whether topics with common keys have them in the same partitions.

use kreplay_model::audit::{CoPartitioning, MovedKey};

use crate::{label::text, topic::TopicAuditor};

/// The number of keys that are shown.
const MAX_EXAMPLES: usize = 5;
/// The number of topics that are compared, in pairs.
const MAX_TOPICS: usize = 10;

/// The pairs among the first topics that have followed keys in common.
pub fn compare(topics: &[TopicAuditor]) -> Vec<CoPartitioning> {
    let compared = &topics[..topics.len().min(MAX_TOPICS)];
    let pairs =
        compared.iter().enumerate().flat_map(|(at, one)| compared[at + 1..].iter().map(move |other| (one, other)));
    pairs.map(|(one, other)| pair(one, other)).filter(|result| result.compared_keys > 0).collect()
}

/// Keys that both topics follow are a uniform sample of their common keys: each follows its keys with the smallest
/// hashes.
fn pair(one: &TopicAuditor, other: &TopicAuditor) -> CoPartitioning {
    let (mut compared_keys, mut in_same_partitions, mut moved) = (0, 0, Vec::new());
    for (a, b) in one.keys().common(other.keys()) {
        let partitions = [a.partitions(), b.partitions()];
        compared_keys += 1;
        if partitions[0] == partitions[1] {
            in_same_partitions += 1;
        } else {
            moved.push((a.label.as_ref(), partitions));
        }
    }
    moved.sort();
    moved.truncate(MAX_EXAMPLES);
    let example = |(label, partitions): (&[u8], _)| MovedKey { key: text(label), partitions };
    CoPartitioning {
        topics: [one, other].map(|topic| topic.name().to_owned()),
        partitions: [one, other].map(TopicAuditor::partitions),
        compared_keys,
        in_same_partitions,
        examples: moved.into_iter().map(example).collect(),
    }
}
