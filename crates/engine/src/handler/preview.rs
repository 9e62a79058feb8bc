//! Previews: effects that are built but not applied.

use kreplay_model::domain::Record;

use super::{Advice, Handler, LaneFailure, LaneRun};

/// One effect that a record would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedEffect {
    /// The kind of effect and its object, by which effects are counted: `statement orders`, `POST http://…`,
    /// `topic orders.v2`.
    pub what: String,
    /// The whole effect in a canonical form: two effects are equal if and only if their contents are. Escaped and
    /// truncated when it is shown.
    pub content: Vec<u8>,
}

/// Why the effects of a record cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviewError {
    /// The record would fail, for this reason.
    Record(String),
    /// The target or the schema registry does not answer for the moment. The record is previewed again by the schedule
    /// for retries.
    Unable(String),
    /// A failure unrelated to the record, such as a full disk. Results for this and later records would be wrong.
    Stop(String),
}

impl From<String> for PreviewError {
    fn from(reason: String) -> Self {
        Self::Record(reason)
    }
}

/// What effects consist of. Only effects of the same form can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectForm {
    /// No effects: the preview shows only which records would fail.
    Nothing,
    /// Changed rows of a scratch database.
    Rows,
    /// SQL statements with their values.
    Statements,
    /// Records written to topics.
    Records,
    /// JSON lines.
    Lines,
    /// Rows of files.
    FileRows,
    /// Input lines of commands.
    Input,
    /// HTTP requests.
    Requests,
}

impl EffectForm {
    /// The form's name in errors about two forms that cannot be compared.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Rows => "rows in SQLite",
            Self::Statements => "statements for PostgreSQL",
            Self::Records => "records in topics",
            Self::Lines => "JSON lines",
            Self::FileRows => "rows of files",
            Self::Input => "input lines of commands",
            Self::Requests => "requests",
        }
    }

    /// What is compared between two handlers with this form, and what is not.
    #[must_use]
    pub fn compared(self) -> &'static str {
        match self {
            Self::Nothing => "which records fail, because neither handler has effects",
            Self::Rows => {
                "changed rows of scratch databases that start empty: existing rows of the targets have no influence, \
                 and both sides see the same current time and random numbers"
            }
            Self::Statements => {
                "PostgreSQL statements with their values, not the rows that they would change: equivalent statements \
                 that are written differently count as different, and what they read from tables or the clock is not \
                 evaluated"
            }
            Self::Records => "records as they would be sent: topic, partition, key, value, headers and time",
            Self::Lines => "JSON lines",
            Self::FileRows => "rows of files",
            Self::Input => "input lines of the commands, not what the commands do with them",
            Self::Requests => "requests as they would be sent, not what the server does with them",
        }
    }

    /// The form in which two handlers can be compared; `None` if their forms differ. `Nothing` is comparable with every
    /// form.
    #[must_use]
    pub fn common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Nothing, form) | (form, Self::Nothing) => Some(form),
            (one, other) => (one == other).then_some(one),
        }
    }
}

/// A handler that was opened for previews only: it fails every batch with this text.
pub struct PreviewOnlyHandler(pub &'static str);

impl Handler for PreviewOnlyHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let failure = |run| LaneFailure { run, done: 0, error: self.0.into(), advice: Advice::Stop };
        (0..batch.len()).map(failure).collect()
    }
}

/// Decodes and routes records and builds their effects without applying them.
///
/// A preview may keep state, such as a scratch database, so it must see the records of a key in order.
pub trait Preview: Send {
    /// Appends the effects that a record would have.
    ///
    /// # Errors
    /// One sentence: why the record would fail, or why no effects can be built at all.
    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), PreviewError>;

    /// What the effects consist of.
    fn form(&self) -> EffectForm;

    /// Whether the effects of a record depend on earlier records. If so, one preview sees all records; otherwise each
    /// worker has its own.
    fn keeps_state(&self) -> bool {
        false
    }
}
