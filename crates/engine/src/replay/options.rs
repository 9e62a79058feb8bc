//! The options of a session, and its result.

use std::{
    fmt::{self, Display},
    sync::Arc,
    time::Duration,
};

use kreplay_kafka::{GroupProtocol, KafkaConfig};
use kreplay_model::{
    control::{FieldProblem, RunRequest},
    domain::{Classified, ErrorClass},
    feed::RunView,
};

use super::JournalOptions;
use crate::settings::Settings;
use crate::{
    handler::HandlerChoice,
    plan::{Scope, Selection},
};

/// The options of a session.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent switches, each named where it is set")]
pub struct SessionOptions {
    /// How to connect to the cluster.
    pub kafka: KafkaConfig,
    /// Whether the cluster is the embedded broker.
    pub embedded: bool,
    /// What to read; `None` until the user selects topics from the list that the session then makes.
    pub selection: Option<Selection>,
    /// The range and filter for topics that the user selects later.
    pub scope: Scope,
    /// The settings of the runs.
    pub settings: Settings,
    /// The group protocol to use.
    pub protocol: GroupProtocol,
    /// Each run after the first gets its own group with a number, so that records can be replayed repeatedly, as in the
    /// demo.
    pub group_per_run: bool,
    /// How long making a plan waits for the cluster.
    pub timeout: Duration,
    /// Start the first run at once, or list the topics if none are selected.
    pub start: bool,
    /// End when the first run has ended or cannot be started.
    pub one_run: bool,
    /// The journals of the runs; with `None` nothing is stored and no run can be resumed.
    pub journal: Option<JournalOptions>,
    /// What reads requests for runs; with `None` they are refused.
    pub requests: Option<RequestReader>,
}

/// What a request describes.
#[derive(Clone, Debug)]
pub struct RequestedRun {
    /// What to read.
    pub selection: Selection,
    /// The settings.
    pub settings: Settings,
    /// The journal; `None` to store nothing.
    pub journal: Option<JournalOptions>,
}

/// Reads a request, or returns all problems with it.
type ReadRequest = dyn Fn(&RunRequest) -> Result<RequestedRun, Vec<FieldProblem>> + Send + Sync;

/// Reads requests for runs over the settings of the process, with the notation and the checks of its configuration.
#[derive(Clone)]
pub struct RequestReader(Arc<ReadRequest>);

impl RequestReader {
    /// A reader that calls a function. The function must not contact the cluster.
    #[must_use]
    pub fn new(read: impl Fn(&RunRequest) -> Result<RequestedRun, Vec<FieldProblem>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Reads a request.
    ///
    /// # Errors
    /// All problems with it, at least one.
    pub fn read(&self, request: &RunRequest) -> Result<RequestedRun, Vec<FieldProblem>> {
        (self.0)(request)
    }
}

impl fmt::Debug for RequestReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestReader").finish_non_exhaustive()
    }
}

impl SessionOptions {
    /// The same options with another handler.
    #[must_use]
    pub fn handled_by(mut self, handler: impl Into<HandlerChoice>) -> Self {
        self.settings.handler = handler.into();
        self
    }
}

/// The result of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionEnd {
    /// The last run, if there was one.
    pub run: Option<RunView>,
    /// Why the last run could not be started, if so.
    pub problem: Option<Problem>,
    /// The class of the last run's failure, if it failed: `Usage` if its handler found that the request is invalid.
    pub failure: Option<ErrorClass>,
    /// The id of the last run, if it was stopped before its end and can be resumed.
    pub resumable: Option<String>,
}

/// Why a run cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence.
    pub text: String,
    /// `Usage` if the request is invalid, rather than, for example, an unreachable cluster.
    pub class: ErrorClass,
}

impl Problem {
    /// The text and the class of an error.
    #[must_use]
    pub fn of(error: &impl Classified) -> Self {
        Self { text: error.to_string(), class: error.class() }
    }

    /// An invalid request.
    #[must_use]
    pub fn usage(error: &(impl Display + ?Sized)) -> Self {
        Self { text: error.to_string(), class: ErrorClass::Usage }
    }

    /// A failure.
    #[must_use]
    pub fn failed(error: &(impl Display + ?Sized)) -> Self {
        Self { text: error.to_string(), class: ErrorClass::Failed }
    }
}
