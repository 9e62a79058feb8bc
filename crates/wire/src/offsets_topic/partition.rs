//! Which partition a group is in.

use kreplay_model::domain::PartitionId;

/// The name of the topic.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The partition of a group, in a topic with this many partitions; `None` without partitions. Kafka takes the absolute
/// value of Java's `String.hashCode`, modulo the number of partitions (`Utils.abs`, which maps the smallest integer
/// to 0).
#[must_use]
pub fn partition_of(group: &str, partitions: u32) -> Option<PartitionId> {
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let positive = hash.checked_abs().unwrap_or(0).unsigned_abs();
    i32::try_from(positive.checked_rem(partitions)?).ok().map(PartitionId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        let of = |group: &str| partition_of(group, 50).map(|partition| partition.0);
        // "console-consumer".hashCode() is -648006740, "".hashCode() is 0, and that of the third text is -2^31.
        let found = (of("console-consumer"), of(""), of("polygenelubricants"));
        assert_eq!(found, (Some(648_006_740 % 50), Some(0), Some(0)));
        assert_eq!(partition_of("g", 0), None);
        // Characters beyond the basic plane count as two units of UTF-16.
        assert_eq!(of("\u{1F600}"), Some((0xd83d * 31 + 0xde00) % 50));
    }
}
