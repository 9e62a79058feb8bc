//! `kreplay demo`: replays generated events on an embedded broker.

mod watch;

use std::time::Duration;

use chrono::Utc;
use kreplay_console::{action::Action, key::Mode, keymap::Keymap};
use kreplay_engine::{
    plan::Selection,
    replay::{RequestReader, RequestedRun, SessionOptions},
};
use kreplay_kafka::{KafkaConfig, embedded::EmbeddedBroker};
use kreplay_model::domain::TopicPartition;

use super::{
    CliError, Exit, ReportArgs,
    launch::Launch,
    work::{SessionView, protocol},
};
use crate::{
    config::Config,
    demo::{self, DemoError},
};

pub use watch::WatchDemoArgs;

/// The actions of the hint, with what it says about them.
const HINT: [(Action, &str); 6] = [
    (Action::MoreWorkers, "more workers"),
    (Action::FewerWorkers, "fewer"),
    (Action::TogglePause, "pause"),
    (Action::Run, "run again"),
    (Action::Compare, "compare runs"),
    (Action::Help, "help"),
];

/// The most useful keys of those in force.
fn hint(keymap: &Keymap) -> String {
    let key = |(action, does): (Action, &str)| Some(format!("{} {does}", keymap.key(action, Mode::Dashboard)?));
    HINT.into_iter().filter_map(key).collect::<Vec<_>>().join(" · ")
}

/// Shows a simulated cluster. On it, only the flags of the watch and of the console have an effect.
pub(super) fn watch(args: &WatchDemoArgs, config: &Config, report: &ReportArgs) -> Result<Exit, CliError> {
    watch::execute(args, config, report)
}

/// Starts the broker, produces the events and replays them.
pub(super) fn execute(config: &Config, report: &ReportArgs, launch: Launch) -> Result<Exit, CliError> {
    let scope = config.demo.scope.clone();
    let broker = EmbeddedBroker::start().map_err(|error| CliError::Failed(error.to_string()))?;
    let seeded = demo::seed(&broker, &config.demo.datasets).map_err(|error| match error {
        // Detected before anything is produced, and fixed by other flags.
        DemoError::TooLarge { .. } | DemoError::TooMany { .. } => CliError::Usage(error.to_string()),
        _ => CliError::Failed(error.to_string()),
    })?;
    let settings = config.demo_settings();
    if settings.dead_letters() {
        // The embedded broker does not create topics on request, so they are created up front.
        for dataset in 1..=config.demo.datasets.count.get() as usize {
            let name = settings.dead_letter.topic_for(&demo::Datasets::topic(dataset));
            let partitions = config.demo.datasets.partitions;
            broker.create_topic(&name, partitions).map_err(|error| CliError::Failed(error.to_string()))?;
        }
    }
    let topics = (1..=config.demo.datasets.count.get() as usize).map(demo::Datasets::topic);
    let selection = Selection::topics(topics).map_err(|error| CliError::Usage(error.to_string()))?;
    let datasets = config.demo.datasets;
    let held: Vec<TopicPartition> = seeded.partitions.into_keys().collect();
    let selection = demo::with_offsets(selection.within(scope.clone()), &datasets, &held, Utc::now());
    let scope = selection.scope.clone();
    let requests = launch.requests.map(|reader| {
        RequestReader::new(move |request| {
            let RequestedRun { selection, settings, journal } = reader.read(request)?;
            let selection = demo::with_offsets(selection, &datasets, &held, Utc::now());
            Ok(RequestedRun { selection, settings, journal })
        })
    });
    let properties =
        broker.client_properties().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let hint = Some(hint(&config.console.keymap));
    let show = SessionView { config, report, command: "demo", hint, launch: launch.access };
    show.run(SessionOptions {
        kafka: KafkaConfig { bootstrap_servers: broker.bootstrap_servers().into(), properties },
        embedded: true,
        selection: Some(selection),
        scope,
        settings,
        protocol: protocol(config.run.group_protocol, true),
        // A separate group per run: each run of the demo replays all events, so it starts without committed offsets.
        group_per_run: true,
        timeout: Duration::from_secs(10),
        start: true,
        one_run: true,
        journal: None,
        requests,
    })
}
