//! The watched groups over time, reduced to what the screens draw.

use std::sync::Arc;

use kreplay_model::{
    timeline::{GroupMemberCell, Moment, Spread, TimeRange, Timeline},
    watch::{GroupView, WatchEvent},
};

use super::FeedState;

/// The longest stretch of time that is drawn, in milliseconds: ten minutes.
const MAX_SHOWN_MS: i64 = 600_000;
/// The shortest one, shortly after the watch began: a minute.
const MIN_SHOWN_MS: i64 = 60_000;

/// The watched groups over time, up to the look that is shown.
#[derive(Clone, Copy, Debug)]
pub struct GroupHistory<'a> {
    timeline: &'a Timeline,
    /// When the first look was completed.
    began: Option<Moment>,
    /// When the one that is shown was.
    now: Moment,
    /// The last moment whose events are shown.
    until: Moment,
}

impl FeedState {
    /// The watched groups over time.
    #[must_use]
    pub fn group_history(&self) -> GroupHistory<'_> {
        GroupHistory {
            timeline: &self.timeline,
            began: self.timeline.looks().map(TimeRange::from),
            now: self.watched.snapshot().map_or(Moment::default(), |snapshot| Moment::from(snapshot.at)),
            until: self.moment.unwrap_or(Moment::from_ms(i64::MAX)),
        }
    }
}

/// A member over time.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberLane {
    /// Its name. External data: screens must escape it.
    pub name: Arc<str>,
    /// What is known of each column, the oldest first.
    pub cells: Vec<Option<GroupMemberCell>>,
}

impl<'a> GroupHistory<'a> {
    /// The stretch of time that is drawn: the last ten minutes, or the time since the watch began.
    #[must_use]
    pub fn shown(&self) -> TimeRange {
        let watched_ms = self.began.map_or(0, |began| TimeRange::new(began, self.now).ms());
        TimeRange::new(self.now.plus_ms(-watched_ms.clamp(MIN_SHOWN_MS, MAX_SHOWN_MS)), self.now)
    }

    /// The lag of a group in columns, the oldest first: the largest value of each. `None` where it was not known.
    #[must_use]
    pub fn lag(&self, group: &str, columns: usize) -> Vec<Option<f64>> {
        self.figure(group, columns, |cell| cell.lag)
    }

    /// The age of a group in columns, in seconds.
    #[must_use]
    pub fn age(&self, group: &str, columns: usize) -> Vec<Option<f64>> {
        self.figure(group, columns, |cell| cell.age_s)
    }

    fn figure(
        &self,
        group: &str,
        columns: usize,
        figure: fn(&kreplay_model::timeline::GroupCell) -> Option<Spread>,
    ) -> Vec<Option<f64>> {
        let Some(row) = self.timeline.groups().get(&Arc::from(group)) else { return vec![None; columns] };
        let cells = row.columns(self.shown(), columns);
        cells.iter().map(|cell| cell.as_ref().and_then(figure).map(|spread| f64::from(spread.max))).collect()
    }

    /// The members of a group over time: those that it has, and those that it had in the stretch that is drawn.
    #[must_use]
    pub fn lanes(&self, group: &str, columns: usize) -> Vec<MemberLane> {
        let rows = self.timeline.group_members();
        let mut lanes: Vec<MemberLane> = rows
            .keys()
            .filter(|(name, _)| &**name == group)
            .filter_map(|key| {
                let cells = rows.get(key)?.columns(self.shown(), columns);
                cells.iter().any(Option::is_some).then(|| MemberLane { name: Arc::clone(&key.1), cells })
            })
            .collect();
        lanes.sort_by(|one, other| one.name.cmp(&other.name));
        lanes
    }

    /// The columns in which the group rebalanced.
    #[must_use]
    pub fn rebalances(&self, group: &GroupView, columns: usize) -> Vec<bool> {
        let shown = self.shown();
        let entries: Vec<TimeRange> = group
            .rebalances
            .history
            .iter()
            .map(|entry| {
                let began = Moment::from(entry.began_at);
                let ended = if group.rebalances.is_in_progress(entry) {
                    self.now
                } else {
                    began.plus_ms(i64::try_from(entry.duration_ms.unwrap_or(0)).unwrap_or(i64::MAX))
                };
                TimeRange::new(began, ended)
            })
            .collect();
        let overlaps =
            |column: TimeRange| entries.iter().any(|entry| entry.from() < column.to() && entry.to() >= column.from());
        (0..columns).map(|index| overlaps(shown.column(index, columns))).collect()
    }

    /// The latest events of all groups, or of one: the latest first, at most `most`.
    #[must_use]
    pub fn events(&self, group: Option<&str>, most: usize) -> Vec<&'a WatchEvent> {
        let all = TimeRange::new(Moment::from_ms(i64::MIN), self.until.plus_ms(1));
        let is_asked = |event: &&WatchEvent| group.is_none_or(|group| event.group == group);
        let mut events: Vec<&WatchEvent> = self.timeline.watch_events(all).filter(is_asked).collect();
        events.reverse();
        events.truncate(most);
        events
    }
}
