//! What is measured: the cases of a comparison, and those of the workloads.

use std::fmt;

use serde::Serialize;

use super::stage::Shape;
use crate::domain::{Concurrency, Ordering, PartitionCount, Tier};

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Records a second, as fast as it goes.
    Throughput,
    /// The time from the client to the end of handling, with records that come at an even rate.
    Latency,
    /// What further consumers take.
    Memory,
    /// The workloads that kreplay is held to.
    Workload,
    /// Handlers that do real work, side by side.
    Handler,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Seconds from the first record to the last, at most.
    HandlingS(f64),
    /// Records a second, at least.
    RecordsPerS(f64),
    /// 95 % and 99 % of the records take less, in milliseconds.
    LatencyMs {
        /// 95 %.
        p95: f64,
        /// 99 %.
        p99: f64,
    },
    /// Seconds from the last record until all is committed, at most.
    CommitS(f64),
}

/// Where the handler `projection` keeps what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Store {
    /// Records a second that are hoped for.
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

/// One thing to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The part of the report.
    pub section: Section,
    /// What it is called beside its settings; empty for none.
    pub name: &'static str,
    /// Which of the stage's topics it reads.
    pub topic: usize,
    /// How records come out of the client.
    pub tier: Tier,
    /// How many workers.
    pub concurrency: Concurrency,
    /// What keeps its order.
    pub ordering: Ordering,
    /// What is done with records.
    pub handler: &'static str,
    /// Where it keeps what it makes, where it is `projection`.
    pub store: Option<Store>,
    /// Whether it is a consumer group that reads.
    pub group: bool,
    /// With the tier `dedicated`, how many clients at most.
    pub clients: Option<u32>,
    /// Records a second, where they come evenly.
    pub rate: Option<u32>,
    /// It is stopped after so many records.
    pub stop_after: Option<u64>,
    /// What is hoped for.
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
            write!(f, ", {clients} client{}", if clients == 1 { "" } else { "s" })?;
        }
        if let Some(rate) = self.rate {
            write!(f, ", {rate}/s")?;
        }
        f.write_str(if self.group { ", group" } else { "" })
    }
}

/// What a comparison is to cover.
#[derive(Clone, Debug, PartialEq)]
pub struct Wishes {
    /// The tiers.
    pub tiers: Vec<Tier>,
    /// The numbers of workers.
    pub concurrency: Vec<Concurrency>,
    /// The paced rates, in records a second.
    pub rates: Vec<u32>,
    /// The most records of one measurement; `None` reads all.
    pub records: Option<u64>,
    /// Partitions of what is read, which bound the number of clients.
    pub partitions: u32,
    /// Whether a group may be used: it leaves its offsets behind.
    pub group: bool,
}

/// How long a paced measurement lasts.
const PACED_S: u64 = 3;
/// The most clients of the memory section.
const CLIENTS: u32 = 6;
/// At which rate the memory of clients is measured.
const MEMORY_RATE: u32 = 50_000;
/// What is hoped for at any paced rate.
const LATENCY: Target = Target::LatencyMs { p95: 2.0, p99: 5.0 };

/// The cases of a comparison.
#[must_use]
pub fn plan(wishes: &Wishes) -> Vec<Case> {
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
        stop_after: wishes.records,
        target: None,
    };
    let capped = |most: u64| wishes.records.map_or(most, |records| records.min(most));
    let mut cases = Vec::new();
    for &concurrency in &wishes.concurrency {
        cases.extend(wishes.tiers.iter().map(|tier| case(Section::Throughput, *tier, concurrency)));
    }
    let Some(&concurrency) = wishes.concurrency.first() else { return cases };
    for &rate in &wishes.rates {
        let most = u64::from(rate) * PACED_S;
        // Where records come at an even rate, `auto` reads as `buffered` does.
        let paced = wishes.tiers.iter().filter(|tier| **tier != Tier::Auto || wishes.tiers.len() == 1);
        cases.extend(paced.map(|tier| Case {
            rate: Some(rate),
            stop_after: Some(capped(most)),
            target: Some(LATENCY),
            ..case(Section::Latency, *tier, concurrency)
        }));
    }
    let clients = wishes.partitions.min(CLIENTS);
    if wishes.tiers.contains(&Tier::Dedicated) && clients > 1 {
        // Paced, so that the client's queues are as full as they get, and the buffer that all clients share stays empty.
        cases.extend([1, clients].map(|clients| Case {
            clients: Some(clients),
            rate: Some(MEMORY_RATE),
            stop_after: Some(capped(u64::from(MEMORY_RATE) * PACED_S)),
            ..case(Section::Memory, Tier::Dedicated, concurrency)
        }));
    }
    if wishes.group && clients > 1 {
        // A group has one member for each worker, up to the number of partitions.
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

/// The workloads: what they read is in [`workload_topics`].
///
/// W1 has 10 keys in 6 partitions, W2 1,000 keys in one, both with a millisecond of work a record; W3 does no work. R06 has ten
/// equal partitions in partition order.
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
        case("W1", 0, 10, key, work, false, Some(Target::HandlingS(1.3))),
        case("W1", 0, 10, key, work, true, committed),
        case("W2", 1, 16, key, work, false, Some(Target::HandlingS(0.8))),
        case("W2", 1, 100, key, work, false, Some(Target::HandlingS(0.2))),
        case("W2", 1, 100, key, work, true, committed),
        case("W3", 2, 6, key, "null", false, Some(Target::RecordsPerS(1e6))),
        case("W3", 2, 6, key, "null", true, committed),
        case("R06", 3, 1, partition, work, false, None),
        case("R06", 3, 6, partition, work, false, None),
        case("R06", 3, 10, partition, work, false, None),
    ]
}

/// What stands beside the handler `topic`: librdkafka's own producer, without transactions, and with nothing to read.
pub const PRODUCER: &str = "producer";

/// Handlers side by side, each with a fresh target. A broker of kreplay's own knows no transactions, so that on it nothing is
/// republished; PostgreSQL is there or not.
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
    // It has no workers.
    let mut seen = false;
    cases.retain(|case| case.handler != PRODUCER || !std::mem::replace(&mut seen, true));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes() -> Wishes {
        Wishes {
            tiers: Tier::ALL.to_vec(),
            concurrency: [1, 6].map(|workers| Concurrency::new(workers).unwrap()).to_vec(),
            rates: vec![10_000, 100_000],
            records: None,
            partitions: 6,
            group: true,
        }
    }

    #[test]
    fn a_comparison_covers_what_was_wished_for() {
        let names = |wishes: &Wishes| plan(wishes).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        assert_eq!(
            names(&wishes()),
            "auto × 1; stream × 1; standard × 1; buffered × 1; dedicated × 1; \
             auto × 6; stream × 6; standard × 6; buffered × 6; dedicated × 6; \
             stream × 1, 10000/s; standard × 1, 10000/s; buffered × 1, 10000/s; dedicated × 1, 10000/s; \
             stream × 1, 100000/s; standard × 1, 100000/s; buffered × 1, 100000/s; dedicated × 1, 100000/s; \
             dedicated × 1, 1 client, 50000/s; dedicated × 1, 6 clients, 50000/s; buffered × 1, group; buffered × 6, group"
        );
        let few = Wishes { tiers: vec![Tier::Buffered], rates: vec![], group: false, ..wishes() };
        assert_eq!(names(&few), "buffered × 1; buffered × 6");
        let single = names(&Wishes { partitions: 1, ..wishes() });
        assert!(!single.contains("client") && !single.contains("group"), "{single}");
    }

    #[test]
    fn a_limit_of_records_holds_for_paced_cases_too() {
        let limited = Wishes { records: Some(50_000), ..wishes() };
        let stops: Vec<_> =
            plan(&limited).iter().filter(|case| case.rate.is_some()).map(|case| case.stop_after).collect();
        assert_eq!(stops, [vec![Some(30_000); 4], vec![Some(50_000); 6]].concat());
        assert!(plan(&limited).iter().all(|case| case.stop_after.is_some_and(|records| records <= 50_000)));
    }

    #[test]
    fn handlers_are_measured_beside_what_they_are_held_to() {
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
