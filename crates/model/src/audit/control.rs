//! Commands from a view to what audits topics, and its answers.

use std::sync::Arc;

use super::AuditReport;
use crate::{
    feed::Planning,
    task::{TaskCommand, TaskControl, TaskJob, TaskProgress, TaskServer},
};

/// An audit that a view asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditTask {
    /// A number that the view chooses, so that answers to an earlier task are recognised.
    pub number: u64,
    /// The names of the topics.
    pub topics: Arc<[String]>,
    /// Whether all records are read, instead of a sample.
    pub full: bool,
    /// The number of partitions to rehearse; `None` for no rehearsal.
    pub rehearse_partitions: Option<i32>,
}

/// How far an audit is.
#[derive(Clone, Debug, PartialEq)]
pub enum AuditStep {
    /// Records are being read.
    Reading(Planning),
    /// The report.
    Done(Arc<AuditReport>),
    /// Why there is no report, in one sentence.
    Failed(String),
}

/// A view's command. An audit that is stopped reports what was found so far.
pub type AuditCommand = TaskCommand<AuditTask>;
/// How far the audit with a number is.
pub type AuditProgress = TaskProgress<AuditStep>;
/// Sends commands, and receives the answers.
pub type AuditControl = TaskControl<AuditTask, AuditStep>;
/// The other end of an [`AuditControl`].
pub type AuditServer = TaskServer<AuditTask, AuditStep>;
/// An audit, and whether reading is to end.
pub type AuditJob = TaskJob<AuditTask>;
