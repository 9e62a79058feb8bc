//! The cases to measure.

use std::fmt;

use kreplay_model::domain::{Concurrency, Ordering, PartitionCount, Tier, number::counted};
use serde::Serialize;

use super::setup::Shape;

/// A section of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Records per second at full speed.
    Throughput,
    /// The time from the client to the end of handling, at a fixed rate.
    Latency,
    /// The memory of additional consumers.
    Memory,
    /// The fixed workloads.
    Workload,
    /// Handlers that do real work, side by side.
    Handler,
}

/// The target of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The maximum seconds from the first record to the last.
    HandlingS(f64),
    /// The minimum records per second.
    RecordsPerS(f64),
    /// The maximum latency of 95 % and of 99 % of the records, in milliseconds.
    LatencyMs {
        /// 95 %.
        p95: f64,
        /// 99 %.
        p99: f64,
    },
    /// The maximum seconds from the last record until everything is committed.
    CommitS(f64),
}

/// Where the handler `projection` stores its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// A file.
    Sqlite,
    /// A database server.
    Postgres,
}

impl Store {
    /// The target of the handler.
    fn target(self) -> Target {
        Target::RecordsPerS(match self {
            Self::Sqlite => 100_000.0,
            Self::Postgres => 150_000.0,
        })
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

/// A case to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The section of the report.
    pub section: Section,
    /// The name in front of the settings; empty for none.
    pub name: &'static str,
    /// The index of the topic to read.
    pub topic: usize,
    /// The tier.
    pub tier: Tier,
    /// The number of workers.
    pub concurrency: Concurrency,
    /// The ordering.
    pub ordering: Ordering,
    /// The handler.
    pub handler: &'static str,
    /// Where the handler `projection` stores its tables.
    pub store: Option<Store>,
    /// Whether a consumer group reads.
    pub group: bool,
    /// The maximum number of clients of the tier `dedicated`.
    pub clients: Option<u32>,
    /// Records per second, if records arrive at a fixed rate.
    pub rate: Option<u32>,
    /// The measurement stops after this number of records.
    pub stop_after: Option<u64>,
    /// The target.
    pub target: Option<Target>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, "{}: ", self.name)?;
        }
        match self.section {
            Section::Workload => write!(f, "{} × {}", self.ordering, self.concurrency)?,
            Section::Handler => {
                f.write_str(self.handler)?;
                if let Some(store) = self.store {
                    write!(f, " ({store})")?;
                }
                write!(f, " × {}", self.concurrency)?;
            }
            _ => write!(f, "{} × {}", self.tier, self.concurrency)?,
        }
        if let Some(clients) = self.clients {
            write!(f, ", {}", counted(clients, "client"))?;
        }
        if let Some(rate) = self.rate {
            write!(f, ", {rate}/s")?;
        }
        f.write_str(if self.group { ", group" } else { "" })
    }
}

/// What a comparison covers.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchOptions {
    /// The tiers.
    pub tiers: Vec<Tier>,
    /// The numbers of workers.
    pub concurrency: Vec<Concurrency>,
    /// The fixed rates, in records per second.
    pub rates: Vec<u32>,
    /// The maximum number of records per measurement; `None` means all.
    pub records: Option<u64>,
    /// The number of partitions to read, which limits the number of clients.
    pub partitions: u32,
    /// Whether a consumer group may be used. It leaves committed offsets behind.
    pub group: bool,
}

/// The duration of a measurement at a fixed rate.
const PACED_DURATION_S: u64 = 3;
/// The maximum number of clients in the memory section.
const MAX_MEMORY_CLIENTS: u32 = 6;
/// The rate at which the memory of clients is measured, in records per second.
const MEMORY_RATE_PER_S: u32 = 50_000;
/// The target at any fixed rate.
const LATENCY_TARGET: Target = Target::LatencyMs { p95: 2.0, p99: 5.0 };

/// The cases of a comparison.
#[must_use]
pub fn plan(options: &BenchOptions) -> Vec<Case> {
    let case = |section, tier, concurrency| Case {
        section,
        name: "",
        topic: 0,
        tier,
        concurrency,
        ordering: Ordering::Key,
        handler: "null",
        store: None,
        group: false,
        clients: None,
        rate: None,
        stop_after: options.records,
        target: None,
    };
    let capped = |most: u64| options.records.map_or(most, |records| records.min(most));
    let mut cases = Vec::new();
    for &concurrency in &options.concurrency {
        cases.extend(options.tiers.iter().map(|tier| case(Section::Throughput, *tier, concurrency)));
    }
    let Some(&concurrency) = options.concurrency.first() else { return cases };
    for &rate in &options.rates {
        let most = u64::from(rate) * PACED_DURATION_S;
        // At a fixed rate, `auto` reads like `buffered`.
        let paced = options.tiers.iter().filter(|tier| **tier != Tier::Auto || options.tiers.len() == 1);
        cases.extend(paced.map(|tier| Case {
            rate: Some(rate),
            stop_after: Some(capped(most)),
            target: Some(LATENCY_TARGET),
            ..case(Section::Latency, *tier, concurrency)
        }));
    }
    let clients = options.partitions.min(MAX_MEMORY_CLIENTS);
    if options.tiers.contains(&Tier::Dedicated) && clients > 1 {
        // At a fixed rate, the queues of the clients fill up while the shared buffer stays empty.
        cases.extend([1, clients].map(|clients| Case {
            clients: Some(clients),
            rate: Some(MEMORY_RATE_PER_S),
            stop_after: Some(capped(u64::from(MEMORY_RATE_PER_S) * PACED_DURATION_S)),
            ..case(Section::Memory, Tier::Dedicated, concurrency)
        }));
    }
    if options.group && clients > 1 {
        // A group has one member per worker, up to the number of partitions.
        let members = [1, clients].map(|members| Concurrency::new(u64::from(members)).unwrap_or_default());
        cases.extend(members.map(|members| Case { group: true, ..case(Section::Memory, Tier::Buffered, members) }));
    }
    cases
}

/// The topics of the workloads.
#[must_use]
pub fn workload_topics(records: Option<u64>) -> Vec<Shape> {
    let shape = |records_at_most: u64, keys, partitions| Shape {
        records: records.map_or(records_at_most, |records| records.min(records_at_most)),
        keys,
        partitions: PartitionCount::new(partitions).unwrap_or_default(),
        even: keys == 10 && partitions == 10,
    };
    vec![shape(10_000, 10, 6), shape(10_000, 1000, 1), shape(1_000_000, 1000, 6), shape(10_000, 10, 10)]
}

/// The workloads. They read the topics of [`workload_topics`]:
///
/// - `10 keys` in 6 partitions, with 1 ms of work per record;
/// - `1000 keys` in one partition, with 1 ms of work per record;
/// - `no work` per record, 1000 keys in 6 partitions;
/// - `10 partitions` of equal size in partition order, with 1 ms of work per record.
#[must_use]
pub fn workloads(tier: Tier) -> Vec<Case> {
    let case = |name, topic, concurrency: u64, ordering, handler, group, target| Case {
        section: Section::Workload,
        name,
        topic,
        tier,
        concurrency: Concurrency::new(concurrency).unwrap_or_default(),
        ordering,
        handler,
        store: None,
        group,
        clients: None,
        rate: None,
        stop_after: None,
        target,
    };
    let (work, key, partition) = ("simulate:1ms", Ordering::Key, Ordering::Partition);
    let committed = Some(Target::CommitS(0.25));
    vec![
        case("10 keys", 0, 10, key, work, false, Some(Target::HandlingS(1.3))),
        case("10 keys", 0, 10, key, work, true, committed),
        case("1000 keys", 1, 16, key, work, false, Some(Target::HandlingS(0.8))),
        case("1000 keys", 1, 100, key, work, false, Some(Target::HandlingS(0.2))),
        case("1000 keys", 1, 100, key, work, true, committed),
        case("no work", 2, 6, key, "null", false, Some(Target::RecordsPerS(1e6))),
        case("no work", 2, 6, key, "null", true, committed),
        case("10 partitions", 3, 1, partition, work, false, None),
        case("10 partitions", 3, 6, partition, work, false, None),
        case("10 partitions", 3, 10, partition, work, false, None),
    ]
}

/// The baseline of the handler `topic`: librdkafka's own producer, without transactions and without reading.
pub const PRODUCER: &str = "producer";

/// Handlers side by side, each with an empty target. The embedded broker has no transactions, so `topic` is omitted
/// there. PostgreSQL is omitted if no database is given.
#[must_use]
pub fn handlers(
    tier: Tier,
    concurrency: &[Concurrency],
    records: u64,
    embedded: bool,
    has_postgres: bool,
) -> Vec<Case> {
    let case = |handler, store: Option<Store>, concurrency| Case {
        section: Section::Handler,
        name: "",
        topic: 0,
        tier,
        concurrency,
        ordering: Ordering::Key,
        handler,
        store,
        group: false,
        clients: None,
        rate: None,
        stop_after: (handler == PRODUCER).then_some(records),
        target: store.map(Store::target),
    };
    let mut all = vec![("null", None), ("ndjson", None), ("projection", Some(Store::Sqlite))];
    all.extend(has_postgres.then_some(("projection", Some(Store::Postgres))));
    if !embedded {
        all.extend([("topic", None), (PRODUCER, None)]);
    }
    let mut cases: Vec<Case> = concurrency
        .iter()
        .flat_map(|workers| all.iter().map(move |(name, store)| case(*name, *store, *workers)))
        .collect();
    // The producer has no workers, so it is measured once.
    let mut seen = false;
    cases.retain(|case| case.handler != PRODUCER || !std::mem::replace(&mut seen, true));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> BenchOptions {
        BenchOptions {
            tiers: Tier::ALL.to_vec(),
            concurrency: [1, 6].map(|workers| Concurrency::new(workers).unwrap()).to_vec(),
            rates: vec![10_000, 100_000],
            records: None,
            partitions: 6,
            group: true,
        }
    }

    #[test]
    fn a_comparison_covers_all_requested_cases() {
        let names =
            |options: &BenchOptions| plan(options).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        assert_eq!(
            names(&options()),
            "auto × 1; stream × 1; standard × 1; buffered × 1; dedicated × 1; auto × 6; stream × 6; standard × 6; \
             buffered × 6; dedicated × 6; stream × 1, 10000/s; standard × 1, 10000/s; buffered × 1, 10000/s; dedicated \
             × 1, 10000/s; stream × 1, 100000/s; standard × 1, 100000/s; buffered × 1, 100000/s; dedicated × 1, \
             100000/s; dedicated × 1, 1 client, 50000/s; dedicated × 1, 6 clients, 50000/s; buffered × 1, group; \
             buffered × 6, group"
        );
        let few = BenchOptions { tiers: vec![Tier::Buffered], rates: vec![], group: false, ..options() };
        assert_eq!(names(&few), "buffered × 1; buffered × 6");
        let single = names(&BenchOptions { partitions: 1, ..options() });
        assert!(!single.contains("client") && !single.contains("group"), "{single}");
    }

    #[test]
    fn the_record_limit_applies_to_paced_cases_too() {
        let limited = BenchOptions { records: Some(50_000), ..options() };
        let stops: Vec<_> =
            plan(&limited).iter().filter(|case| case.rate.is_some()).map(|case| case.stop_after).collect();
        assert_eq!(stops, [vec![Some(30_000); 4], vec![Some(50_000); 6]].concat());
        assert!(plan(&limited).iter().all(|case| case.stop_after.is_some_and(|records| records <= 50_000)));
    }

    #[test]
    fn handlers_are_measured_next_to_their_baselines() {
        let workers = [1, 6].map(|workers| Concurrency::new(workers).unwrap());
        let names = |embedded, has_postgres| {
            let cases = handlers(Tier::Buffered, &workers, 9, embedded, has_postgres);
            cases.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            names(false, true),
            "null × 1; ndjson × 1; projection (sqlite) × 1; projection (postgres) × 1; topic × 1; producer × 1; \
             null × 6; ndjson × 6; projection (sqlite) × 6; projection (postgres) × 6; topic × 6"
        );
        assert_eq!(
            names(true, false),
            "null × 1; ndjson × 1; projection (sqlite) × 1; null × 6; ndjson × 6; projection (sqlite) × 6"
        );
    }

    #[test]
    fn every_workload_has_its_topic() {
        let topics = workload_topics(None);
        assert!(workloads(Tier::Buffered).iter().all(|case| case.topic < topics.len()));
        assert_eq!(workload_topics(Some(500)).iter().map(|shape| shape.records).max(), Some(500));
    }
}
