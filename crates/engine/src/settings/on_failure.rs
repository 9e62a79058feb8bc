//! What happens to records that fail for good.

use std::{fmt, str::FromStr};

/// What happens to a record that fails for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The run fails; positions stay below the record.
    #[default]
    Fail,
    /// The record is skipped and counted.
    Skip,
    /// The run pauses. The record is retried when the run is resumed.
    Pause,
    /// The record is sent to a dead-letter topic. The position moves past it after the broker has acknowledged it.
    DeadLetter,
}

impl fmt::Display for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Pause => "pause",
            Self::DeadLetter => "dead-letter",
        })
    }
}

impl FromStr for OnFailure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fail" => Ok(Self::Fail),
            "skip" => Ok(Self::Skip),
            "pause" => Ok(Self::Pause),
            "dead-letter" => Ok(Self::DeadLetter),
            other => Err(format!("`{other}` is not a failure policy; use fail, skip, pause or dead-letter")),
        }
    }
}

/// The dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterSettings {
    /// The topic's name; `{topic}` is replaced by the record's topic.
    pub topic: String,
    /// Whether a missing topic is created, with as many partitions as the record's topic.
    pub create: bool,
}

impl Default for DeadLetterSettings {
    fn default() -> Self {
        Self { topic: "{topic}.dlq".into(), create: false }
    }
}

impl DeadLetterSettings {
    /// The dead-letter topic of a topic.
    #[must_use]
    pub fn topic_for(&self, topic: &str) -> String {
        self.topic.replace("{topic}", topic)
    }
}
