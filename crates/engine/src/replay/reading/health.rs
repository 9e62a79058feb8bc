//! Broker outages, each reported once at its start and once at its end.

use std::time::{Duration, Instant};

use kreplay_kafka::ClientHealth;
use kreplay_model::feed::LastReport;

use crate::replay::engine::Engine;

/// How often an unreachable cluster is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long one probe waits for an answer.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// Monitors one client's connection and reports outages to the event log.
#[derive(Debug, Default)]
pub struct BrokerHealthMonitor {
    outage: LastReport,
    last_probe: Option<Instant>,
    /// All records that were fetched before the outage have been read.
    is_queue_empty: bool,
}

impl BrokerHealthMonitor {
    /// Notes how many records were read. During an outage they may come from the library's queue. Once that queue was
    /// seen empty, another record proves that a broker answers again.
    pub fn note_records(&mut self, engine: &Engine, health: &ClientHealth, records: usize) {
        if !health.is_down() {
            self.is_queue_empty = false;
        } else if records == 0 {
            self.is_queue_empty = true;
        } else if self.is_queue_empty && health.answered() {
            self.report_recovery(engine);
        }
    }

    fn report_recovery(&mut self, engine: &Engine) {
        if self.outage.clear() {
            engine.events.warn("the brokers answer again");
        }
    }

    /// Checks the connection. While all brokers are unreachable, `probe` is called with a topic at most once a second.
    pub fn check(&mut self, engine: &Engine, health: &ClientHealth, probe: impl FnOnce(&str) -> bool) {
        let now = Instant::now();
        let due = self.last_probe.is_none_or(|last_probe| now.saturating_duration_since(last_probe) >= PROBE_INTERVAL);
        if health.is_down() && due {
            self.last_probe = Some(now);
            // With many clients the down state may be late, or concern an idle connection that was closed. Only a
            // failed probe is reported.
            if any_broker_answers(engine, probe) {
                health.answered();
            } else if !self.outage.is_reported() {
                let why = health.last_problem().map_or_else(String::new, |problem| format!(": {problem}"));
                engine.events.warn_once(&mut self.outage, format!("no broker answers{why}; retrying"));
            }
        }
        if !health.is_down() {
            self.report_recovery(engine);
        }
    }

    /// Ends monitoring. Other clients may have read the last records before this one checked again, so a reported
    /// outage is also reported as over if the brokers answer.
    pub fn finish(&mut self, engine: &Engine, health: &ClientHealth, probe: impl FnOnce(&str) -> bool) {
        if self.outage.is_reported() && (!health.is_down() || any_broker_answers(engine, probe)) {
            self.report_recovery(engine);
        }
    }
}

/// Probes with any topic of the run.
fn any_broker_answers(engine: &Engine, probe: impl FnOnce(&str) -> bool) -> bool {
    engine.plan.topics.first().is_some_and(|topic| probe(topic))
}
