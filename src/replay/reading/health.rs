//! Brokers that stop answering and come back, told once each.

use std::time::{Duration, Instant};

use crate::{feed::EventKind, kafka::ClientHealth, replay::engine::Engine};

/// How often a silent cluster is asked for a sign of life.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How long such a question waits.
pub const PROBE_WAIT: Duration = Duration::from_millis(500);

/// Watches one client's connection on behalf of the event log.
#[derive(Debug, Default)]
pub struct Watch {
    told: bool,
    probed: Option<Instant>,
    /// Nothing that was fetched before the brokers went is left to read.
    dry: bool,
}

impl Watch {
    /// So many records were read. While no broker answers they may be old ones from the library's queue; once that has been
    /// seen empty, a further record is a sign of life.
    pub fn read(&mut self, engine: &Engine, health: &ClientHealth, records: usize) {
        if !health.is_down() {
            self.dry = false;
        } else if records == 0 {
            self.dry = true;
        } else if self.dry && health.answered() {
            self.tell_return(engine);
        }
    }

    fn tell_return(&mut self, engine: &Engine) {
        if std::mem::take(&mut self.told) {
            engine.events.push(EventKind::Warning { text: "the brokers answer again".into() });
        }
    }

    /// Looks at the connection; `probe` asks for a sign of life by way of a topic and is called at most once a second, while all brokers are
    /// out of reach.
    pub fn look(&mut self, engine: &Engine, health: &ClientHealth, probe: impl FnOnce(&str) -> bool) {
        let now = Instant::now();
        let due = self.probed.is_none_or(|probed| now.saturating_duration_since(probed) >= PROBE_EVERY);
        if health.is_down() && due {
            self.probed = Some(now);
            // One of many clients may say so late, or of an idle connection that was closed: only what is confirmed is told.
            if is_answered(engine, probe) {
                health.answered();
            } else if !self.told {
                self.told = true;
                let why = health.last_problem().map_or_else(String::new, |problem| format!(": {problem}"));
                engine.events.push(EventKind::Warning { text: format!("no broker answers{why}; trying again") });
            }
        }
        if !health.is_down() {
            self.tell_return(engine);
        }
    }

    /// Reading is over. Others may have read the last records before this one has looked again: what was told of an outage gets
    /// its end, where the brokers answer.
    pub fn end(&mut self, engine: &Engine, health: &ClientHealth, probe: impl FnOnce(&str) -> bool) {
        if self.told && (!health.is_down() || is_answered(engine, probe)) {
            self.tell_return(engine);
        }
    }
}

/// Any topic of the run will do.
fn is_answered(engine: &Engine, probe: impl FnOnce(&str) -> bool) -> bool {
    engine.plan.topics.first().is_some_and(|topic| probe(topic))
}
