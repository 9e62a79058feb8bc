//! The benchmark report. Its JSON fields are stable: fields may be added, but are never renamed or redefined.

use chrono::{DateTime, Utc};
use kreplay_model::{
    domain::{Ordering, Tier},
    feed::{LatencyMs, report::printable_json},
};
use serde::Serialize;

use super::{
    BenchError, Rounds, Section, Spread,
    case::{Store, Target},
    figures,
    job::Resource,
    measure::{clients, further_bytes, members},
};

/// The first field of every report: the name and version of its format.
pub const SCHEMA: &str = "kreplay.bench/1";

/// The conditions of the measurements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// kreplay's version.
    pub version: &'static str,
    /// Whether kreplay was built with optimisations. Other builds are not representative.
    pub optimised: bool,
    /// The start time.
    pub started_at: DateTime<Utc>,
    /// Whether the embedded broker was used. It often limits the figures.
    pub embedded: bool,
    /// The number of available processors.
    pub cores: usize,
    /// The number of rounds per case.
    pub rounds: usize,
    /// The topics that were read.
    pub topics: Vec<String>,
    /// The number of partitions of these topics.
    pub partitions: usize,
    /// The number of records in these topics, by their offsets.
    pub records: u64,
    /// Measurements stop soon after this number of records, if given.
    pub stop_after: Option<u64>,
}

/// The spread of latency percentiles over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatencySpread {
    /// 50 % of the records took at most this time.
    pub p50: Spread,
    /// 95 % of the records took at most this time.
    pub p95: Spread,
    /// 99 % of the records took at most this time.
    pub p99: Spread,
    /// The maximum.
    pub max: Spread,
}

/// The summary of one case. Absent and unknown figures are null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseReport {
    pub(super) section: Section,
    /// The label.
    pub(super) case: String,
    pub(super) tier: Tier,
    pub(super) concurrency: u32,
    pub(super) ordering: Ordering,
    pub(super) handler: &'static str,
    /// Where the handler `projection` stores its tables.
    pub(super) store: Option<Store>,
    pub(super) group: bool,
    pub(super) clients: Option<u32>,
    /// The fixed rate in records per second.
    pub(super) rate: Option<u32>,
    /// Records per round.
    pub(super) handled: Option<Spread>,
    /// Seconds from the first record to the last.
    pub(super) handling_s: Option<Spread>,
    /// Seconds from the start of the run, including the connection.
    pub(super) elapsed_s: Option<Spread>,
    pub(super) records_per_s: Option<Spread>,
    /// Processor seconds per million records.
    pub(super) cpu_s_per_million: Option<Spread>,
    pub(super) peak_rss_bytes: Option<Spread>,
    /// From the client to the end of handling.
    pub(super) latency_ms: Option<LatencySpread>,
    /// From the last record until everything was committed.
    pub(super) commit_s: Option<Spread>,
    /// The limit in the last round.
    pub(super) limit: Option<Resource>,
    pub(super) target: Option<Target>,
    /// Whether the medians reach the target.
    pub(super) target_met: Option<bool>,
}

/// The result of `kreplay bench`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchReport {
    pub(super) schema: &'static str,
    #[serde(flatten)]
    pub(super) setting: Setting,
    pub(super) cases: Vec<CaseReport>,
    /// Peak memory of each additional client.
    pub(super) further_client_bytes: Option<Spread>,
    /// Peak memory of each additional group member with its worker.
    pub(super) further_member_bytes: Option<Spread>,
}

impl BenchReport {
    /// Summarises the measurements.
    #[must_use]
    pub fn new(setting: Setting, all: &[Rounds]) -> Self {
        Self {
            schema: SCHEMA,
            setting,
            cases: all.iter().map(CaseReport::new).collect(),
            further_client_bytes: Spread::of(further_bytes(all, clients)),
            further_member_bytes: Spread::of(further_bytes(all, members)),
        }
    }

    /// The report as a JSON object, with a final line feed.
    ///
    /// # Errors
    /// The serializer failed. No such case is known.
    pub fn json(&self) -> Result<String, BenchError> {
        Ok(printable_json(self).map_err(std::io::Error::from)?)
    }
}

impl CaseReport {
    #[allow(clippy::cast_precision_loss, reason = "figures for display")]
    fn new(rounds: &Rounds) -> Self {
        let (case, found) = (&rounds.case, &rounds.found);
        let latency =
            |pick: fn(&LatencyMs) -> f64| Spread::of(found.iter().filter_map(|one| Some(pick(&one.latency_ms?))));
        let latency_ms = || {
            Some(LatencySpread {
                p50: latency(|ms| ms.p50)?,
                p95: latency(|ms| ms.p95)?,
                p99: latency(|ms| ms.p99)?,
                max: latency(|ms| ms.max)?,
            })
        };
        let mut report = Self {
            section: case.section,
            case: case.to_string(),
            tier: case.tier,
            concurrency: case.concurrency.get(),
            ordering: case.ordering,
            handler: case.handler,
            store: case.store,
            group: case.group,
            clients: case.clients,
            rate: case.rate,
            handled: Spread::of(found.iter().map(|one| one.handled as f64)),
            handling_s: Spread::of(found.iter().map(|one| one.handling_s)),
            elapsed_s: Spread::of(found.iter().map(|one| one.elapsed_s)),
            records_per_s: Spread::of(found.iter().map(super::Measurement::records_per_s)),
            cpu_s_per_million: Spread::of(found.iter().filter_map(super::Measurement::cpu_s_per_million)),
            peak_rss_bytes: Spread::of(found.iter().filter_map(|one| Some(one.peak_rss_bytes? as f64))),
            latency_ms: latency_ms(),
            commit_s: Spread::of(found.iter().filter_map(|one| one.commit_s)),
            limit: found.iter().rev().find_map(|one| one.limit).filter(|_| case.section == Section::Handler),
            target: case.target,
            target_met: None,
        };
        report.target_met = report.meets();
        report
    }

    fn meets(&self) -> Option<bool> {
        Some(match self.target? {
            Target::HandlingS(most) => self.handling_s?.median <= most,
            Target::RecordsPerS(least) => self.records_per_s?.median >= least,
            Target::CommitS(most) => self.commit_s?.median <= most,
            Target::LatencyMs { p95, p99 } => {
                let latency = self.latency_ms?;
                // If the rate was not reached, records queued elsewhere.
                let reached = self.records_per_s?.median >= 0.95 * f64::from(self.rate?);
                reached && latency.p95.median < p95 && latency.p99.median < p99
            }
        })
    }

    /// Whether the target is met, preceded by the target if it differs between cases; empty without a target.
    pub(super) fn verdict(&self) -> String {
        let Some(target) = self.target else { return String::new() };
        let words = match target {
            Target::HandlingS(most) | Target::CommitS(most) => format!("≤ {most} s: "),
            Target::RecordsPerS(least) => format!("≥ {}/s: ", figures::number(least)),
            // The same for all cases: shown in the table header.
            Target::LatencyMs { .. } => String::new(),
        };
        let met = match self.target_met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "unknown",
        };
        format!("{words}{met}")
    }
}
