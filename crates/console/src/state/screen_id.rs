//! The ids of the screens. What a screen shows is in its row of `screen::SCREENS`.

use crate::key::Mode;

/// How a screen lies on those that were opened before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// It remains visible behind windows and dialogs.
    Page,
    /// It is only visible while it is in front.
    Window,
}

/// Defines the ids with the mode and the layer of each screen.
macro_rules! screens {
    ($($(#[$doc:meta])* $screen:ident($mode:ident, $layer:ident)),+ $(,)?) => {
        /// The id of a screen.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ScreenId {
            $($(#[$doc])* $screen),+
        }

        impl ScreenId {
            /// All screens, in the order of `screen::SCREENS`.
            pub const ALL: &[Self] = &[$(Self::$screen),+];

            /// The mode while the screen is in front: it determines what keys do.
            #[must_use]
            pub const fn mode(self) -> Mode {
                match self {
                    $(Self::$screen => Mode::$mode),+
                }
            }

            /// How the screen lies on others.
            #[must_use]
            pub const fn layer(self) -> Layer {
                match self {
                    $(Self::$screen => Layer::$layer),+
                }
            }
        }
    };
}

impl ScreenId {
    /// Whether nothing of the screens behind it is visible. The topic list is narrower than a wide terminal.
    #[must_use]
    pub const fn covers_all(self) -> bool {
        matches!(self.layer(), Layer::Page) && !matches!(self, Self::Topics)
    }
}

screens! {
    /// Progress, partitions, workers, and events of the run.
    Dashboard(Dashboard, Page),
    /// The topics of the cluster, to choose some for a replay.
    Topics(Choosing, Page),
    /// The watched groups that need attention, the worst first.
    Trouble(Watching, Page),
    /// All watched groups.
    Groups(Watching, Page),
    /// One watched group.
    Group(Watching, Page),
    /// The alerts on watched groups.
    Alerts(Alerting, Window),
    /// What has happened to the watched groups.
    GroupEvents(Reading, Window),
    /// A change of a watched group's committed offsets: choosing it, its plan, and its result.
    Change(Changing, Window),
    /// The plan: predicted times.
    Plan(Planning, Window),
    /// The audit of topics: its progress, and what was found.
    Audit(Auditing, Window),
    /// The quarantined keys.
    Quarantine(Deciding, Window),
    /// The record that paused the run.
    FailedRecord(FailedRecord, Window),
    /// The details of the selected partition.
    Partition(Reading, Window),
    /// The full text of the selected event.
    Event(Reading, Window),
    /// The settings of the run.
    Run(Reading, Window),
    /// The comparison of this session's runs.
    Compare(Reading, Window),
    /// All keys.
    Help(Reading, Window),
    /// The workers over time.
    Workers(Charting, Page),
    /// The partitions over time.
    HeatMap(Charting, Page),
    /// A race between numbers of workers.
    Race(Racing, Page),
    /// All events that are kept.
    EventLog(Listing, Page),
    /// The keys with the most records, and those in quarantine.
    HotKeys(Listing, Page),
    /// The runs that have a journal.
    Journals(Listing, Page),
    /// The failed records by kind of error.
    Errors(Errors, Window),
    /// A record, read from the cluster.
    Record(Inspecting, Window),
    /// The figures of runs, or of a watched group, over time.
    Timeline(Timeline, Page),
    /// What the next run reads and how, with its plan.
    Launch(Launching, Window),
}
