//! The result for programs. Its fields are a promise: they are added, never renamed or given another meaning.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    BenchError, Rounds, Section, Spread,
    case::{Store, Target},
    figures,
    job::Resource,
    measure::{clients, further_bytes, members},
};
use crate::{
    domain::{Ordering, Tier},
    feed::LatencyMs,
};

/// The first field of every report: its form, and the version of it.
pub const SCHEMA: &str = "kreplay.bench/1";

/// Under what circumstances the figures came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// kreplay's version.
    pub version: &'static str,
    /// Whether kreplay was built with optimisations; figures of another build say little.
    pub optimised: bool,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Whether the broker was the one inside kreplay, which is the limit of many figures then.
    pub embedded: bool,
    /// How many processors the process may use.
    pub cores: usize,
    /// Rounds of each case.
    pub rounds: usize,
    /// The topics that were read.
    pub topics: Vec<String>,
    /// How many partitions they have together.
    pub partitions: usize,
    /// How many records they hold, by their offsets.
    pub records: u64,
    /// A measurement stops soon after so many, where that was asked for.
    pub stop_after: Option<u64>,
}

/// The spread of a distribution's points over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatencySpread {
    /// Half of the records took at most this.
    pub p50: Spread,
    /// 95 % took at most this.
    pub p95: Spread,
    /// 99 % took at most this.
    pub p99: Spread,
    /// The slowest.
    pub max: Spread,
}

/// One case, summed up. Absent and unknown figures are null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseReport {
    pub(super) section: Section,
    /// What it is called in texts.
    pub(super) case: String,
    pub(super) tier: Tier,
    pub(super) concurrency: u32,
    pub(super) ordering: Ordering,
    pub(super) handler: &'static str,
    /// Where the handler `projection` keeps what it makes.
    pub(super) store: Option<Store>,
    pub(super) group: bool,
    pub(super) clients: Option<u32>,
    /// The wanted records a second, where they were paced.
    pub(super) rate: Option<u32>,
    /// Records of a round.
    pub(super) handled: Option<Spread>,
    /// Seconds from the first record to the last.
    pub(super) handling_s: Option<Spread>,
    /// The same from the start of the run, connecting included.
    pub(super) elapsed_s: Option<Spread>,
    pub(super) records_per_s: Option<Spread>,
    /// Processor seconds for a million records.
    pub(super) cpu_s_per_million: Option<Spread>,
    pub(super) peak_rss_bytes: Option<Spread>,
    /// From the client to the end of handling.
    pub(super) latency_ms: Option<LatencySpread>,
    /// From the last record until all was committed.
    pub(super) commit_s: Option<Spread>,
    /// What kept it from being faster, as the last round saw it.
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
    /// What each client beyond the first takes at its peak.
    pub(super) further_client_bytes: Option<Spread>,
    /// The same of each member of a group, with its worker.
    pub(super) further_member_bytes: Option<Spread>,
}

impl BenchReport {
    /// Sums up what was measured.
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

    /// One JSON object, with a line feed at its end.
    ///
    /// # Errors
    /// What the serializer said; none is known to happen.
    pub fn json(&self) -> Result<String, BenchError> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from)?;
        Ok(text + "\n")
    }

    /// Tables and charts for a terminal, without colour.
    #[must_use]
    pub fn text(&self) -> String {
        super::table::render(self)
    }
}

impl CaseReport {
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
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
            records_per_s: Spread::of(found.iter().map(super::Found::records_per_s)),
            cpu_s_per_million: Spread::of(found.iter().filter_map(super::Found::cpu_s_per_million)),
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
                // A rate that was not reached has queued somewhere else.
                let reached = self.records_per_s?.median >= 0.95 * f64::from(self.rate?);
                reached && latency.p95.median < p95 && latency.p99.median < p99
            }
        })
    }

    /// Whether the target is met, and where it is not the same for all what it is; empty without one.
    pub(super) fn verdict(&self) -> String {
        let Some(target) = self.target else { return String::new() };
        let words = match target {
            Target::HandlingS(most) | Target::CommitS(most) => format!("≤ {most} s: "),
            Target::RecordsPerS(least) => format!("≥ {}/s: ", figures::number(least)),
            // The same for all: it stands above them.
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
