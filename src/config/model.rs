//! The typed configuration.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, time::Duration};

use kreplay_console::{Notify, keymap::Keymap};
use kreplay_engine::{
    plan::{Scope, Selection, TopicSet},
    settings::Settings,
};
use kreplay_handlers::{BuiltInHandler, HandlerChoice, HandlerSettings, HandlerSpec, Simulate, WorkTime};
use kreplay_model::domain::{Concurrency, Glob};
use kreplay_monitor::rules::{FLAPPING_COUNT, Rules};
use kreplay_topics::{Channel, NewKey, Strategy};
use kreplay_wire::DEFAULT_REQUESTS_PER_SECOND;

use super::{AlertsSection, NotifySection, Origin, Properties};
use crate::{demo::Datasets, metrics::MetricsSettings, serve::ServeSettings};

/// The merged configuration. Its `Debug` output contains no secrets.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[kafka]`: the cluster.
    pub kafka: KafkaSection,
    /// `[run]`: what to replay and how.
    pub run: RunSection,
    /// `[topics]`: the mapping of channels to topics.
    pub topics: TopicsSection,
    /// `[watch]`: how consumer groups are watched.
    pub watch: WatchSection,
    /// `[metrics]`: the export of metrics.
    pub metrics: MetricsSettings,
    /// `[recording]`: where runs and watches are recorded.
    pub recording: RecordingSection,
    /// `[serve]`: consoles that attach to this process.
    pub serve: ServeSettings,
    /// `[console]`: theme, mouse and keys.
    pub console: ConsoleSection,
    /// `[alerts]`: rules on watched groups and on runs.
    pub alerts: AlertsSection,
    /// `[notify]`: actions on alerts.
    pub notify: NotifySection,
    /// `[demo]`: its data, and the settings that it does not share with `[run]`.
    pub demo: DemoSection,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// The origin of each value that was set, by its key.
    pub(super) origins: BTreeMap<String, Origin>,
}

/// The cluster. The demo has an embedded broker and does not use this.
#[derive(Clone, Debug)]
pub struct KafkaSection {
    /// Comma-separated `host:port`; `None` if no cluster is given.
    pub bootstrap_servers: Option<String>,
    /// How long to wait for each answer of the cluster while a command starts.
    pub connect_timeout: Duration,
    /// Whether commands that change consumer groups are refused.
    pub read_only: bool,
    /// Properties passed through to librdkafka.
    pub properties: Properties,
    /// The bootstrap servers for display, with references unresolved.
    pub(super) bootstrap_shown: Option<String>,
}

impl Default for KafkaSection {
    fn default() -> Self {
        Self {
            bootstrap_servers: None,
            connect_timeout: Duration::from_secs(30),
            read_only: false,
            properties: Properties::default(),
            bootstrap_shown: None,
        }
    }
}

/// Where runs and watches are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingSection {
    /// The file, which must not exist yet; `None` records nothing.
    pub file: Option<PathBuf>,
    /// The maximum size of the file in bytes.
    pub limit_bytes: u64,
}

impl Default for RecordingSection {
    fn default() -> Self {
        Self { file: None, limit_bytes: 512 << 20 }
    }
}

/// What to replay and how.
#[derive(Clone, Debug)]
pub struct RunSection {
    /// The topics; `None` if none are given.
    pub topics: Option<TopicSet>,
    /// The range and the filter.
    pub scope: Scope,
    /// The file from which the list of keys in `scope` was read.
    pub(super) keys_from: Option<String>,
    /// The handler.
    pub handler: HandlerSpec,
    /// The settings of the handlers' tables.
    pub handlers: HandlerSettings,
    /// The other settings of the run. Their handler is not set; see [`Config::run_settings`].
    pub settings: Settings,
    /// The group protocol.
    pub group_protocol: ProtocolChoice,
    /// The journal settings.
    pub journal: JournalSection,
    /// The time between two lines of headless progress.
    pub progress_interval: Duration,
}

/// The mapping of channels to topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicsSection {
    /// The topics, and how they are created.
    pub strategy: Strategy,
    /// How a migration finds the channel of a record.
    pub channel: Channel,
    /// The key of a migrated record.
    pub key: NewKey,
}

/// Journal settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSection {
    /// Whether runs write a journal.
    pub enabled: bool,
    /// Number of finished runs to keep.
    pub keep: u32,
    /// The directory; `None` for the user's state directory.
    pub state_dir: Option<PathBuf>,
}

impl Default for JournalSection {
    fn default() -> Self {
        Self { enabled: true, keep: 100, state_dir: None }
    }
}

/// How consumer groups are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSection {
    /// The groups, if the command names none: names or patterns. Empty for all.
    pub groups: Vec<Glob>,
    /// Time between two looks.
    pub interval: Duration,
    /// How much of the time before the watch is read; `None` for nothing.
    pub history: Option<Duration>,
    /// Whether to read where only a few offsets are left, to know whether they are records.
    pub count_last_records: bool,
    /// Number of rebalances within `flapping_window` that makes a group flapping.
    pub flapping_count: u32,
    /// Time window in which rebalances are counted towards `flapping_count`.
    pub flapping_window: Duration,
    /// Whether partitions of topics that a group has left count towards totals and verdicts.
    pub abandoned: AbandonedChoice,
    /// Which client looks at groups.
    pub client: ClientChoice,
    /// The largest number of requests per second to each broker.
    pub requests_per_second: u32,
}

/// Which client looks at groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientChoice {
    /// kreplay's own client; librdkafka where that cannot be used.
    #[default]
    Auto,
    /// kreplay's own client.
    Wire,
    /// librdkafka, which shows less.
    Librdkafka,
}

impl fmt::Display for ClientChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Wire => "wire",
            Self::Librdkafka => "librdkafka",
        })
    }
}

impl FromStr for ClientChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "wire" => Ok(Self::Wire),
            "librdkafka" => Ok(Self::Librdkafka),
            other => Err(format!("`{other}` is not a client; use auto, wire or librdkafka")),
        }
    }
}

/// Whether partitions of topics that a group has left count towards totals and verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AbandonedChoice {
    /// They count in neither totals nor verdicts.
    #[default]
    LeaveOut,
    /// They count like the others.
    Count,
}

impl fmt::Display for AbandonedChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LeaveOut => "leave-out",
            Self::Count => "count",
        })
    }
}

impl FromStr for AbandonedChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "leave-out" => Ok(Self::LeaveOut),
            "count" => Ok(Self::Count),
            other => Err(format!("`{other}` is neither leave-out nor count")),
        }
    }
}

impl WatchSection {
    /// The rules of the watch.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            flapping_count: self.flapping_count,
            flapping_window_ms: i64::try_from(self.flapping_window.as_millis()).unwrap_or(i64::MAX),
            leaves_out_abandoned: self.abandoned == AbandonedChoice::LeaveOut,
        }
    }
}

impl Default for WatchSection {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            interval: Duration::from_secs(2),
            history: None,
            count_last_records: true,
            flapping_count: FLAPPING_COUNT,
            flapping_window: Duration::from_secs(600),
            abandoned: AbandonedChoice::default(),
            client: ClientChoice::default(),
            requests_per_second: DEFAULT_REQUESTS_PER_SECOND,
        }
    }
}

/// Console settings.
#[derive(Clone, Debug)]
pub struct ConsoleSection {
    /// `auto`, the name of a theme, or the path of a theme file.
    pub theme: String,
    /// Whether to capture the mouse.
    pub mouse: bool,
    /// How the end of a run is announced.
    pub notify: Notify,
    /// Whether the layout is kept for each cluster.
    pub remember: bool,
    /// The keys in force.
    pub keymap: Keymap,
}

/// The demo's data, and the settings that it does not share with `[run]`.
#[derive(Clone, Debug)]
pub struct DemoSection {
    /// The generated data.
    pub datasets: Datasets,
    /// The number of workers, or with `adaptive` the number to start with.
    pub concurrency: Concurrency,
    /// Whether the number of workers is automatic.
    pub adaptive: bool,
    /// The handler, from `demo.work` or `demo.handler`, whichever was set last.
    pub handler: HandlerSpec,
    /// The consumer group; `None` uses no group.
    pub group: Option<String>,
    /// The range and the filter.
    pub scope: Scope,
}

/// The choice of a Kafka group protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtocolChoice {
    /// The classic protocol on a cluster, the consumer protocol on the demo's broker.
    #[default]
    Auto,
    /// The consumer protocol (KIP-848), of Kafka 4.0 and later.
    Consumer,
    /// The classic protocol, which every broker supports.
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

/// A handler that simulates this handling time per record.
pub(super) fn simulated(work: Duration) -> HandlerSpec {
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
                handler: HandlerSpec::default(),
                handlers: HandlerSettings::default(),
                settings: Settings::default(),
                group_protocol: ProtocolChoice::default(),
                journal: JournalSection::default(),
                progress_interval: Duration::from_secs(5),
            },
            topics: TopicsSection::default(),
            watch: WatchSection::default(),
            metrics: MetricsSettings::default(),
            recording: RecordingSection::default(),
            serve: ServeSettings::default(),
            console: ConsoleSection {
                theme: "auto".into(),
                mouse: true,
                notify: Notify::default(),
                remember: true,
                keymap: Keymap::default(),
            },
            alerts: AlertsSection::default(),
            notify: NotifySection::default(),
            demo: DemoSection {
                datasets: Datasets::default(),
                concurrency: Concurrency::MIN,
                adaptive: false,
                handler: simulated(Duration::from_millis(1)),
                group: None,
                scope: Scope::default(),
            },
            file: None,
            origins: BTreeMap::new(),
        }
    }
}

impl RunSection {
    /// The selection; `None` if no topics are given.
    #[must_use]
    pub fn selection(&self) -> Option<Selection> {
        self.topics.clone().map(|topics| Selection { topics, scope: self.scope.clone() })
    }
}

impl Config {
    /// The settings of a run, with its handler.
    #[must_use]
    pub fn run_settings(&self) -> Settings {
        Settings { handler: self.handler(self.run.handler.clone()), ..self.run.settings.clone() }
    }

    /// A handler with the settings of the configured tables.
    #[must_use]
    pub fn handler(&self, spec: HandlerSpec) -> HandlerChoice {
        HandlerChoice::new(BuiltInHandler { spec, settings: self.run.handlers.clone() })
    }

    /// Settings for a run of the demo: those of `[run]`, but with the demo's own concurrency, handler and group.
    /// Otherwise a file for a real cluster could make the demo write into the files or the group of a real run.
    #[must_use]
    pub fn demo_settings(&self) -> Settings {
        Settings {
            concurrency: self.demo.concurrency,
            adaptive: self.demo.adaptive,
            // The protected group exists on a real cluster only.
            protect_group: None,
            protect_topics: Vec::new(),
            max_lag: None,
            handler: self.handler(self.demo.handler.clone()),
            group: self.demo.group.clone(),
            dry_run: None,
            ..self.run.settings.clone()
        }
    }

    /// The same configuration for a watch that begins at once, without reading what was before it.
    #[must_use]
    pub fn without_history(self) -> Self {
        Self { watch: WatchSection { history: None, ..self.watch }, ..self }
    }

    /// Whether a value was set by file, environment or flags.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.origins.contains_key(key)
    }

    /// The origin of a value.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or_default()
    }
}
