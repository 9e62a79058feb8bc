//! Reads the records that the user of a console looks at, on a thread of its own.

use std::{io, sync::Arc, time::Duration};

use kreplay_console::ConsoleOptions;
use kreplay_engine::{decode::Decoding, inspect::RecordInspector, replay::SessionOptions};
use kreplay_kafka::KafkaConfig;
use kreplay_model::inspect::InspectControl;

use super::CliError;
use crate::config::Config;

/// Maximum time of one request for a record: a user waits for the answer.
const MAX_TIMEOUT: Duration = Duration::from_secs(10);

/// An inspector of the cluster of a session, which decodes as its runs do.
pub(super) fn of_session(options: &SessionOptions) -> RecordInspector {
    inspector(options.kafka.clone(), options.scope.rules.decoding.clone(), options.timeout)
}

/// An inspector of the configured cluster, which decodes as the configuration says.
pub(super) fn of_config(config: &Config) -> RecordInspector {
    let kafka = KafkaConfig {
        bootstrap_servers: config.kafka.bootstrap_servers.clone().unwrap_or_default(),
        properties: config.kafka.properties.to_map(),
    };
    inspector(kafka, config.run.scope.rules.decoding.clone(), config.kafka.connect_timeout)
}

fn inspector(kafka: KafkaConfig, decoding: Decoding, timeout: Duration) -> RecordInspector {
    RecordInspector::new(kafka, decoding, timeout.min(MAX_TIMEOUT))
}

/// Options with which the console can show records. The thread ends with the console. Nothing is sent to the cluster
/// before the first record is asked for.
pub(super) fn offer(inspector: RecordInspector, options: ConsoleOptions) -> Result<ConsoleOptions, CliError> {
    let started = start(&Arc::new(inspector));
    let control = started.map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    Ok(ConsoleOptions { inspect: Some(control), ..options })
}

/// Starts a thread that reads records until the control is dropped.
pub(super) fn start(inspector: &Arc<RecordInspector>) -> io::Result<InspectControl> {
    let (control, server) = InspectControl::channel();
    let inspector = Arc::clone(inspector);
    std::thread::Builder::new().name("records".into()).spawn(move || inspector.serve(server))?;
    Ok(control)
}
