//! `kreplay run`, and the console on a cluster: a replay of real topics.

use std::time::Duration;

use super::{
    CliError, Exit, ReportArgs,
    work::{Show, protocol},
};
use crate::{
    config::Config,
    kafka::KafkaConfig,
    replay::{JournalOptions, SessionOptions},
};

/// How long the cluster may take to describe the topics.
const TIMEOUT: Duration = Duration::from_secs(10);

/// No topics where they cannot be chosen in a console.
pub(super) fn no_topics() -> CliError {
    let text = "no topics are named; use --topics NAME or --topics-regex RE, or run.topics in the configuration";
    CliError::Usage(text.into())
}

/// What a session needs that replays what the configuration selects.
pub(super) fn options(config: &Config, journal: Option<JournalOptions>) -> Result<SessionOptions, CliError> {
    let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
        return Err(CliError::Usage("no cluster is named; use --bootstrap-server HOST:PORT".into()));
    };
    Ok(SessionOptions {
        kafka: KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() },
        embedded: false,
        selection: config.run.selection(),
        scope: config.run.scope.clone(),
        settings: config.run.settings.clone(),
        protocol: protocol(config.run.group_protocol, false),
        group_per_run: false,
        timeout: TIMEOUT,
        start: true,
        one_run: true,
        journal,
    })
}

/// Replays what the configuration selects; where it selects nothing, the console lets the user choose.
pub(super) fn execute(config: &Config, report: &ReportArgs, journal: Option<JournalOptions>) -> Result<Exit, CliError> {
    let options = options(config, journal)?;
    let show = Show { config, report, hint: None };
    if options.selection.is_none() && !show.with_console() {
        // Without a console nobody can choose.
        return Err(no_topics());
    }
    show.run(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_console_topics_have_to_be_named() {
        let mut config = Config::default();
        config.kafka.bootstrap_servers = Some("127.0.0.1:1".into());
        let report = ReportArgs { headless: true, ..ReportArgs::default() };
        let error = execute(&config, &report, None).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(error.to_string().contains("no topics are named; use --topics NAME"), "{error}");
    }
}
