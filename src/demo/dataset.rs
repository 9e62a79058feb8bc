//! The size of the demo's data, and how events are distributed.

use kreplay_model::domain::{DatasetCount, EventCount, PartitionCount};
use serde::{Deserialize, Serialize};

use super::Skew;

/// Parameters of the demo's data. Equal values produce identical records, byte for byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Datasets {
    /// The number of datasets, each with its own topic: 1 to 1000.
    pub count: DatasetCount,
    /// The total number of events: 0 to 10,000,000.
    pub events: EventCount,
    /// How the events are distributed over the datasets.
    pub skew: Skew,
    /// The number of partitions of each topic: 1 to 100. The key is the dataset, so only one partition gets records.
    pub partitions: PartitionCount,
    /// Seed of the random contents.
    pub seed: u64,
}

impl Datasets {
    /// The key of dataset `number`, counted from 1.
    #[must_use]
    pub fn key(number: usize) -> String {
        format!("dataset{number}")
    }

    /// The topic of dataset `number`, counted from 1.
    #[must_use]
    pub fn topic(number: usize) -> String {
        format!("vc.dataset{number}.events")
    }

    /// The number of events of each dataset, in order; the sum is exactly [`events`](Self::events).
    #[must_use]
    pub fn split(&self) -> Vec<u64> {
        self.skew.split(u64::from(self.events.get()), self.count.as_usize())
    }
}
