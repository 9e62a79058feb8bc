//! Names of other exporters.

use std::{fmt, str::FromStr};

/// The names of another exporter, so that dashboards and rules made for it work unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KnownNames {
    /// Only those of kreplay.
    #[default]
    None,
    /// Those of `kafka_exporter`: <https://github.com/danielqsj/kafka_exporter>.
    KafkaExporter,
    /// Those of Kafka Lag Exporter: <https://github.com/seglo/kafka-lag-exporter>.
    KafkaLagExporter,
}

impl KnownNames {
    /// All values.
    pub const ALL: [Self; 3] = [Self::None, Self::KafkaExporter, Self::KafkaLagExporter];
}

impl fmt::Display for KnownNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::KafkaExporter => "kafka_exporter",
            Self::KafkaLagExporter => "kafka_lag_exporter",
        })
    }
}

impl FromStr for KnownNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|names| names.to_string() == text);
        found.ok_or_else(|| format!("`{text}` is not the name of a known exporter"))
    }
}
