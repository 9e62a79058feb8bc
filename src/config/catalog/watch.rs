//! `[watch]`: how consumer groups are watched.

use super::{Kind, millis, minutes, table::settings};
use crate::{
    config::{
        limits,
        value::{store, text},
    },
    watch::{duration_text, parse_history},
};

const GROUPS: &str = "a list of names or patterns, such as billing-*";
const HISTORY: Kind = Kind::Text("a duration from 1m to 7d, such as 30m, 2h or 1d");

settings! { WATCH:
    /// The groups to watch, if the command names none.
    "watch.groups": List(GROUPS) => {
        |c, i| store(&mut c.watch.groups, limits::patterns(i)),
        |c| limits::show_topics(&c.watch.groups),
    };
    /// Time between two observations.
    "watch.interval": Duration(millis(500)..=minutes(60), "2s") => watch.interval;
    /// How much history from before the watch to read from `__consumer_offsets`, or "off".
    "watch.history": Either(&[HISTORY, Kind::Word(&["off"])]) => {
        |c, i| store(&mut c.watch.history, match i.text()? {
            "off" => Ok(None),
            given => parse_history(given).map(Some),
        }),
        |c| Some(c.watch.history.map_or_else(|| text(&"off"), |time| text(&duration_text(time)))),
    };
    /// Where at most 16 offsets are left, read them to tell records from transaction markers.
    "watch.count_last_records": Bool => watch.count_last_records;
    /// Number of rebalances within `flapping_window` after which a group counts as flapping.
    "watch.flapping_count": Integer(2..=20) => watch.flapping_count;
    /// Time window in which rebalances are counted towards `flapping_count`.
    "watch.flapping_window": Duration(minutes(1)..=minutes(60), "10m") => watch.flapping_window;
    /// Whether partitions of topics that a group no longer subscribes to count towards totals and verdicts.
    "watch.abandoned": Word(&["leave-out", "count"]) => watch.abandoned;
    /// Which client observes groups. "auto" uses librdkafka where kreplay's own cannot be used.
    "watch.client": Word(&["auto", "wire", "librdkafka"]) => watch.client;
    /// Maximum number of requests per second to each broker.
    "watch.requests_per_second": Integer(1..=1000) => watch.requests_per_second;
}
