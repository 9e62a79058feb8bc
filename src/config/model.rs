//! The configuration with everything in its place.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, time::Duration};

use super::{Origin, Properties};
use crate::{
    demo::Datasets,
    domain::Concurrency,
    handler::{HandlerSpec, Simulate, WorkTime},
    plan::{Scope, Selection, TopicSet},
    replay::Settings,
    topics::{Channel, NewKey, Strategy},
};

/// Everything that can be set, from file, environment and flags. Its `Debug` form shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[kafka]`: the cluster.
    pub kafka: KafkaSection,
    /// `[run]`: what to replay, and how.
    pub run: RunSection,
    /// `[topics]`: which topics channels belong to.
    pub topics: TopicsSection,
    /// `[console]`: how it looks.
    pub console: ConsoleSection,
    /// `[demo]`: its data, and where its runs differ from others.
    pub demo: DemoSection,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// Where each value that somebody set comes from, by its key.
    pub(super) origins: BTreeMap<String, Origin>,
}

/// The cluster. The demo brings its own and uses nothing of this.
#[derive(Clone, Debug, Default)]
pub struct KafkaSection {
    /// `host:port`, several with commas; `None` where nobody named a cluster.
    pub bootstrap_servers: Option<String>,
    /// Passed through to librdkafka.
    pub properties: Properties,
    /// The bootstrap servers as they may be shown.
    pub(super) bootstrap_shown: Option<String>,
}

/// What to replay, and how.
#[derive(Clone, Debug)]
pub struct RunSection {
    /// The topics; `None` where nobody chose any.
    pub topics: Option<TopicSet>,
    /// What is read of them.
    pub scope: Scope,
    /// The file that the list of keys in `scope` was read from.
    pub(super) keys_from: Option<String>,
    /// How the run is to go.
    pub settings: Settings,
    /// Which protocol a group speaks.
    pub group_protocol: ProtocolChoice,
    /// What is left behind, so that runs can be resumed.
    pub journal: JournalSection,
    /// The time between two lines of headless progress.
    pub progress_interval: Duration,
}

/// Which topics channels belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicsSection {
    /// The topics, and how they are made.
    pub strategy: Strategy,
    /// What a migration takes for the channel of a record.
    pub channel: Channel,
    /// What becomes the key of a record that is migrated.
    pub key: NewKey,
}

/// What runs leave behind, so that they can be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSection {
    /// Whether they leave anything.
    pub enabled: bool,
    /// How many finished runs are kept.
    pub keep: u32,
    /// Where; `None` means the user's own state directory.
    pub state_dir: Option<PathBuf>,
}

impl Default for JournalSection {
    fn default() -> Self {
        Self { enabled: true, keep: 100, state_dir: None }
    }
}

/// How the console looks.
#[derive(Clone, Debug)]
pub struct ConsoleSection {
    /// The name of a theme, or the path of a theme's file.
    pub theme: String,
    /// Whether wheel and clicks are taken from the terminal.
    pub mouse: bool,
}

/// The demo's data, and where its runs differ from others.
#[derive(Clone, Debug)]
pub struct DemoSection {
    /// What is replayed.
    pub datasets: Datasets,
    /// The workers that a demo starts with.
    pub concurrency: Concurrency,
    /// Whether their number is found on the way.
    pub adaptive: bool,
    /// What is done with the records: `work` or `handler`, whichever was given last.
    pub handler: HandlerSpec,
    /// The consumer group that shares the demo's work; `None` uses no group.
    pub group: Option<String>,
    /// What is read of the demo's topics.
    pub scope: Scope,
}

/// Which of Kafka's group protocols to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtocolChoice {
    /// The classic one on a cluster, the consumer protocol on the demo's broker.
    #[default]
    Auto,
    /// KIP-848; Kafka 4.0 and later.
    Consumer,
    /// The one that every broker has.
    Classic,
}

impl fmt::Display for ProtocolChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Consumer => "consumer",
            Self::Classic => "classic",
        })
    }
}

impl FromStr for ProtocolChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "consumer" => Ok(Self::Consumer),
            "classic" => Ok(Self::Classic),
            other => Err(format!("`{other}` is not a group protocol")),
        }
    }
}

/// A handler that takes this time for each record.
pub(super) fn takes(work: Duration) -> HandlerSpec {
    HandlerSpec::Simulate(Simulate { work: WorkTime::Fixed(work), fail: 0.0, poison: 0.0 })
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kafka: KafkaSection::default(),
            run: RunSection {
                topics: None,
                scope: Scope::default(),
                keys_from: None,
                settings: Settings::default(),
                group_protocol: ProtocolChoice::default(),
                journal: JournalSection::default(),
                progress_interval: Duration::from_secs(5),
            },
            topics: TopicsSection::default(),
            console: ConsoleSection { theme: "dark".into(), mouse: true },
            demo: DemoSection {
                datasets: Datasets::default(),
                concurrency: Concurrency::MIN,
                adaptive: false,
                handler: takes(Duration::from_millis(1)),
                group: None,
                scope: Scope::default(),
            },
            file: None,
            origins: BTreeMap::new(),
        }
    }
}

impl RunSection {
    /// What is to be read; `None` where nobody chose any topics.
    #[must_use]
    pub fn selection(&self) -> Option<Selection> {
        self.topics.clone().map(|topics| Selection { topics, scope: self.scope.clone() })
    }
}

impl Config {
    /// How a run of the demo is to go: as any run, but with the demo's own workers, handler and group. What the file
    /// says of a run on a real cluster must not write the demo's records into that run's files or group.
    #[must_use]
    pub fn demo_settings(&self) -> Settings {
        Settings {
            concurrency: self.demo.concurrency,
            adaptive: self.demo.adaptive,
            // A group of a real cluster.
            protect_group: None,
            protect_topics: Vec::new(),
            max_lag: None,
            handler: self.demo.handler.clone(),
            group: self.demo.group.clone(),
            rehearsal: None,
            ..self.run.settings.clone()
        }
    }

    /// Whether somebody set this value.
    pub(super) fn gives(&self, key: &str) -> bool {
        self.origins.contains_key(key)
    }

    /// Where a value comes from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or_default()
    }
}
