//! Audits topics for the user of a console, on a thread of its own.

use std::{sync::Arc, time::Duration};

use kreplay_console::ConsoleOptions;
use kreplay_engine::{
    plan::{
        PlanningError, Scope, Selection, resolve,
        scan::{ScanSize, ScanTimeouts},
    },
    replay::SessionOptions,
};
use kreplay_kafka::{Catalog, Client, ClientHealth, KafkaConfig};
use kreplay_model::{
    audit::{AuditControl, AuditJob, AuditReport, AuditServer, AuditStep},
    domain::Tier,
    feed::Planning,
};

use super::CliError;
use crate::audit::{AuditRequest, audit};

/// Audits topics of a cluster. It uses no group and changes nothing.
pub(super) struct TopicAuditor {
    kafka: KafkaConfig,
    /// Which records of the topics are audited, and the template of the keys whose order matters.
    scope: Scope,
    tier: Tier,
    /// The offsets that a sample has.
    sample: u32,
    sample_time: Duration,
    timeout: Duration,
}

impl TopicAuditor {
    /// An auditor of the cluster of a session, which reads the range and the filter of its runs.
    pub(super) fn of_session(options: &SessionOptions) -> Self {
        let settings = &options.settings;
        Self {
            kafka: options.kafka.clone(),
            scope: options.scope.clone(),
            tier: settings.tier,
            sample: settings.planning.sample,
            sample_time: settings.planning.sample_time,
            timeout: options.timeout,
        }
    }

    /// Options with which the console can audit topics. The thread ends with the console. Nothing is sent to the
    /// cluster before the first audit is asked for.
    pub(super) fn offer(self, options: ConsoleOptions) -> Result<ConsoleOptions, CliError> {
        let (control, server) = AuditControl::channel();
        let thread = std::thread::Builder::new().name("auditor".into()).spawn(move || self.serve(server));
        thread.map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
        Ok(ConsoleOptions { audit: Some(control), ..options })
    }

    /// Audits what the console asks for, one task after another, until it is closed.
    fn serve(&self, mut server: AuditServer) {
        while let Some(job) = server.next_job() {
            let number = job.task.number;
            let mut progress = |read| server.answer(number, AuditStep::Reading(read));
            progress(Planning::default());
            let step = match self.audit(&job, &mut progress) {
                Ok(report) => AuditStep::Done(report.into()),
                Err(problem) => AuditStep::Failed(problem),
            };
            server.answer(number, step);
        }
    }

    /// Audits once.
    ///
    /// # Errors
    /// Why there is no report, in one sentence.
    fn audit(&self, job: &AuditJob, progress: &mut dyn FnMut(Planning)) -> Result<AuditReport, String> {
        let selection = Selection::topics(job.task.topics.iter()).map_err(|error| error.to_string())?;
        let selection = selection.within_scope_of_others(self.scope.clone());
        selection.scope.rules.decoding.check().map_err(|error| error.to_string())?;
        let health: Arc<ClientHealth> = Arc::default();
        let client = Client::new(&self.kafka, &health).map_err(|error| error.to_string())?;
        let report = self.read(&client, &selection, job, progress);
        client.close();
        report.map_err(|error| error.to_string())
    }

    fn read(
        &self,
        client: &Client,
        selection: &Selection,
        job: &AuditJob,
        progress: &mut dyn FnMut(Planning),
    ) -> Result<AuditReport, PlanningError> {
        let plan = resolve(&Catalog::new(client, self.timeout), selection)?;
        let request = AuditRequest {
            client,
            tier: self.tier,
            plan: &plan,
            size: if job.task.full { ScanSize::Full } else { ScanSize::Offsets(u64::from(self.sample)) },
            timeouts: ScanTimeouts { sample: self.sample_time, silence: self.timeout },
            sequence: None,
            rehearse_partitions: job.task.rehearse_partitions,
            rehearse_key: None,
            cancel: &job.cancel,
        };
        Ok(audit(&request, progress)?)
    }
}
