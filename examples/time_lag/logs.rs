//! Logs whose records have chosen timestamps.

use chrono::Utc;
use kreplay_testkit::broker::Broker;
use kreplay_testkit::produce::{Ending, NewRecord};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Records of the transaction in the log with gaps.
const TRANSACTION_RECORDS: usize = 100;

/// How records arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ten records a second for an hour, until now.
    Steady,
    /// Six hours in which 500 records arrive within 50 ms, every five minutes.
    Bursty,
    /// An hour of records, and two hours without any.
    Idle,
    /// A day in which more and more records arrive: half of them in the last hour and a half.
    Backlogged,
    /// Minutes of records between hours without any; at the end a transaction, whose marker takes an offset.
    Gapped,
}

/// All kinds.
pub const KINDS: [Kind; 5] = [Kind::Steady, Kind::Bursty, Kind::Idle, Kind::Backlogged, Kind::Gapped];

/// The log of one partition.
pub struct Log {
    pub kind: Kind,
    pub topic: String,
    /// Offset and timestamp of each record, in order.
    records: Vec<(i64, i64)>,
    end: i64,
}

impl Log {
    /// Writes the records of a kind to a new topic.
    pub fn write(broker: &Broker, kind: Kind) -> Self {
        let topic = broker.topic_with("time-lag", 1, &[("retention.ms", "-1")]);
        let now = Utc::now().timestamp_millis();
        let record = |timestamp: &i64| NewRecord::keyed("key", "a value of some length").in_partition(0).at(*timestamp);
        let batch = |timestamps: &[i64]| timestamps.iter().map(record).collect::<Vec<_>>();
        let mut timestamps = timestamps(kind, now);
        let mut placed = broker.produce(&topic, &batch(&timestamps));
        if kind == Kind::Gapped {
            // Markers have the time of the broker's clock, so that a transaction of old records would not be in order.
            let last = [Utc::now().timestamp_millis(); TRANSACTION_RECORDS];
            placed.extend(broker.transaction(&topic, Ending::Commit, &batch(&last)));
            timestamps.extend(last);
        }
        let records = placed.iter().map(|placed| placed.offset).zip(timestamps).collect();
        let (_, end) = broker.watermarks(&topic, 0);
        Self { kind, topic, records, end }
    }

    /// The number of records.
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// The offset at a part of the log.
    pub fn offset_at(&self, part: f64) -> i64 {
        let end = f64::from(i32::try_from(self.end).unwrap_or(i32::MAX));
        #[expect(clippy::cast_possible_truncation, reason = "it is between 0 and the end")]
        let offset = (end * part).round() as i64;
        offset
    }

    /// The timestamp of the first record at or after an offset.
    pub fn timestamp_from(&self, offset: i64) -> Option<i64> {
        let index = self.records.partition_point(|(record, _)| *record < offset);
        self.records.get(index).map(|(_, timestamp)| *timestamp)
    }
}

/// The timestamps of the records of a kind, in order.
fn timestamps(kind: Kind, now: i64) -> Vec<i64> {
    match kind {
        Kind::Steady => (0..36_000).map(|number| now - HOUR_MS + number * 100).collect(),
        Kind::Bursty => {
            let burst = |start: i64| (0..500).map(move |number| start + number / 10);
            (0..72).flat_map(|number| burst(now - 6 * HOUR_MS + number * 5 * MINUTE_MS)).collect()
        }
        Kind::Idle => (0..20_000).map(|number| now - 3 * HOUR_MS + number * 180).collect(),
        // The time since a record is that of the record before, less a part of it.
        Kind::Backlogged => {
            let ages = std::iter::successors(Some(24 * HOUR_MS), |age| Some(age - (age / 7_000).max(1)));
            ages.take_while(|age| *age > SECOND_MS).map(|age| now - age).collect()
        }
        Kind::Gapped => {
            let hour = |start: i64| (0..2_000).map(move |number| start + number * 30);
            [20, 13, 12, 7, 3, 1].into_iter().flat_map(|hours| hour(now - hours * HOUR_MS)).collect()
        }
    }
}
