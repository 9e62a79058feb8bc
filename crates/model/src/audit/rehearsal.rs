//! What another number of partitions, or another key, would do to the records that were read.

use serde::{Deserialize, Serialize};

use super::{Bounds, Partitioner, Unevenness};

/// The records that were read, distributed with another number of partitions or another key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The template of the other key; `None` for the records' own keys.
    pub key_template: Option<String>,
    /// The number of partitions.
    pub partitions: i32,
    /// The partitioner.
    pub partitioner: Partitioner,
    /// Whether the partitioner is an assumption, because the topic's own is not known.
    pub assumed: bool,
    /// The records of each partition.
    pub loads: Vec<u64>,
    /// Records without a key, which are not in `loads`: their partition does not depend on a key.
    pub keyless: u64,
    /// How uneven `loads` are.
    pub unevenness: Unevenness,
    /// The share of the keyed records that would be in another partition than now.
    pub moved: f64,
    /// The records of the key with the most records.
    pub heaviest_key: Bounds,
    /// How many times faster than one consumer any number of them can be, if each partition is read in order.
    pub speed_up_by_partition: f64,
    /// The same if only each key is kept in order; a lower bound.
    pub speed_up_by_key: f64,
}
