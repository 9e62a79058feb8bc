//! Counts records by time for the user of a console, on a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use kreplay_console::ConsoleOptions;
use kreplay_engine::{
    replay::SessionOptions,
    time_counts::{ClusterCounter, count},
};
use kreplay_model::time_counts::{TimeCountControl, TimeCountServer, TimeCountStep, TimeCounts};

use super::CliError;
use crate::demo::{Datasets, EventTimes};

/// Counts the records of topics by time. It changes nothing.
pub(super) enum TimeCounter {
    /// Those of a cluster, which looks up times.
    Cluster(ClusterCounter),
    /// Those of the demo, whose broker cannot look up times: they are computed.
    Demo(Datasets),
}

impl TimeCounter {
    /// A counter of the cluster of a session, or of the demo with these datasets.
    pub(super) fn of_session(options: &SessionOptions, datasets: &Datasets) -> Self {
        if options.embedded {
            Self::Demo(*datasets)
        } else {
            Self::Cluster(ClusterCounter::new(options.kafka.clone(), options.timeout))
        }
    }

    /// Options with which the console can count. The thread ends with the console. Nothing is sent to the cluster
    /// before the first count is asked for.
    pub(super) fn offer(self, options: ConsoleOptions) -> Result<ConsoleOptions, CliError> {
        let (control, server) = TimeCountControl::channel();
        let thread = std::thread::Builder::new().name("time-counter".into()).spawn(move || self.serve(server));
        thread.map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
        Ok(ConsoleOptions { time_counts: Some(control), ..options })
    }

    /// Counts what the console asks for, one task after another, until it is closed.
    fn serve(&self, mut server: TimeCountServer) {
        while let Some(job) = server.next_job() {
            let number = job.task.number;
            server.answer(number, TimeCountStep::LookingUp(0));
            let mut progress = |lookups| server.answer(number, TimeCountStep::LookingUp(lookups));
            let step = match self.count(&job.task.topics, &job.cancel, &mut progress) {
                Ok(counts) => TimeCountStep::Done(counts.into()),
                Err(problem) => TimeCountStep::Failed(problem),
            };
            // The answer to a task that was stopped would be taken for that of the next one with its number.
            if !job.cancel.load(Relaxed) {
                server.answer(number, step);
            }
        }
    }

    /// Counts once.
    ///
    /// # Errors
    /// Why there are no counts, in one sentence.
    fn count(
        &self,
        topics: &[String],
        cancel: &AtomicBool,
        progress: &mut dyn FnMut(u32),
    ) -> Result<TimeCounts, String> {
        match self {
            Self::Cluster(counter) => counter.count(topics, cancel, progress).map_err(|error| error.to_string()),
            Self::Demo(datasets) => Ok(of_demo(datasets, topics)),
        }
    }
}

fn of_demo(datasets: &Datasets, topics: &[String]) -> TimeCounts {
    let times = EventTimes::of(datasets, topics);
    let total = times.len();
    let now = times.last().unwrap_or_default();
    let counted = count(total, now, |at| Ok::<_, std::convert::Infallible>(times.before(at)));
    match counted {
        Ok(counts) => counts,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_its_events_by_time() {
        let datasets =
            Datasets { count: 3.try_into().unwrap(), events: 1_000.try_into().unwrap(), ..Datasets::default() };
        let all: Vec<String> = (1..=3).map(Datasets::topic).collect();
        let counts = of_demo(&datasets, &all);
        assert_eq!(counts.total(), 1_000);
        assert!(counts.counts.len() >= 15, "{counts:?}");
        let one = of_demo(&datasets, &all[..1]);
        assert_eq!(one.total(), datasets.split()[0]);
        assert_eq!(of_demo(&datasets, &["no.topic".to_owned()]), TimeCounts::default());
    }
}
