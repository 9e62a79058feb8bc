//! Key groups: a fixed number of groups that keys are hashed into, constant for a run.

/// The number of key groups: a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyGroups {
    bits: u32,
}

impl KeyGroups {
    /// 65,536 groups for up to 16 partitions, fewer for more, and at least 2,048. A handful of keys then seldom share a
    /// group, and a run holds at most about two million group states (about 80 MB) if every partition has every group.
    #[must_use]
    pub fn for_partitions(partitions: usize) -> Self {
        let doublings = partitions.max(1).next_power_of_two().ilog2();
        Self { bits: 20_u32.saturating_sub(doublings).clamp(11, 16) }
    }

    /// The number of groups.
    #[must_use]
    pub fn count(self) -> u32 {
        1 << self.bits
    }

    /// The group of a key, by the upper bits of its hash.
    #[must_use]
    pub fn of(self, key_hash: u64) -> u32 {
        u32::try_from(key_hash >> (64 - self.bits)).unwrap_or(0)
    }
}
