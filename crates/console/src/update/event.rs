//! What the console reacts to.

use std::{sync::Arc, time::Duration};

use kreplay_model::attach::AttachView;
use kreplay_model::audit::AuditProgress;
use kreplay_model::feed::{self, Snapshot};
use kreplay_model::inspect::Inspection;
use kreplay_model::journal::JournalListing;
use kreplay_model::recording::Frame;
use kreplay_model::time_counts::TimeCountProgress;
use kreplay_model::timeline::{Moment, TimeRange};
use kreplay_model::watch::{AlertsSnapshot, GroupChangeProgress, WatchEvent, WatchSnapshot};

use crate::{
    hit_map::Target,
    key::Key,
    preset_store::PresetKept,
    state::{ChangeAccess, Extents, LaunchAccess, Preset, RecordingState, SavedLayout},
};

/// An input event of the console.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A new snapshot of the session.
    Snapshot(Arc<Snapshot>),
    /// New events of the session.
    Events(Vec<feed::Event>),
    /// Consumer groups are watched, and are being listed.
    WatchBegan,
    /// A new snapshot of the watched groups.
    Groups(Arc<WatchSnapshot>),
    /// The alerts on the watched groups, as of a new look.
    Alerts(Arc<AlertsSnapshot>),
    /// New events of the watched groups.
    GroupEvents(Vec<WatchEvent>),
    /// Whether the committed offsets of groups can be changed.
    ChangeAccess(ChangeAccess),
    /// Whether runs can be chosen in the launch form.
    LaunchAccess(LaunchAccess),
    /// Presets of the launch form are kept.
    PresetAccess,
    /// The presets that are kept, or why they cannot be read.
    Presets(Result<Vec<Preset>, String>),
    /// What became of a preset that was to be kept, or why it was not.
    PresetKept(Box<Preset>, Result<PresetKept, String>),
    /// The preset with a name was deleted, or why it was not.
    PresetDeleted(String, Result<(), String>),
    /// The runs that have a journal can be listed.
    JournalAccess,
    /// The runs that have a journal.
    Journals(Arc<JournalListing>),
    /// How far the change of a group is.
    GroupChange(Arc<GroupChangeProgress>),
    /// Something was exported, or why not.
    Exported(Result<(), String>),
    /// The layout of the last console on the same cluster.
    Layout(Box<SavedLayout>),
    /// Whether the feed can be recorded, or is recorded already.
    RecordingAccess(RecordingState),
    /// The feed is being recorded to a file, or why not.
    RecordingBegan(Result<String, String>),
    /// The recording has ended without a request.
    RecordingStopped,
    /// The recording has ended: what was recorded, or what it lacks.
    RecordingEnded(Result<String, String>),
    /// The processes to which the console is attached, and the connections to them.
    Attached(Arc<AttachView>),
    /// Single records can be read, to be looked at.
    InspectorBegan,
    /// How far reading a record is.
    Inspected(Arc<Inspection>),
    /// Topics can be audited.
    AuditorBegan,
    /// How far the audit of topics is.
    Audited(Arc<AuditProgress>),
    /// Records can be counted by time.
    TimeCounterBegan,
    /// How far counting records by time is.
    TimesCounted(Arc<TimeCountProgress>),
    /// The session has ended.
    FeedEnded,
    /// What the feed had said at a moment that was asked for; `None` if it is not kept.
    Moment(Moment, Option<Box<Frame>>),
    /// A recording is shown, with the range of its moments, and the one at which it opens.
    Recording(TimeRange, Moment),
    /// A moment of the recording, for the timeline. They come in order.
    RecordedMoment(Box<Frame>),
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// A click on what a frame showed.
    Click(Target),
    /// The pointer was moved over what a frame showed, with the button held down since the last click.
    Drag(Target),
    /// The wheel was turned by a number of lines, above what a frame showed.
    Wheel(Target, isize),
    /// A frame was drawn, with these extents.
    Drawn(Extents),
    /// The terminal was resized.
    Resize(u16, u16),
    /// The time since the console was opened.
    Tick(Duration),
}

impl Event {
    /// Whether it comes again and again without the user doing anything: the feed, the time, and the progress of what
    /// was asked for.
    #[must_use]
    pub fn comes_by_itself(&self) -> bool {
        matches!(
            self,
            Self::Snapshot(_)
                | Self::Events(_)
                | Self::Groups(_)
                | Self::Alerts(_)
                | Self::GroupEvents(_)
                | Self::Attached(_)
                | Self::Audited(_)
                | Self::TimesCounted(_)
                | Self::GroupChange(_)
                | Self::RecordedMoment(_)
                | Self::Drawn(_)
                | Self::Tick(_)
        )
    }
}
