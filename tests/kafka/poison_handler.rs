//! A handler that cannot bear some records until it is mended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use kreplay::domain::Record;
use kreplay::handler::{Advice, Handler, HandlerError, HandlerSource, LaneFailure, LaneRun, RunEnd};
use parking_lot::Mutex;

/// Fails for every record whose value begins with `bad`, and remembers the others in the order in which it handled them.
#[derive(Clone, Debug, Default)]
pub struct PoisonHandler {
    handled: Arc<Mutex<Vec<(String, String)>>>,
    mended: Arc<AtomicBool>,
    work: Duration,
}

impl PoisonHandler {
    /// Each record takes so long.
    pub fn taking(work: Duration) -> Self {
        Self { work, ..Self::default() }
    }

    /// From now on it bears every record.
    pub fn mend(&self) {
        self.mended.store(true, Relaxed);
    }

    pub fn source(&self) -> Arc<dyn HandlerSource> {
        Arc::new(self.clone())
    }

    pub fn count(&self) -> usize {
        self.handled.lock().len()
    }

    /// The values of each key in the order in which they were handled.
    pub fn by_key(&self) -> BTreeMap<String, Vec<String>> {
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in self.handled.lock().iter() {
            keys.entry(key.clone()).or_default().push(value.clone());
        }
        keys
    }
}

impl HandlerSource for PoisonHandler {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(One(self.clone()))
    }

    fn wants_headers(&self) -> bool {
        false
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        Ok(())
    }
}

struct One(PoisonHandler);

impl One {
    fn handle_one(&self, record: &Record) -> Result<(), String> {
        if !self.0.work.is_zero() {
            std::thread::sleep(self.0.work);
        }
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
        let value = text(record.value());
        if value.starts_with("bad") && !self.0.mended.load(Relaxed) {
            return Err(format!("cannot bear {value}"));
        }
        self.0.handled.lock().push((text(record.key()), value));
        Ok(())
    }
}

impl Handler for One {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                if let Err(error) = self.handle_one(record) {
                    failures.push(LaneFailure { run, done, error, advice: Advice::Retry });
                    break;
                }
            }
        }
        failures
    }
}
