//! From a handler's name to a handler for each worker.

use std::{io, path::PathBuf, sync::Arc};

use super::{
    Handler, HandlerSpec, ndjson,
    ndjson::NdjsonHandler,
    null::NullHandler,
    simulate::{self, SimulateHandler},
};
use crate::domain::{Growing, TopicPartition};

/// A handler that cannot be made, or cannot be brought to its end.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Its settings contradict each other.
    #[error("handler {handler}: {reason}")]
    Settings {
        /// The handler's name.
        handler: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Its file cannot be opened.
    #[error("cannot open {} for the ndjson handler: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its file cannot be brought to the disk.
    #[error("cannot bring {} to the disk: {source}", path.display())]
    Finish {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes the handlers of one run: what they share is opened once and closed once.
#[derive(Debug)]
pub struct HandlerFactory {
    kind: Kind,
    partitions: Arc<Growing<TopicPartition>>,
}

#[derive(Debug)]
enum Kind {
    Null,
    Simulate { prototype: simulate::Prototype, mean_s: f64 },
    Ndjson(ndjson::Output),
}

impl HandlerFactory {
    /// Opens what the handlers share. `partitions` are the run's: a record names its own by index.
    ///
    /// # Errors
    /// A file that cannot be opened, or settings that cannot be.
    pub fn new(spec: &HandlerSpec, partitions: Arc<Growing<TopicPartition>>) -> Result<Self, HandlerError> {
        let kind = match spec {
            HandlerSpec::Null => Kind::Null,
            HandlerSpec::Simulate(settings) => {
                Kind::Simulate { prototype: simulate::Prototype::new(*settings)?, mean_s: settings.work.mean_s() }
            }
            HandlerSpec::Ndjson { path } => {
                Kind::Ndjson(ndjson::Output::open(path.as_deref(), Arc::clone(&partitions))?)
            }
        };
        Ok(Self { kind, partitions })
    }

    /// The handler of one worker. The times and failures that `simulate` draws depend on the worker's number alone.
    #[must_use]
    pub fn make(&self, worker: u32) -> Box<dyn Handler> {
        match &self.kind {
            Kind::Null => Box::new(NullHandler),
            Kind::Simulate { prototype, .. } => Box::new(SimulateHandler::new(*prototype, u64::from(worker))),
            Kind::Ndjson(output) => Box::new(NdjsonHandler::new(output.clone())),
        }
    }

    /// Whether the handlers look at headers; where they do not, reading need not copy them.
    #[must_use]
    pub fn wants_headers(&self) -> bool {
        matches!(self.kind, Kind::Ndjson(_))
    }

    /// A partition joins the run: it has the next index.
    pub fn joined(&self, id: &TopicPartition) {
        self.partitions.push(id.clone());
    }

    /// The mean time of a record in seconds, where the settings say it.
    #[must_use]
    pub fn expected_s(&self) -> Option<f64> {
        match self.kind {
            Kind::Simulate { mean_s, .. } => Some(mean_s),
            Kind::Null | Kind::Ndjson(_) => None,
        }
    }

    /// Brings what was written to the disk, after the last batch.
    ///
    /// # Errors
    /// [`HandlerError::Finish`]: records that count as handled may be lost if the machine stops.
    pub fn finish(&self) -> Result<(), HandlerError> {
        match &self.kind {
            Kind::Null | Kind::Simulate { .. } => Ok(()),
            Kind::Ndjson(output) => output.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::testing::lane;

    fn names<const N: usize>(names: [TopicPartition; N]) -> Arc<Growing<TopicPartition>> {
        Arc::new(names.into_iter().collect())
    }

    fn factory(spec: &str) -> HandlerFactory {
        HandlerFactory::new(&spec.parse().unwrap(), names([TopicPartition::new("t", 0)])).unwrap()
    }

    #[test]
    fn each_handler_says_what_it_needs_and_takes() {
        assert_eq!((factory("null").wants_headers(), factory("null").expected_s()), (false, None));
        assert_eq!(factory("simulate:2ms").expected_s(), Some(0.002));
        assert_eq!(factory("simulate:0,fail=1").make(3).handle(&[lane(0, 1)]).len(), 1);
        factory("null").finish().unwrap();
    }

    #[test]
    fn workers_and_processes_share_one_file_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        // Each factory has a file of its own to the system, as another process would.
        let factories = [(); 2].map(|()| factory(&format!("ndjson:{}", path.display())));
        assert!(factories[0].wants_headers());
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let mut handler = factories[worker % 2].make(0);
                scope.spawn(move || (0..50).for_each(|_| assert_eq!(handler.handle(&[lane(0, 20)]), [])));
            }
        });
        for factory in &factories {
            factory.finish().unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 4 * 50 * 20);
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error_before_the_run() {
        let spec = "ndjson:/no/such/dir/out".parse().unwrap();
        let error = HandlerFactory::new(&spec, names([])).unwrap_err().to_string();
        assert!(error.starts_with("cannot open /no/such/dir/out"), "{error}");
    }
}
