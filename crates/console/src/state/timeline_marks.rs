//! What happened once, as signs above the timeline.

use kreplay_model::{
    domain::number::counted,
    feed::{RebalanceKind, RunState, Severity},
    timeline::{MarkKind, Moment, TimeRange},
    watch::WatchEvent,
};

use super::{State, TimelineSubject};

/// Something that happened once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineMark {
    /// When it happened.
    pub at: Moment,
    /// Its sign.
    pub sign: String,
    /// In a few words. External data: screens must escape it.
    pub text: String,
    /// How important it is.
    pub severity: Severity,
}

impl State {
    /// What happened to the subject of the timeline in a range, by time. Retries are left out, because there may be
    /// many.
    #[must_use]
    pub fn timeline_marks(&self, range: TimeRange) -> Vec<TimelineMark> {
        match self.timeline_subject() {
            Some(TimelineSubject::Runs) => {
                let marks = self.feed.timeline.marks(range);
                let mark = |at, (sign, text, severity)| TimelineMark { at, sign, text, severity };
                marks.iter().filter_map(|one| Some(mark(one.at, described(&one.kind)?))).collect()
            }
            Some(TimelineSubject::Group(group)) => {
                let events = self.feed.timeline.watch_events(range).filter(|event| event.group == group);
                let mark = |event: &WatchEvent| TimelineMark {
                    at: event.at.into(),
                    sign: sign_of(event.kind.severity()).into(),
                    text: event.kind.to_string(),
                    severity: event.kind.severity(),
                };
                events.map(mark).collect()
            }
            None => Vec::new(),
        }
    }

    /// The moment of the first mark after a moment, or of the last one before it.
    #[must_use]
    pub fn next_mark(&self, at: Moment, forward: bool) -> Option<Moment> {
        let range = self.timeline_range()?;
        let range = TimeRange::new(range.from(), range.to().plus_ms(1));
        let marks = self.timeline_marks(range);
        let times = || marks.iter().map(|mark| mark.at);
        if forward { times().find(|time| *time > at) } else { times().rev().find(|time| *time < at) }
    }
}

fn sign_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "·",
        Severity::Notice => "◆",
        Severity::Warning => "!",
        Severity::Error => "✗",
    }
}

/// Sign, words, and severity of a mark; `None` if it is not shown.
fn described(kind: &MarkKind) -> Option<(String, String, Severity)> {
    let mark = |sign: &str, text: String, severity| Some((sign.to_owned(), text, severity));
    match kind {
        MarkKind::RunStarted(workers) => {
            mark("►", format!("started with {}", counted(*workers, "worker")), Severity::Info)
        }
        MarkKind::RunEnded(state) => match state {
            RunState::Done => mark("✓", "done".into(), Severity::Info),
            RunState::Failed => mark("✗", "failed".into(), Severity::Error),
            state => mark("■", state.to_string(), Severity::Warning),
        },
        MarkKind::Concurrency { from, to } => {
            mark(&format!("▾{to}"), format!("workers {from} to {to}"), Severity::Notice)
        }
        MarkKind::Rebalance { by, duration_ms, moved } => {
            let by = match by {
                RebalanceKind::Own => "rebalance",
                RebalanceKind::Group => "rebalance of the group",
            };
            mark("⇄", format!("{by}, {duration_ms} ms, {} moved", counted(*moved, "partition")), Severity::Notice)
        }
        MarkKind::Paused => mark("‖", "paused".into(), Severity::Notice),
        MarkKind::Resumed => mark("►", "resumed".into(), Severity::Info),
        MarkKind::Expired(partition) => mark("!", format!("records of {partition} were deleted"), Severity::Warning),
        MarkKind::Failed(partition) => mark("✗", format!("a record of {partition} failed"), Severity::Error),
        MarkKind::Error => mark("✗", "error".into(), Severity::Error),
        MarkKind::Retried(_) => None,
    }
}
