//! `kreplay run`, and the console on a cluster.

use kreplay_engine::replay::{JournalOptions, SessionOptions};
use kreplay_kafka::KafkaConfig;

use super::{
    CliError, Exit, ReportArgs,
    launch::Launch,
    work::{SessionView, protocol},
};
use crate::config::Config;

/// The error for a command that needs topics and has none.
pub(super) fn no_topics() -> CliError {
    let text = "no topics given; use --topics NAME or --topics-regex RE, or set run.topics";
    CliError::Usage(text.into())
}

/// Session options for the configured replay.
pub(super) fn options(config: &Config, journal: Option<JournalOptions>) -> Result<SessionOptions, CliError> {
    let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
        let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
        return Err(CliError::Usage(missing.into()));
    };
    Ok(SessionOptions {
        kafka: KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() },
        embedded: false,
        selection: config.run.selection(),
        scope: config.run.scope.clone(),
        settings: config.run_settings(),
        protocol: protocol(config.run.group_protocol, false),
        group_per_run: false,
        timeout: config.kafka.connect_timeout,
        start: true,
        one_run: true,
        journal,
        requests: None,
    })
}

/// Replays the configured topics. If there are none, the user chooses them in the console.
pub(super) fn execute(
    config: &Config,
    report: &ReportArgs,
    journal: Option<JournalOptions>,
    launch: Launch,
) -> Result<Exit, CliError> {
    let options = SessionOptions { requests: launch.requests, ..options(config, journal)? };
    let command =
        if options.journal.as_ref().is_some_and(|journal| journal.resume.is_some()) { "resume" } else { "run" };
    let show = SessionView { config, report, command, hint: None, launch: launch.access };
    if options.selection.is_none() && !show.with_console() {
        // Topics can only be chosen in a console.
        return Err(no_topics());
    }
    show.run(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_required_without_a_console() {
        let mut config = Config::default();
        config.kafka.bootstrap_servers = Some("127.0.0.1:1".into());
        let report = ReportArgs { headless: true, ..ReportArgs::default() };
        let error = execute(&config, &report, None, Launch::unavailable("a test")).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(error.to_string().contains("no topics given; use --topics NAME"), "{error}");
    }
}
