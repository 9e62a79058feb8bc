//! What a metric is: its name, its kind, its labels and its meaning.

use prometheus_client::metrics::MetricType;

use crate::Prefix;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A figure that rises and falls.
    Gauge,
    /// A count that only rises, until what it counts begins anew.
    Counter,
    /// A histogram with fixed bounds.
    Histogram,
    /// Labels with the value 1.
    Info,
}

impl Kind {
    /// The word in the text formats.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    pub(crate) fn metric_type(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::Gauge,
            Self::Counter => MetricType::Counter,
            Self::Histogram => MetricType::Histogram,
            Self::Info => MetricType::Info,
        }
    }
}

/// A metric: all series with one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name without prefix, unit and ending.
    pub(crate) base: &'static str,
    /// The unit, which is part of the name.
    pub(crate) unit: Option<&'static str>,
    /// Whether the name begins with the prefix; those of other exporters do not.
    pub(crate) has_prefix: bool,
    /// The kind.
    pub kind: Kind,
    /// The names of its labels. A figure of a run has those of the level that is exported.
    pub labels: &'static [&'static str],
    /// Its meaning, in a sentence without a final full stop.
    pub help: &'static str,
}

impl Family {
    pub(crate) const fn new(
        kind: Kind,
        base: &'static str,
        unit: Option<&'static str>,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { base, unit, has_prefix: true, kind, labels, help }
    }

    /// The same metric without the prefix.
    pub(crate) const fn without_prefix(self) -> Self {
        Self { has_prefix: false, ..self }
    }

    /// The name with the prefix, without unit and ending.
    pub(crate) fn prefixed(&self, prefix: &Prefix) -> String {
        if self.has_prefix { format!("{prefix}{}", self.base) } else { self.base.to_owned() }
    }

    /// The name that its series have. The series of a histogram have `_bucket`, `_sum` or `_count` after it.
    #[must_use]
    pub fn name(&self, prefix: &Prefix) -> String {
        let unit = self.unit.map(|unit| format!("_{unit}")).unwrap_or_default();
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{ending}", self.prefixed(prefix))
    }
}
