//! Broker outages, each reported once at its start and once at its end.

use std::time::{Duration, Instant};

use kreplay_kafka::ClientHealth;
use kreplay_model::feed::LastReport;

use crate::replay::engine::Engine;

/// How often an unreachable cluster is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long one probe waits for an answer.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// If no client has read a record for this long although records are buffered, one is probed: librdkafka reports no
/// outage while it has no request to send, and it fetches nothing while the buffer is full.
const QUIET_TIME: Duration = Duration::from_secs(10);
/// The number of these probes that must fail before an outage is reported: a busy broker may take longer than
/// [`PROBE_TIMEOUT`].
const MAX_FAILED_PROBES: u32 = 5;

/// Monitors one client's connection and reports outages to the event log.
#[derive(Debug, Default)]
pub struct BrokerHealthMonitor {
    outage: LastReport,
    last_probe: Option<Instant>,
    /// How many probes have failed since the last sign of a broker.
    failed_probes: u32,
    /// All records that were fetched before the outage have been read.
    is_queue_empty: bool,
}

impl BrokerHealthMonitor {
    /// Notes how many records were read. During an outage they may come from the library's queue. Once that queue was
    /// seen empty, another record proves that a broker answers again.
    pub fn note_records(&mut self, engine: &Engine, health: &ClientHealth, records: usize) {
        if !health.is_down() {
            self.is_queue_empty = false;
            if records > 0 {
                health.note_sign(Instant::now());
            }
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

    /// Checks the connection. While all brokers are unreachable, or silent for [`QUIET_TIME`], `probe` is called with a
    /// topic at most once a second.
    pub fn check(&mut self, engine: &Engine, health: &ClientHealth, now: Instant, probe: impl FnOnce(&str) -> bool) {
        let due = self.last_probe.is_none_or(|last_probe| now.saturating_duration_since(last_probe) >= PROBE_INTERVAL);
        let is_quiet = health.quiet_for(now) >= QUIET_TIME && engine.memory.held_bytes() > 0;
        if !is_quiet {
            self.failed_probes = 0;
        }
        let is_reported_down = health.is_down();
        if (is_reported_down || is_quiet) && due {
            self.last_probe = Some(now);
            // With many clients the down state may be late, or concern an idle connection that was closed. Only a
            // failed probe is reported.
            if any_broker_answers(engine, probe) {
                health.note_sign(now);
                health.answered();
            } else {
                self.failed_probes += 1;
                if self.failed_probes >= MAX_FAILED_PROBES {
                    health.note_outage();
                }
                if health.is_down() && !self.outage.is_reported() {
                    // Without a report, the last problem is an old one.
                    let problem = health.last_problem().filter(|_| is_reported_down);
                    let why = problem.map_or_else(String::new, |problem| format!(": {problem}"));
                    engine.events.warn_once(&mut self.outage, format!("no broker answers{why}; retrying"));
                }
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

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Ordering;

    use super::*;
    use crate::replay::{engine::fixture::Fixture, partition::owner::Owner};

    /// The warnings of a client that librdkafka never reports as down.
    #[test]
    fn an_outage_without_a_report_is_noticed() {
        let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 10]]);
        let (mut monitor, health, start) = (BrokerHealthMonitor::default(), ClientHealth::default(), Instant::now());
        let _ = fixture.engine.scheduler.set_workers(1);
        fixture.engine.partitions.with(0, |partition| partition.begin(1, 0, Owner::Shared));
        fixture.engine.scheduler.fence(std::iter::once((0, 1)));
        fixture.deliver(0, 1, 0..10);
        let mut probes = 0;
        let mut answers = |seconds: std::ops::Range<u64>, answer: bool| {
            for second in seconds {
                monitor.check(&fixture.engine, &health, start + Duration::from_secs(second), |_| {
                    probes += 1;
                    answer
                });
            }
            let events = fixture.engine.events.since(0);
            let texts: Vec<String> = events.iter().map(|event| event.kind.to_string()).collect();
            (probes, texts)
        };
        assert_eq!(answers(0..30, true), (2, vec![]), "one probe in ten seconds");
        assert_eq!(answers(30..34, false), (6, vec![]), "the broker may be busy");
        assert_eq!(answers(34..40, false), (12, vec!["no broker answers; retrying".to_owned()]));
        let (_, texts) = answers(40..41, true);
        assert_eq!(texts.last().unwrap(), "the brokers answer again");
    }
}
