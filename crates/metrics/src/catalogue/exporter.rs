//! Metrics about the export itself.

use crate::{
    Family, Kind,
    figure::{Figure, Read},
    label::text,
    sample::Number,
};

/// Facts about one text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Export {
    pub(crate) series: u64,
    pub(crate) dropped: u64,
    /// When the last look at the groups was completed, in seconds since 1970; `None` if no groups are watched.
    pub(crate) looked_at_s: Option<f64>,
}

pub(crate) const FIGURES: &[Figure<Export>] = &[
    Figure {
        family: Family::new(Kind::Info, "build", None, &["version"], "The version of kreplay"),
        read: Read::Items(|_| vec![vec![text("version", env!("CARGO_PKG_VERSION"))]]),
    },
    Figure {
        family: Family::new(Kind::Gauge, "metrics_series", None, &[], "Series of runs and groups in this response"),
        read: Read::One(|export| Some(Number::Count(export.series))),
    },
    Figure {
        family: Family::new(
            Kind::Gauge,
            "metrics_dropped_series",
            None,
            &[],
            "Series left out because there would be more than the maximum",
        ),
        read: Read::One(|export| Some(Number::Count(export.dropped))),
    },
    Figure {
        family: Family::new(
            Kind::Gauge,
            "watch_timestamp",
            Some("seconds"),
            &[],
            "When the last observation of the groups was completed, in seconds since 1970",
        ),
        read: Read::One(|export| export.looked_at_s.and_then(Number::real)),
    },
];
