//! The topics and groups of the simulated cluster, as they are when the simulation begins.

use kreplay_model::watch::GroupType::{Classic, Consumer, Other, Share, Streams};

use super::group::{GroupSpec, Start};
use super::topic::TopicSpec;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

const EVEN_2: &[f64] = &[0.5; 2];
const EVEN_3: &[f64] = &[1.0 / 3.0; 3];
const EVEN_4: &[f64] = &[0.25; 4];
const EVEN_8: &[f64] = &[0.125; 8];
/// One key has most of the records.
const HOT: &[f64] = &[0.09, 0.08, 0.6, 0.07, 0.09, 0.07];

const TOPIC: TopicSpec = TopicSpec {
    name: "",
    shares: EVEN_4,
    per_s: 0.0,
    retention_ms: 7 * DAY_MS,
    compacted: false,
    noise: 0.15,
    has_bursts: false,
};

pub(super) const TOPICS: [TopicSpec; 12] = [
    TopicSpec { name: "orders", shares: HOT, per_s: 120.0, noise: 0.02, ..TOPIC },
    TopicSpec { name: "payments", shares: EVEN_3, per_s: 40.0, ..TOPIC },
    TopicSpec { name: "clickstream", shares: EVEN_8, per_s: 2_400.0, noise: 0.02, ..TOPIC },
    TopicSpec { name: "sessions", per_s: 320.0, retention_ms: 25 * MINUTE_MS, ..TOPIC },
    TopicSpec { name: "sensor-readings", per_s: 500.0, retention_ms: HOUR_MS, ..TOPIC },
    TopicSpec { name: "catalog", shares: EVEN_2, per_s: 5.0, compacted: true, ..TOPIC },
    TopicSpec { name: "shipments", per_s: 30.0, ..TOPIC },
    TopicSpec { name: "notifications", per_s: 60.0, has_bursts: true, ..TOPIC },
    TopicSpec { name: "invoices", per_s: 20.0, ..TOPIC },
    TopicSpec { name: "prices", shares: EVEN_3, per_s: 50.0, has_bursts: true, ..TOPIC },
    TopicSpec { name: "campaigns", shares: EVEN_2, ..TOPIC },
    TopicSpec { name: "exports", shares: EVEN_2, ..TOPIC },
];

/// Transactions that are open: topic, partition, and the seconds since they began.
pub(super) const OPEN_TRANSACTIONS: [(&str, usize, i64); 1] = [("payments", 1, 330)];

const GROUP: GroupSpec = GroupSpec {
    name: "",
    group_type: Consumer,
    topics: &[],
    members: 2,
    capacity: 4.0,
    jitter: 0.15,
    commit_s: 5,
    behind_s: 2,
    start: Start::Reading,
};

pub(super) const GROUPS: [GroupSpec; 26] = [
    GroupSpec { name: "billing", topics: &["orders"], members: 3, ..GROUP },
    GroupSpec { name: "order-enrichment", group_type: Streams, topics: &["orders"], members: 3, ..GROUP },
    GroupSpec {
        name: "order-analytics",
        group_type: Classic,
        topics: &["orders"],
        members: 3,
        commit_s: 10,
        start: Start::AllDelayed(60),
        ..GROUP
    },
    GroupSpec { name: "loyalty", topics: &["orders"], start: Start::NeverCommitted, ..GROUP },
    GroupSpec { name: "ledger-writer", topics: &["payments"], start: Start::ReadingCommitted, ..GROUP },
    GroupSpec {
        name: "clickstream-aggregator",
        topics: &["clickstream"],
        members: 4,
        capacity: 0.8,
        behind_s: 40,
        ..GROUP
    },
    GroupSpec {
        name: "clickstream-lake",
        group_type: Classic,
        topics: &["clickstream"],
        members: 4,
        capacity: 2.0,
        behind_s: 900,
        ..GROUP
    },
    GroupSpec {
        name: "personalization",
        topics: &["clickstream"],
        members: 4,
        commit_s: 10,
        start: Start::FirstMemberDelayed(70),
        ..GROUP
    },
    GroupSpec { name: "session-tracker", topics: &["sessions"], ..GROUP },
    GroupSpec {
        name: "session-replay",
        group_type: Classic,
        topics: &["sessions"],
        capacity: 1.5,
        jitter: 0.5,
        commit_s: 10,
        behind_s: 560,
        ..GROUP
    },
    GroupSpec { name: "sensor-alerts", topics: &["sensor-readings"], ..GROUP },
    GroupSpec {
        name: "sensor-archive",
        group_type: Classic,
        topics: &["sensor-readings"],
        capacity: 0.5,
        behind_s: 35 * 60,
        ..GROUP
    },
    GroupSpec {
        name: "sensor-export",
        topics: &["sensor-readings"],
        behind_s: 56 * 60,
        start: Start::Hanging,
        ..GROUP
    },
    GroupSpec { name: "search-indexer", topics: &["catalog"], ..GROUP },
    GroupSpec { name: "shipping", topics: &["shipments"], start: Start::WithOrphan, ..GROUP },
    GroupSpec {
        name: "warehouse-sync",
        group_type: Classic,
        topics: &["shipments"],
        start: Start::WithDeletedTopic("legacy-imports"),
        ..GROUP
    },
    GroupSpec { name: "email", topics: &["notifications"], ..GROUP },
    GroupSpec { name: "push", group_type: Share, topics: &["notifications"], members: 3, ..GROUP },
    GroupSpec { name: "sms", group_type: Share, topics: &["notifications"], start: Start::NeverCommitted, ..GROUP },
    GroupSpec { name: "invoice-pdf", group_type: Classic, topics: &["invoices"], ..GROUP },
    GroupSpec { name: "recommendations", topics: &["prices"], ..GROUP },
    GroupSpec { name: "price-cache", topics: &["prices"], members: 1, capacity: 3.0, ..GROUP },
    GroupSpec {
        name: "black-friday",
        group_type: Classic,
        topics: &["campaigns"],
        start: Start::EmptyFor(6 * 86_400),
        ..GROUP
    },
    GroupSpec { name: "user-exports", topics: &["exports"], ..GROUP },
    GroupSpec { name: "payroll", start: Start::Forbidden, ..GROUP },
    GroupSpec { name: "connect-jdbc-sink", group_type: Other, start: Start::NotDescribed, ..GROUP },
];
