//! The names and labels of Kafka Lag Exporter, from the section "Metrics" of
//! <https://github.com/seglo/kafka-lag-exporter>. The label `is_simple_consumer` is left out: a watch does not know it.

use kreplay_model::watch::GroupView;

use super::log::LogBounds;
use crate::{
    Family, Kind,
    figure::{Figure, Read},
    position::Position,
    sample::Number,
};

const fn family(base: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family::new(Kind::Gauge, base, None, labels, help).without_prefix()
}

const GROUP_LABELS: &[&str] = &["cluster_name", "group"];

pub(crate) const GROUP: &[Figure<GroupView>] = &[
    Figure {
        family: family("kafka_consumergroup_group_max_lag", GROUP_LABELS, "The largest lag of a partition of a group"),
        read: Read::One(|group| group.lag.max.map(Number::Signed)),
    },
    Figure {
        family: family(
            "kafka_consumergroup_group_max_lag_seconds",
            GROUP_LABELS,
            "The age of the oldest unread record of a group",
        ),
        read: Read::One(|group| group.age_s.and_then(|age| Number::real(age.value))),
    },
    Figure {
        family: family("kafka_consumergroup_group_sum_lag", GROUP_LABELS, "The lag of a group"),
        read: Read::One(|group| group.lag.total.map(Number::Signed)),
    },
];

pub(crate) fn topic<'a>() -> Vec<Figure<Position<'a>>> {
    vec![Figure {
        family: family(
            "kafka_consumergroup_group_topic_sum_lag",
            &["cluster_name", "group", "topic"],
            "The lag of a group in a topic",
        ),
        read: Read::One(|it| it.lag.map(Number::Signed)),
    }]
}

const PARTITION_LABELS: &[&str] =
    &["cluster_name", "group", "topic", "partition", "member_host", "consumer_id", "client_id"];

pub(crate) fn partition<'a>() -> Vec<Figure<Position<'a>>> {
    vec![
        Figure {
            family: family(
                "kafka_consumergroup_group_offset",
                PARTITION_LABELS,
                "The committed offset of a group in a partition",
            ),
            read: Read::One(|it| it.committed.map(Number::Signed)),
        },
        Figure {
            family: family("kafka_consumergroup_group_lag", PARTITION_LABELS, "The lag of a group in a partition"),
            read: Read::One(|it| it.lag.map(Number::Signed)),
        },
        Figure {
            family: family(
                "kafka_consumergroup_group_lag_seconds",
                PARTITION_LABELS,
                "The age of the first unread record of a group in a partition",
            ),
            read: Read::One(|it| it.age_s.and_then(Number::real)),
        },
    ]
}

const LOG_LABELS: &[&str] = &["cluster_name", "topic", "partition"];

pub(crate) const LOG: &[Figure<LogBounds>] = &[
    Figure {
        family: family("kafka_partition_latest_offset", LOG_LABELS, "The end of a partition"),
        read: Read::One(|log| log.end.map(Number::Signed)),
    },
    Figure {
        family: family("kafka_partition_earliest_offset", LOG_LABELS, "The start of a partition"),
        read: Read::One(|log| log.start.map(Number::Signed)),
    },
];
