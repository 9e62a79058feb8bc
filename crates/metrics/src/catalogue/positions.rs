//! Metrics of the positions of a group: per topic, and per partition.

use crate::{
    Family, Kind,
    figure::{Figure, Read},
    position::Position,
    sample::Number,
};

/// The same metrics for topics and for partitions.
macro_rules! figures {
    ($name:ident, $base:literal, $labels:expr, $where:literal) => {
        pub(crate) fn $name<'a>() -> Vec<Figure<Position<'a>>> {
            vec![
                gauge(
                    concat!($base, "_lag"),
                    "offsets",
                    $labels,
                    concat!("Offsets between the committed offset and the end of the log", $where),
                    |it| it.lag.map(Number::Signed),
                ),
                gauge(
                    concat!($base, "_readable"),
                    "offsets",
                    $labels,
                    concat!("The part of the lag that a read_committed consumer can read now", $where),
                    |it| it.readable.map(Number::Count),
                ),
                gauge(
                    concat!($base, "_lost"),
                    "offsets",
                    $labels,
                    concat!("The part of the lag that was deleted before the group read it", $where),
                    |it| it.lost.map(Number::Count),
                ),
                gauge(
                    concat!($base, "_held_back"),
                    "offsets",
                    $labels,
                    concat!("The part of the lag behind an open transaction", $where),
                    |it| it.held_back.map(Number::Count),
                ),
                gauge(
                    concat!($base, "_ahead"),
                    "offsets",
                    $labels,
                    concat!("Offsets by which the committed offset is beyond the end of the log", $where),
                    |it| it.ahead.map(Number::Count),
                ),
                gauge(
                    concat!($base, "_age"),
                    "seconds",
                    $labels,
                    concat!("The age of the first unread record", $where),
                    |it| it.age_s.and_then(Number::real),
                ),
                gauge(
                    concat!($base, "_deadline"),
                    "seconds",
                    $labels,
                    concat!("Seconds until retention may delete the first unread record", $where),
                    |it| it.deadline_s.and_then(Number::real),
                ),
            ]
        }
    };
}

fn gauge<'a>(
    base: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    read: fn(&Position<'a>) -> Option<Number>,
) -> Figure<Position<'a>> {
    Figure { family: Family::new(Kind::Gauge, base, Some(unit), labels, help), read: Read::One(read) }
}

figures!(topic, "group_topic", &["group", "topic"], ", per topic");
figures!(partition, "group_partition", &["group", "topic", "partition"], ", per partition");
