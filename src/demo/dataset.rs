//! How many datasets, how many events, and who gets how many.

use serde::{Deserialize, Serialize};

use super::Skew;
use crate::domain::{DatasetCount, EventCount, PartitionCount};

/// The demo's data. Equal values make equal records, byte for byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Datasets {
    /// How many datasets, each with a topic of its own: 1 to 1000.
    pub count: DatasetCount,
    /// How many events all datasets have together: 0 to 10,000,000.
    pub events: EventCount,
    /// How the events are spread over the datasets.
    pub skew: Skew,
    /// How many partitions each topic has: 1 to 100. The key is the dataset, so one of them is filled.
    pub partitions: PartitionCount,
    /// What the contents of the events are drawn from.
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

    /// How many events each dataset has, the first dataset first; together exactly [`events`](Self::events).
    #[must_use]
    pub fn split(&self) -> Vec<u64> {
        self.skew.split(u64::from(self.events.get()), self.count.as_usize())
    }
}
