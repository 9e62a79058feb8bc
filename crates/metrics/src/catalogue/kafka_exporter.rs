//! The names and labels of `kafka_exporter`, from the section "Metrics" of
//! <https://github.com/danielqsj/kafka_exporter>. What needs other requests than those of a watch is left out: brokers,
//! replicas, and topics that no watched group reads.

use kreplay_model::watch::GroupView;

use super::{group::member_count, log::LogBounds};
use crate::{
    Family, Kind,
    figure::{Figure, Read},
    position::Position,
    sample::Number,
};

const fn family(base: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family::new(Kind::Gauge, base, None, labels, help).without_prefix()
}

pub(crate) const GROUP: &[Figure<GroupView>] = &[Figure {
    family: family("kafka_consumergroup_members", &["consumergroup"], "Members of a group"),
    read: Read::One(member_count),
}];

const TOPIC_LABELS: &[&str] = &["consumergroup", "topic"];

pub(crate) fn topic<'a>() -> Vec<Figure<Position<'a>>> {
    vec![
        Figure {
            family: family(
                "kafka_consumergroup_current_offset_sum",
                TOPIC_LABELS,
                "The sum of the committed offsets of a group in a topic",
            ),
            read: Read::One(|it| it.committed.map(Number::Signed)),
        },
        Figure {
            family: family("kafka_consumergroup_lag_sum", TOPIC_LABELS, "The lag of a group in a topic"),
            read: Read::One(|it| it.lag.map(Number::Signed)),
        },
    ]
}

const PARTITION_LABELS: &[&str] = &["consumergroup", "topic", "partition"];

pub(crate) fn partition<'a>() -> Vec<Figure<Position<'a>>> {
    vec![
        Figure {
            family: family(
                "kafka_consumergroup_current_offset",
                PARTITION_LABELS,
                "The committed offset of a group in a partition",
            ),
            read: Read::One(|it| it.committed.map(Number::Signed)),
        },
        Figure {
            family: family("kafka_consumergroup_lag", PARTITION_LABELS, "The lag of a group in a partition"),
            read: Read::One(|it| it.lag.map(Number::Signed)),
        },
    ]
}

pub(crate) const LOG: &[Figure<LogBounds>] = &[
    Figure {
        family: family("kafka_topic_partition_current_offset", &["topic", "partition"], "The end of a partition"),
        read: Read::One(|log| log.end.map(Number::Signed)),
    },
    Figure {
        family: family("kafka_topic_partition_oldest_offset", &["topic", "partition"], "The start of a partition"),
        read: Read::One(|log| log.start.map(Number::Signed)),
    },
];
