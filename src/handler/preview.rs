//! Effects that are built and not applied.

use super::{Advice, Handler, LaneFailure, LaneRun};
use crate::domain::Record;

/// What a record would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedEffect {
    /// What kind of effect it is, and on what; effects are counted by it: `statement orders`, `POST http://…`, `topic orders.v2`.
    pub what: String,
    /// Everything that the effect consists of, in one form for equal effects: two handlers do the same where these are the
    /// same. For people it is shown escaped and cut.
    pub content: Vec<u8>,
}

/// Why a record has no effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unbuilt {
    /// It would fail, for this reason.
    Record(String),
    /// Something that has nothing to do with the record is in the way, such as a full disk: whatever is said of records from
    /// here on would be wrong.
    Stop(String),
}

impl From<String> for Unbuilt {
    fn from(reason: String) -> Self {
        Self::Record(reason)
    }
}

/// What effects consist of. Only those of one form can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectForm {
    /// There are none; all that can be told is which records would fail.
    Nothing,
    /// Rows that change in a scratch database.
    Rows,
    /// SQL with its values.
    Statements,
    /// Records for topics.
    Records,
    /// Lines of JSON.
    Lines,
    /// Rows of files.
    FileRows,
    /// Lines for commands.
    Input,
    /// Requests.
    Requests,
}

impl EffectForm {
    /// What it is called, where two forms do not go together.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Rows => "rows in SQLite",
            Self::Statements => "statements for PostgreSQL",
            Self::Records => "records in topics",
            Self::Lines => "lines of JSON",
            Self::FileRows => "rows of files",
            Self::Input => "lines for commands",
            Self::Requests => "requests",
        }
    }

    /// What a comparison of such effects compares, and what it cannot see.
    #[must_use]
    pub fn compared(self) -> &'static str {
        match self {
            Self::Nothing => "which records fail, for neither handler has effects",
            Self::Rows => {
                "rows that change in scratch databases which begin empty: rows that are in the targets play no part, and the \
                 current time and random numbers are the same for both"
            }
            Self::Statements => {
                "PostgreSQL's statements with their values, not the rows that they would change: what is the same but written \
                 in another way differs, and what reads tables or the clock is not looked into"
            }
            Self::Records => "records as they would be sent: topic, partition, key, value, headers and time",
            Self::Lines => "lines of JSON",
            Self::FileRows => "rows of files",
            Self::Input => "lines that the commands would be given, not what they do with them",
            Self::Requests => "requests as they would be sent, not what is done with them",
        }
    }

    /// The form of two handlers together; `None` where they have nothing in common. What has no effects goes with everything.
    #[must_use]
    pub fn common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Nothing, form) | (form, Self::Nothing) => Some(form),
            (one, other) => (one == other).then_some(one),
        }
    }
}

/// A handler of what was opened for previews only: nothing can be handled.
pub(super) struct Unopened(pub(super) &'static str);

impl Handler for Unopened {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let failure = |run| LaneFailure { run, done: 0, error: self.0.into(), advice: Advice::Stop };
        (0..batch.len()).map(failure).collect()
    }
}

/// Decodes, routes and builds effects, and applies none.
///
/// It may keep state of its own, such as a scratch database, so it has to see the records of a key in their order.
pub trait Preview: Send {
    /// Appends what a record would do.
    ///
    /// # Errors
    /// What would fail the record, or keeps effects from being built at all, in one sentence.
    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), Unbuilt>;

    /// What the effects consist of.
    fn form(&self) -> EffectForm;

    /// Whether what a record would do depends on records before it. Then there is one preview for all of them; otherwise
    /// there is one for each worker.
    fn keeps_state(&self) -> bool {
        false
    }
}
