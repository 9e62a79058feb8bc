//! From snapshots to text.

use std::{collections::BTreeMap, sync::Arc};

use kreplay_model::{
    feed::{EventCounts, PartitionView, RunView, Snapshot},
    watch::{GroupView, OwnerView, WatchSnapshot},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, prometheus_text, text as openmetrics_text},
    registry::Registry,
};

use crate::{
    KnownNames, Level, MetricsOptions,
    catalogue::{
        exporter::{self, Export},
        group::{self, host, seconds},
        kafka_exporter, kafka_lag_exporter,
        log::{LogBounds, bounds},
        positions,
        run::{self, Handled},
        session,
    },
    exposition::write,
    figure::{Figure, Subject},
    label::{Label, number, text},
    plan::{Depth, Plan, SeriesByDepth, plan},
    position::{Position, of_partitions, of_topics},
};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4:
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
    Prometheus,
    /// OpenMetrics 1.0.0: <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
    OpenMetrics,
}

impl Format {
    /// The value of the header `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The latest snapshots.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Of a session; `None` if there is none.
    pub session: Option<Arc<Snapshot>>,
    /// How many events the session has had; `None` if there is none.
    pub events: Option<EventCounts>,
    /// Of the watched groups; `None` if none are watched, or before the first look.
    pub groups: Option<Arc<WatchSnapshot>>,
}

impl Observed {
    /// Whether both are of the same snapshots, so that their texts are the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        fn same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
            match (one, other) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (one, other) => one.is_none() && other.is_none(),
            }
        }
        same(self.session.as_ref(), other.session.as_ref())
            && same(self.groups.as_ref(), other.groups.as_ref())
            && self.events == other.events
    }
}

/// A text could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metrics cannot be encoded")]
pub struct EncodeError;

impl From<std::fmt::Error> for EncodeError {
    fn from(_: std::fmt::Error) -> Self {
        Self
    }
}

/// Writes everything that is known in the snapshots.
///
/// # Errors
/// [`EncodeError`] if a value cannot be written, which no snapshot causes.
pub fn encode(format: Format, observed: Observed, options: &MetricsOptions) -> Result<String, EncodeError> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { observed, options: options.clone() }));
    let mut out = String::new();
    match format {
        Format::Prometheus => prometheus_text::encode(&mut out, &registry)?,
        Format::OpenMetrics => openmetrics_text::encode(&mut out, &registry)?,
    }
    Ok(out)
}

/// One text to write.
#[derive(Debug)]
struct Scrape {
    observed: Observed,
    options: MetricsOptions,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let run = self.observed.session.as_ref().and_then(|snapshot| snapshot.run.as_ref());
        let groups = self.observed.groups.as_deref();
        let run_details = run.map(|run| RunDetails::of(run, self.options.level.unwrap_or(Level::Partition)));
        let level = self.options.level.unwrap_or(Level::Group);
        let group_details: Vec<GroupDetails<'_>> =
            groups.iter().flat_map(|snapshot| &snapshot.groups).map(|group| GroupDetails::of(group, level)).collect();
        let catalogue = Catalogue::with(self.options.names);
        let series: Vec<SeriesByDepth> = run_details
            .iter()
            .map(RunDetails::series)
            .chain(group_details.iter().map(|group| catalogue.series(group)))
            .collect();
        let Plan { depths, series, dropped } = plan(&series, u64::from(self.options.max_series));
        let export =
            Export { series, dropped, looked_at_s: groups.map(|snapshot| seconds(snapshot.at.timestamp_millis())) };
        let export = [Subject { labels: Vec::new(), of: &export, is_brief: false }];
        let prefix = &self.options.prefix;
        write(&mut encoder, prefix, exporter::FIGURES, &export)?;
        // A few series, whatever the runs are, so they are not part of the plan.
        let of_session = self.observed.session.as_deref();
        let of_session: Vec<Subject<'_, Snapshot>> =
            of_session.into_iter().map(|of| Subject { labels: Vec::new(), of, is_brief: false }).collect();
        write(&mut encoder, prefix, session::FIGURES, &of_session)?;
        let events: Vec<Subject<'_, EventCounts>> =
            self.observed.events.iter().map(|of| Subject { labels: Vec::new(), of, is_brief: false }).collect();
        write(&mut encoder, prefix, session::EVENTS, &events)?;
        let (run_depths, group_depths) = depths.split_at(usize::from(run_details.is_some()).min(depths.len()));
        if let (Some(details), Some(depth)) = (&run_details, run_depths.first()) {
            details.write(&mut encoder, &self.options, *depth)?;
        }
        let cluster = groups.map(|snapshot| snapshot.cluster.as_str()).unwrap_or_default();
        catalogue.write(&mut encoder, &self.options, cluster, &group_details, group_depths)
    }
}

/// A run, and what it has done at each level.
struct RunDetails<'a> {
    run: &'a RunView,
    level: Level,
    all: Handled,
    topics: BTreeMap<&'a str, Handled>,
    partitions: Vec<(&'a PartitionView, Handled)>,
}

impl<'a> RunDetails<'a> {
    fn of(run: &'a RunView, level: Level) -> Self {
        let mut topics: BTreeMap<&str, Vec<&PartitionView>> = BTreeMap::new();
        if level >= Level::Topic {
            for partition in &run.partitions {
                topics.entry(&*partition.id.topic).or_default().push(partition);
            }
        }
        let partitions = run.partitions.iter().filter(|_| level == Level::Partition);
        Self {
            run,
            level,
            all: Handled::over(&run.partitions),
            topics: topics.into_iter().map(|(topic, rows)| (topic, Handled::over(rows))).collect(),
            partitions: partitions.map(|partition| (partition, Handled::over([partition]))).collect(),
        }
    }

    /// The number of series at each depth. A finer depth replaces the sums of a coarser one.
    fn series(&self) -> SeriesByDepth {
        let run: u64 = run::RUN.iter().map(|figure| figure.series(self.run, false)).sum();
        let of = |handled: &Handled| -> u64 { run::POSITIONS.iter().map(|figure| figure.series(handled, false)).sum() };
        let mut series = vec![0, run, run + of(&self.all)];
        if self.level >= Level::Topic {
            series.push(run + self.topics.values().map(of).sum::<u64>());
        }
        if self.level == Level::Partition {
            series.push(run + self.partitions.iter().map(|(_, handled)| of(handled)).sum::<u64>());
        }
        series
    }

    fn write(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        options: &MetricsOptions,
        depth: Depth,
    ) -> Result<(), std::fmt::Error> {
        if depth == Depth::Nothing {
            return Ok(());
        }
        let subject = [Subject { labels: Vec::new(), of: self.run, is_brief: false }];
        write(encoder, &options.prefix, run::RUN, &subject)?;
        let handled: Vec<Subject<'_, Handled>> = match depth {
            Depth::Nothing | Depth::Brief => Vec::new(),
            Depth::Group => vec![Subject { labels: Vec::new(), of: &self.all, is_brief: false }],
            Depth::Topic => self
                .topics
                .iter()
                .map(|(topic, of)| Subject { labels: vec![text("topic", topic)], of, is_brief: false })
                .collect(),
            Depth::Partition => self
                .partitions
                .iter()
                .map(|(partition, of)| Subject {
                    labels: vec![text("topic", &partition.id.topic), number("partition", partition.id.partition.0)],
                    of,
                    is_brief: false,
                })
                .collect(),
        };
        write(encoder, &options.prefix, run::POSITIONS, &handled)
    }
}

/// A group, and its positions at each level.
struct GroupDetails<'a> {
    group: &'a GroupView,
    level: Level,
    topics: Vec<Position<'a>>,
    partitions: Vec<Position<'a>>,
}

impl<'a> GroupDetails<'a> {
    fn of(group: &'a GroupView, level: Level) -> Self {
        let partitions = if level >= Level::Topic { of_partitions(group) } else { Vec::new() };
        let topics = of_topics(&partitions);
        Self { group, level, topics, partitions }
    }
}

/// The metrics of groups with the names that are exported.
struct Catalogue<'a> {
    names: KnownNames,
    groups: Vec<&'static [Figure<GroupView>]>,
    topics: Vec<Vec<Figure<Position<'a>>>>,
    partitions: Vec<Vec<Figure<Position<'a>>>>,
    logs: &'static [Figure<LogBounds>],
}

impl<'a> Catalogue<'a> {
    fn with(names: KnownNames) -> Self {
        let mut own = Self {
            names,
            groups: vec![group::FIGURES],
            topics: vec![positions::topic()],
            partitions: vec![positions::partition()],
            logs: &[],
        };
        match names {
            KnownNames::None => {}
            KnownNames::KafkaExporter => {
                own.groups.push(kafka_exporter::GROUP);
                own.topics.push(kafka_exporter::topic());
                own.partitions.push(kafka_exporter::partition());
                own.logs = kafka_exporter::LOG;
            }
            KnownNames::KafkaLagExporter => {
                own.groups.push(kafka_lag_exporter::GROUP);
                own.topics.push(kafka_lag_exporter::topic());
                own.partitions.push(kafka_lag_exporter::partition());
                own.logs = kafka_lag_exporter::LOG;
            }
        }
        own
    }

    /// The number of series of a group at each depth. Bounds of a log are counted once for each group that reads it.
    fn series(&self, details: &GroupDetails<'a>) -> SeriesByDepth {
        let of_group = |is_brief| -> u64 {
            self.groups.iter().copied().flatten().map(|figure| figure.series(details.group, is_brief)).sum()
        };
        let of = |tables: &[Vec<Figure<Position<'a>>>], positions: &[Position<'a>]| -> u64 {
            let figures = || tables.iter().flatten();
            positions.iter().flat_map(|position| figures().map(|figure| figure.series(position, false))).sum()
        };
        let group = of_group(false);
        let mut series = vec![0, of_group(true), group];
        let topics = group + of(&self.topics, &details.topics);
        if details.level >= Level::Topic {
            series.push(topics);
        }
        if details.level == Level::Partition {
            let logs = (details.partitions.len() * self.logs.len()) as u64;
            series.push(topics + logs + of(&self.partitions, &details.partitions));
        }
        series
    }

    fn write(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        options: &MetricsOptions,
        cluster: &str,
        groups: &[GroupDetails<'a>],
        depths: &[Depth],
    ) -> Result<(), std::fmt::Error> {
        let at_least = |depth: Depth| groups.iter().zip(depths).filter(move |(_, chosen)| **chosen >= depth);
        for (is_known, figures) in self.groups.iter().enumerate() {
            let subjects: Vec<Subject<'_, GroupView>> = at_least(Depth::Brief)
                .map(|(details, depth)| Subject {
                    labels: self.labels(is_known > 0, cluster, &details.group.group, None),
                    of: details.group,
                    is_brief: *depth == Depth::Brief,
                })
                .collect();
            write(encoder, &options.prefix, figures, &subjects)?;
        }
        for (depth, tables) in [(Depth::Topic, &self.topics), (Depth::Partition, &self.partitions)] {
            for (is_known, figures) in tables.iter().enumerate() {
                let subjects: Vec<Subject<'_, Position<'a>>> = at_least(depth)
                    .flat_map(|(details, _)| {
                        let positions = if depth == Depth::Topic { &details.topics } else { &details.partitions };
                        positions.iter().map(|position| (details.group, position))
                    })
                    .map(|(group, of)| Subject {
                        labels: self.labels(is_known > 0, cluster, &group.group, Some(of)),
                        of,
                        is_brief: false,
                    })
                    .collect();
                write(encoder, &options.prefix, figures, &subjects)?;
            }
        }
        let logs = bounds(at_least(Depth::Partition).flat_map(|(details, _)| &details.partitions));
        let subjects: Vec<Subject<'_, LogBounds>> = logs
            .iter()
            .map(|((topic, partition), of)| {
                let cluster = (self.names == KnownNames::KafkaLagExporter).then(|| text("cluster_name", cluster));
                let labels = cluster.into_iter().chain([text("topic", topic), number("partition", *partition)]);
                Subject { labels: labels.collect(), of, is_brief: false }
            })
            .collect();
        write(encoder, &options.prefix, self.logs, &subjects)
    }

    /// The labels of a group, or of its position in a topic or a partition. `is_known`: those of another exporter.
    fn labels<'b>(
        &self,
        is_known: bool,
        cluster: &'b str,
        group: &'b str,
        position: Option<&'b Position<'_>>,
    ) -> Vec<Label<'b>> {
        let names = if is_known { self.names } else { KnownNames::None };
        let mut labels = match names {
            KnownNames::None => vec![text("group", group)],
            KnownNames::KafkaExporter => vec![text("consumergroup", group)],
            KnownNames::KafkaLagExporter => vec![text("cluster_name", cluster), text("group", group)],
        };
        let Some(position) = position else { return labels };
        labels.push(text("topic", position.topic));
        if let Some(partition) = position.partition {
            labels.push(number("partition", partition));
            if names == KnownNames::KafkaLagExporter {
                labels.extend(owner(position.owner));
            }
        }
        labels
    }
}

/// The labels of the member that owns a partition; empty without one.
fn owner(owner: Option<&OwnerView>) -> [Label<'_>; 3] {
    let known = |read: fn(&OwnerView) -> Option<&str>| owner.and_then(read).unwrap_or_default();
    [
        text("member_host", host(owner.and_then(|owner| owner.host.as_deref()))),
        text("consumer_id", known(|owner| Some(&owner.member_id))),
        text("client_id", known(|owner| owner.client_id.as_deref())),
    ]
}
