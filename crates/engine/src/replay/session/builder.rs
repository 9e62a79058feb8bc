//! Builds a session in a program that embeds the engine.

use std::{fmt::Display, time::Duration};

use kreplay_kafka::{GroupProtocol, KafkaConfig};
use kreplay_model::{
    domain::{BoundsError, Concurrency, Ordering, RateLimit},
    feed::{RunState, RunView},
};

use super::Session;
use crate::{
    handler::{HandlerChoice, HandlerFactory, RecordRef, handler_fn},
    plan::{Range, RangeEnd, Scope, Selection, SelectionError},
    replay::{JournalOptions, SessionOptions},
    settings::Settings,
};

/// How long a plan waits for the cluster unless the caller sets another time.
const DEFAULT_CLUSTER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why an embedded run has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The topics cannot be selected.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// A number is out of its bounds.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// No topic was given.
    #[error("no topics to read; call topics() or topics_matching() first")]
    NoTopics,
    /// The operating system has no thread left.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The run could not start, for example because a topic does not exist or the cluster does not answer.
    #[error("the run cannot start: {0}")]
    NotStarted(String),
    /// The run failed.
    #[error("the run failed: {error}")]
    Failed {
        /// Why.
        error: String,
        /// The run at its end.
        run: Box<RunView>,
    },
}

/// Configures one run and starts it. Created by [`Session::builder`].
///
/// Everything that is not set has the default of the command line: key order, six workers, all records
/// from the earliest to the present end, no consumer group. Nothing is written to disk unless
/// [`journal`](Self::journal) is called.
#[must_use = "a builder does nothing until it is started"]
pub struct SessionBuilder {
    kafka: KafkaConfig,
    selection: Option<Selection>,
    scope: Scope,
    settings: Settings,
    protocol: GroupProtocol,
    timeout: Duration,
    journal: Option<JournalOptions>,
    error: Option<SessionError>,
}

impl SessionBuilder {
    pub(super) fn new(kafka: KafkaConfig) -> Self {
        Self {
            kafka,
            selection: None,
            scope: Scope::default(),
            settings: Settings::default(),
            protocol: GroupProtocol::default(),
            timeout: DEFAULT_CLUSTER_TIMEOUT,
            journal: None,
            error: None,
        }
    }

    /// The topics to read, by name.
    pub fn topics<T: Into<String>>(self, names: impl IntoIterator<Item = T>) -> Self {
        let selected = Selection::topics(names);
        self.select(selected)
    }

    /// The topics to read: those whose whole name matches a regular expression.
    pub fn topics_matching(self, expression: &str) -> Self {
        let selected = Selection::matching(expression);
        self.select(selected)
    }

    /// Where reading starts and ends. The default is from the earliest record to the present end.
    pub fn range(mut self, range: Range) -> Self {
        self.scope.range = range;
        self
    }

    /// Follows the log: the run handles what is there, then each new record, until it is stopped.
    pub fn follow(mut self) -> Self {
        self.scope.range.to = RangeEnd::Never;
        self
    }

    /// The number of workers, from 1 to 1000.
    pub fn concurrency(mut self, workers: u64) -> Self {
        match Concurrency::new(workers) {
            Ok(concurrency) => self.settings.concurrency = concurrency,
            Err(error) => self.fail(error.into()),
        }
        self
    }

    /// Which records keep their order. The default is those of one key.
    pub fn ordering(mut self, ordering: Ordering) -> Self {
        self.settings.ordering = ordering;
        self
    }

    /// Reads as a consumer group, which shares the work between processes and keeps the positions.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.settings.group = Some(group.into());
        self
    }

    /// The most records or bytes handed to handlers in a second.
    pub fn rate(mut self, limit: RateLimit) -> Self {
        self.settings.rate = Some(limit);
        self
    }

    /// Keeps a journal of the run, from which it can be resumed.
    pub fn journal(mut self, options: JournalOptions) -> Self {
        self.journal = Some(options);
        self
    }

    /// How long to wait for the cluster before the run starts. The default is 30 s.
    pub fn cluster_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Changes any other setting of the run: retries, dead letters, buffers, tier.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Handles records with a closure. See [`handler_fn`].
    pub fn handler_fn<F, E>(self, handle: F) -> Self
    where
        F: Fn(RecordRef<'_>) -> Result<(), E> + Send + Sync + 'static,
        E: Display + 'static,
    {
        self.handler(handler_fn(handle))
    }

    /// Handles records with handlers that this factory opens for each run.
    pub fn handler(mut self, factory: impl HandlerFactory + 'static) -> Self {
        self.settings.handler = HandlerChoice::new(factory);
        self
    }

    /// Starts the run in the background. Its [`Feed`](kreplay_model::feed::Feed) shows its progress, its
    /// [`Control`](crate::replay::Control) changes concurrency and rate, pauses and stops it.
    ///
    /// # Errors
    /// An argument of an earlier call was invalid, no topics were given, or no thread can be started.
    pub fn start(self) -> Result<Session, SessionError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let selection = self.selection.ok_or(SessionError::NoTopics)?;
        let options = SessionOptions {
            kafka: self.kafka,
            embedded: false,
            selection: Some(Selection { scope: self.scope.clone(), ..selection }),
            scope: self.scope,
            settings: self.settings,
            protocol: self.protocol,
            group_per_run: false,
            timeout: self.timeout,
            start: true,
            one_run: true,
            journal: self.journal,
            requests: None,
        };
        Ok(Session::spawn(options)?)
    }

    /// Starts the run and waits for its end.
    ///
    /// # Errors
    /// As [`start`](Self::start); or the run could not start, or failed. Dead letters and skipped records are no error:
    /// they are counted in the result's totals.
    pub fn run(self) -> Result<RunView, SessionError> {
        self.start()?.finish()
    }

    fn select(mut self, selected: Result<Selection, SelectionError>) -> Self {
        match selected {
            Ok(selection) => self.selection = Some(selection),
            Err(error) => self.fail(error.into()),
        }
        self
    }

    fn fail(&mut self, error: SessionError) {
        self.error.get_or_insert(error);
    }
}

impl Session {
    /// Configures one run on a cluster, for programs that embed the engine.
    ///
    /// A complete program; the last argument of `topics` and the closure are all it needs besides an address:
    ///
    /// ```
    /// # use kreplay_engine::{domain::PartitionCount, kafka::embedded::EmbeddedBroker};
    /// use kreplay_engine::{handler::RecordRef, kafka::KafkaConfig, replay::Session};
    ///
    /// # let broker = EmbeddedBroker::start()?;
    /// # broker.create_topic("orders", PartitionCount::new(3)?)?;
    /// # let address = broker.bootstrap_servers();
    /// let run = Session::builder(KafkaConfig::new(address))
    ///     .topics(["orders"])
    ///     .concurrency(16)
    ///     .handler_fn(|record: RecordRef<'_>| {
    ///         println!("{}-{} at {}", record.topic(), record.partition(), record.offset());
    ///         Ok::<(), std::io::Error>(())
    ///     })
    ///     .run()?;
    /// println!("{} records handled", run.totals.handled);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(kafka: KafkaConfig) -> SessionBuilder {
        SessionBuilder::new(kafka)
    }

    /// Waits for the end of a run that [`SessionBuilder::start`] started.
    ///
    /// # Errors
    /// [`SessionError::NotStarted`] or [`SessionError::Failed`].
    pub fn finish(self) -> Result<RunView, SessionError> {
        let end = self.join();
        if let Some(problem) = end.problem {
            return Err(SessionError::NotStarted(problem.text));
        }
        let run = end.run.ok_or_else(|| SessionError::NotStarted("the session ended before its run".into()))?;
        if run.state == RunState::Failed {
            let error = run.error.clone().unwrap_or_else(|| "no reason was reported".into());
            return Err(SessionError::Failed { error, run: Box::new(run) });
        }
        Ok(run)
    }
}
