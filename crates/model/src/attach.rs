//! Running processes whose feed is shown in another process: to which ones a console is attached, whether it reaches
//! them, and whether it can change anything in them.

/// The processes to which a console is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachView {
    /// The processes, in the order in which they were named.
    pub processes: Vec<AttachedProcess>,
    /// Whether commands are sent to them.
    pub access: AttachAccess,
}

/// A process to which a console is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedProcess {
    /// Its name, made from its address.
    pub name: String,
    /// The connection to it.
    pub connection: AttachConnection,
}

/// The connection to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachConnection {
    /// It receives what the process says.
    Open,
    /// It was lost, and is being opened again. What is shown is as of the last frame.
    Lost {
        /// Why, in a few words. External data: views must escape it.
        why: String,
    },
    /// The process has said that it ends.
    Ended,
}

/// Whether commands are sent to the processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachAccess {
    /// None are sent.
    ReadOnly {
        /// Why not, in one sentence without a full stop.
        why: String,
    },
    /// Commands are sent.
    Control,
}

impl AttachView {
    /// Whether several processes are shown together.
    #[must_use]
    pub fn is_merged(&self) -> bool {
        self.processes.len() > 1
    }

    /// The processes that are not reached, with the reasons.
    pub fn lost(&self) -> impl Iterator<Item = (&AttachedProcess, &str)> {
        self.processes.iter().filter_map(|process| match &process.connection {
            AttachConnection::Lost { why } => Some((process, why.as_str())),
            AttachConnection::Open | AttachConnection::Ended => None,
        })
    }
}
