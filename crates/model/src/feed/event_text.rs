//! One line for each event, for the event log.

use std::fmt;

use super::{ClampReason, EventKind, Expiry, RangeSide, epoch::as_time};
use crate::domain::{
    TopicPartition,
    number::{by_count, counted, number_of_times, seconds},
};

/// The first partitions by name, and the number of the others.
struct PartitionList<'a>(&'a [TopicPartition]);

impl fmt::Display for PartitionList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_SHOWN: usize = 4;
        for (index, partition) in self.0.iter().take(MAX_SHOWN).enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{partition}")?;
        }
        match self.0.len() {
            0 => f.write_str("nothing"),
            n if n > MAX_SHOWN => write!(f, " and {} more", n - MAX_SHOWN),
            _ => Ok(()),
        }
    }
}

/// One line for the event log.
impl fmt::Display for EventKind {
    #[allow(clippy::too_many_lines, reason = "one sentence for each kind")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned { topics, partitions, records } => {
                let (partitions, topics) = (counted(*partitions, "partition"), counted(*topics, "topic"));
                write!(f, "planned: {} in {partitions} of {topics}", counted(*records, "record"))
            }
            Self::Clamped { partition, side, asked, used, why, more } => {
                write!(f, "{partition}")?;
                if *more > 0 {
                    write!(f, " and {more} more")?;
                }
                let side = match side {
                    RangeSide::From => "from",
                    RangeSide::To => "to",
                };
                // With several partitions, the offsets differ.
                let place = |which: &str| if *more > 0 { which.to_owned() } else { format!("{which}, {used}") };
                match why {
                    ClampReason::BelowStart => {
                        write!(
                            f,
                            ": {side} {asked} is at or below the log's start; reading {side} {}",
                            place("its start")
                        )
                    }
                    ClampReason::AboveEnd => {
                        write!(f, ": {side} {asked} is above the log's end; reading {side} {}", place("its end"))?;
                        match as_time(asked) {
                            Some(time) => write!(f, ". {asked} was read as an offset; to give a time, use {time}"),
                            None => Ok(()),
                        }
                    }
                    ClampReason::NothingCommitted => {
                        write!(f, ": {side} {asked}: no committed offset; reading {side} {}", place("the log's start"))
                    }
                    ClampReason::Empty => {
                        write!(f, ": to {asked} is below {}; nothing is read", place("the first offset"))
                    }
                }
            }
            Self::Started { run_id, concurrency } => write!(f, "run {run_id} started, concurrency {concurrency}"),
            Self::Finished { run_id, state, elapsed_s } => {
                write!(f, "run {run_id} {state} after {}", seconds(*elapsed_s))
            }
            Self::Assigned { member, partitions } => write!(f, "assigned to {member}: {}", PartitionList(partitions)),
            Self::Revoked { member, partitions } => write!(f, "revoked from {member}: {}", PartitionList(partitions)),
            Self::Lost { member, partitions } => write!(f, "lost by {member}: {}", PartitionList(partitions)),
            Self::RebalanceStarted { .. } => f.write_str("rebalance started"),
            Self::RebalanceFinished { duration_ms, moved, .. } => {
                write!(f, "rebalance finished in {duration_ms} ms, {moved} moved")
            }
            Self::ConcurrencyChanged { from, to, reason: None } => write!(f, "concurrency {from} to {to}"),
            Self::ConcurrencyChanged { from, to, reason: Some(reason) } => {
                write!(f, "concurrency {from} to {to}: {reason}")
            }
            Self::Paused => f.write_str("paused"),
            Self::Resumed => f.write_str("resumed"),
            Self::CancelRequested => f.write_str("stop requested, finishing records in flight"),
            Self::Retried(failure) => write!(
                f,
                "{} at {} failed (attempt {}), retrying: {}",
                failure.partition, failure.offset, failure.attempt, failure.error
            ),
            Self::Skipped(failure) => write!(
                f,
                "{} at {} skipped after {}: {}",
                failure.partition,
                failure.offset,
                counted(failure.attempt, "attempt"),
                failure.error
            ),
            Self::TopicAdded { topic, partitions } => {
                write!(f, "topic {topic} added, {}", counted(*partitions, "partition"))
            }
            Self::PartitionsAdded { topic, added, joined: true } => {
                write!(f, "topic {topic}: {} added", counted(*added, "partition"))
            }
            Self::PartitionsAdded { topic, added, joined: false } => {
                write!(
                    f,
                    "topic {topic} has {} that this run does not read; start another run for {}",
                    counted(*added, "new partition"),
                    by_count(*added, "it", "them")
                )
            }
            Self::Expired { partition, first, end, outcome } => {
                write!(f, "{partition}: offsets {first}..{end} were deleted by retention before they were read; ")?;
                f.write_str(match outcome {
                    Expiry::GapSkipped => "continuing after the gap",
                    Expiry::Paused => {
                        "the run is paused; resume to check again (--on-retention earliest continues after the gap)"
                    }
                })
            }
            Self::DeadLettered { topic, failure } => write!(
                f,
                "{} at {} dead-lettered to {topic} after {}: {}",
                failure.partition,
                failure.offset,
                counted(failure.attempt, "attempt"),
                failure.error
            ),
            Self::Quarantined { key, failure } => write!(
                f,
                "key {key} in quarantine: {} at {} failed {}; last error: {}",
                failure.partition,
                failure.offset,
                number_of_times(failure.attempt),
                failure.error
            ),
            Self::Notice { text } | Self::Warning { text } | Self::Error { text } => f.write_str(text),
        }
    }
}
