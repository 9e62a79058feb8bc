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
    /// Time between two looks.
    "watch.interval": Duration(millis(500)..=minutes(60), "2s") => watch.interval;
    /// How much of the time before the watch is read from the topic of committed offsets, or "off".
    "watch.history": Either(&[HISTORY, Kind::Word(&["off"])]) => {
        |c, i| store(&mut c.watch.history, match i.text()? {
            "off" => Ok(None),
            given => parse_history(given).map(Some),
        }),
        |c| Some(c.watch.history.map_or_else(|| text(&"off"), |time| text(&duration_text(time)))),
    };
    /// Read committed records where at most 16 offsets are left, to know whether they are records.
    "watch.count_last_records": Bool => watch.count_last_records;
    /// Number of rebalances within `flapping_window` that makes a group flapping.
    "watch.flapping_count": Integer(2..=20) => watch.flapping_count;
    /// The time in which these rebalances are counted.
    "watch.flapping_window": Duration(minutes(1)..=minutes(60), "10m") => watch.flapping_window;
    /// Whether partitions of topics that a group has left count in totals and verdicts.
    "watch.abandoned": Word(&["leave-out", "count"]) => watch.abandoned;
    /// Which client looks at groups. "auto" is librdkafka where kreplay's own cannot be used.
    "watch.client": Word(&["auto", "wire", "librdkafka"]) => watch.client;
    /// Maximum number of requests per second to each broker.
    "watch.requests_per_second": Integer(1..=1000) => watch.requests_per_second;
}
