//! What the next look requests. No clock: all times are since the same start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Time between two lists of all groups.
pub const LIST_EVERY: Duration = Duration::from_secs(30);
/// Time between two looks at a group in trouble that is not in view.
pub const PINNED_EVERY: Duration = Duration::from_secs(5);
/// The longest time between two looks at any other group.
pub const REST_EVERY: Duration = Duration::from_secs(60);
/// Most groups in one look: with 100 groups in each request, a handful of requests to each coordinator.
pub const MAX_GROUPS_PER_LOOK: usize = 500;

/// How much earlier than its time something is due: the times between looks vary a little.
const TOLERANCE: Duration = Duration::from_millis(20);

/// The part of a look that groups out of view have at least, if there are more in view than a look can take.
const RESERVED_FOR_REST: usize = MAX_GROUPS_PER_LOOK / 5;

/// The groups that the user looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum InView {
    /// All groups.
    #[default]
    All,
    /// These groups.
    Groups(BTreeSet<Arc<str>>),
}

/// What a look requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// The list of groups.
    pub list: bool,
    /// The groups to describe.
    pub groups: Vec<Arc<str>>,
}

/// When what was requested.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    interval: Duration,
    in_view: InView,
    pinned: BTreeSet<Arc<str>>,
    listed_at: Option<Duration>,
    /// All groups, with the time of the last look at each.
    looked_at: BTreeMap<Arc<str>, Option<Duration>>,
}

impl Schedule {
    /// Groups in view are looked at every `interval`.
    pub(crate) fn new(interval: Duration) -> Self {
        let (pinned, looked_at) = (BTreeSet::new(), BTreeMap::new());
        Self { interval, in_view: InView::All, pinned, listed_at: None, looked_at }
    }

    pub(crate) fn view(&mut self, in_view: InView) {
        self.in_view = in_view;
    }

    /// Looks at these groups every [`PINNED_EVERY`] even if they are not in view.
    pub(crate) fn pin(&mut self, groups: BTreeSet<Arc<str>>) {
        self.pinned = groups;
    }

    /// Takes a list of all groups, requested at `now`.
    pub(crate) fn listed(&mut self, groups: impl IntoIterator<Item = Arc<str>>, now: Duration) {
        self.listed_at = Some(now);
        let mut before = std::mem::take(&mut self.looked_at);
        self.looked_at = groups.into_iter().map(|group| (group.clone(), before.remove(&group).flatten())).collect();
    }

    /// Makes a new list due: a group has vanished or changed its type.
    pub(crate) fn list_again(&mut self) {
        self.listed_at = None;
    }

    /// Makes a new list and a look at all groups in view due.
    pub(crate) fn refresh(&mut self) {
        self.list_again();
        let in_view: Vec<Arc<str>> = self.looked_at.keys().filter(|group| self.is_in_view(group)).cloned().collect();
        for group in in_view {
            self.looked_at.insert(group, None);
        }
    }

    /// Notes a look at groups that began at `now`. The next look begins an interval later, however long the requests of
    /// this one have taken.
    pub(crate) fn looked(&mut self, groups: &[Arc<str>], now: Duration) {
        for group in groups {
            if let Some(last) = self.looked_at.get_mut(group) {
                *last = Some(now);
            }
        }
    }

    /// Whether there are groups that were never looked at.
    pub(crate) fn has_new(&self) -> bool {
        self.looked_at.values().any(Option::is_none)
    }

    /// All groups.
    pub(crate) fn all(&self) -> Vec<Arc<str>> {
        self.looked_at.keys().cloned().collect()
    }

    /// What is due at `now`: groups in view, then pinned ones, then some of the rest. Those looked at longest ago come
    /// first.
    pub(crate) fn due(&self, now: Duration) -> Due {
        let is_over = |since: Duration, period: Duration| now.saturating_sub(since) + TOLERANCE >= period;
        let list = self.listed_at.is_none_or(|at| is_over(at, LIST_EVERY));
        let mut urgent = Vec::new();
        let mut rest = Vec::new();
        for (group, last) in &self.looked_at {
            let is_older = |period: Duration| last.is_none_or(|last| is_over(last, period));
            if self.is_in_view(group) {
                urgent.extend(is_older(self.interval).then_some((*last, group)));
            } else if self.pinned.contains(group) {
                urgent.extend(is_older(self.interval.max(PINNED_EVERY)).then_some((*last, group)));
            } else {
                rest.push((*last, group));
            }
        }
        urgent.sort();
        rest.sort();
        let quota = self.quota(rest.len());
        urgent.truncate(MAX_GROUPS_PER_LOOK - quota.min(RESERVED_FOR_REST));
        let room = MAX_GROUPS_PER_LOOK - urgent.len();
        let is_taken = |(index, (last, _)): &(usize, (Option<Duration>, _))| last.is_none() || *index < quota;
        let rest = rest.into_iter().enumerate().take_while(is_taken).map(|(_, group)| group).take(room);
        Due { list, groups: urgent.into_iter().chain(rest).map(|(_, group)| group.clone()).collect() }
    }

    fn is_in_view(&self, group: &str) -> bool {
        match &self.in_view {
            InView::All => true,
            InView::Groups(groups) => groups.contains(group),
        }
    }

    /// How many of `rest` groups each look takes, so that each has its turn within [`REST_EVERY`].
    fn quota(&self, rest: usize) -> usize {
        let looks = (REST_EVERY.as_millis() / self.interval.as_millis().max(1)).max(1);
        rest.div_ceil(usize::try_from(looks).unwrap_or(usize::MAX)).min(MAX_GROUPS_PER_LOOK)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(2);

    fn names(count: usize) -> Vec<Arc<str>> {
        (0..count).map(|number| Arc::from(format!("group-{number:05}"))).collect()
    }

    #[test]
    fn the_list_comes_first_and_again_after_its_period() {
        let mut schedule = Schedule::new(INTERVAL);
        assert_eq!(schedule.due(Duration::ZERO), Due { list: true, groups: Vec::new() });
        schedule.listed(names(2), Duration::ZERO);
        assert_eq!(schedule.due(Duration::ZERO), Due { list: false, groups: names(2) });
        assert!(schedule.has_new());
        assert!(!schedule.due(LIST_EVERY.saturating_sub(INTERVAL)).list && schedule.due(LIST_EVERY).list);
        schedule.list_again();
        assert!(schedule.due(INTERVAL).list);
        schedule.listed(names(2), Duration::ZERO);
        schedule.looked(&names(2), Duration::ZERO);
        assert!(schedule.due(INTERVAL / 2).groups.is_empty() && !schedule.has_new());
        schedule.refresh();
        assert_eq!(schedule.due(INTERVAL / 2), Due { list: true, groups: names(2) });
    }

    #[test]
    fn a_list_forgets_groups_that_are_gone_and_keeps_times() {
        let mut schedule = Schedule::new(INTERVAL);
        schedule.listed(names(3), Duration::ZERO);
        schedule.looked(&names(3), Duration::ZERO);
        schedule.listed(names(4).split_off(2), INTERVAL / 2);
        assert_eq!(schedule.all(), names(4).split_off(2));
        assert_eq!(schedule.due(INTERVAL / 2).groups, names(4).split_off(3));
    }

    #[test]
    fn a_look_that_begins_a_moment_too_early_has_all_groups_in_view() {
        let mut schedule = Schedule::new(INTERVAL);
        schedule.listed(names(3), Duration::ZERO);
        schedule.looked(&names(3), Duration::ZERO);
        for early in [Duration::ZERO, Duration::from_millis(1)] {
            assert_eq!(schedule.due(INTERVAL.saturating_sub(early)).groups, names(3));
            assert!(schedule.due(LIST_EVERY.saturating_sub(early)).list);
        }
    }

    proptest! {
        // Each case simulates five minutes with thousands of groups.
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn every_group_has_its_turn_and_no_look_is_too_large(
            count in 1..6000_usize,
            in_view in 0..600_usize,
            pinned in 0..50_usize,
        ) {
            let all = names(count);
            let mut schedule = Schedule::new(INTERVAL);
            let view: BTreeSet<_> = all.iter().take(in_view).cloned().collect();
            let pins: BTreeSet<_> = all.iter().skip(in_view).take(pinned).cloned().collect();
            schedule.view(InView::Groups(view.clone()));
            schedule.pin(pins.clone());
            schedule.listed(all.clone(), Duration::ZERO);
            let rest = count.saturating_sub(in_view + pinned);
            let has_room = in_view + pinned + rest.div_ceil(30) <= MAX_GROUPS_PER_LOOK;
            // Without room for all, a part is left for the rest.
            let looks = u32::try_from(rest.div_ceil(RESERVED_FOR_REST)).unwrap();
            let rest_within = if has_room { REST_EVERY } else { REST_EVERY.max(INTERVAL * looks) };
            // Some looks at first, until every group was looked at once.
            let mut now = Duration::ZERO;
            let mut last: BTreeMap<Arc<str>, Duration> = BTreeMap::new();
            for look in 0..150_u32 {
                let due = schedule.due(now);
                prop_assert!(due.groups.len() <= MAX_GROUPS_PER_LOOK);
                let distinct: BTreeSet<_> = due.groups.iter().collect();
                prop_assert_eq!(distinct.len(), due.groups.len());
                schedule.looked(&due.groups, now);
                last.extend(due.groups.into_iter().map(|group| (group, now)));
                // Not after each look: that would take most of the time of the test.
                if look >= 80 && look % 7 == 0 {
                    for group in &all {
                        let age = now.saturating_sub(last[group]);
                        let most = match group {
                            group if view.contains(group) && in_view <= 300 => INTERVAL,
                            group if pins.contains(group) && in_view <= 300 => PINNED_EVERY + INTERVAL,
                            _ => rest_within + INTERVAL,
                        };
                        prop_assert!(age <= most, "{} was looked at {:?} ago", group, age);
                    }
                }
                now += INTERVAL;
            }
        }
    }
}
