//! Histories whose rebalances and commits are known.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::{GroupState, GroupType, VerdictKind};
use proptest::prelude::*;

use super::{GroupHistory, HistoryChange, PastCommit};
use crate::look::{Answer, Commit, CommitAnswer, Description, GroupLook, ListedGroup, Look, Member, PartitionLook};
use crate::observer::{Observation, Observer};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("orders", number)
}

fn member(id: &str, assigned: &[i32]) -> Member {
    let assigned: BTreeSet<TopicPartition> = assigned.iter().map(|number| partition(*number)).collect();
    Member { member_id: id.into(), client_id: Some(id.into()), assigned: Some(assigned), ..Member::default() }
}

fn generation(number: i32, since: i64, members: Vec<Member>) -> HistoryChange {
    HistoryChange::Generation { number, since: Some(at(since)), members, rebalance_timeout_ms: Some(60_000) }
}

fn reached(id: &str, epoch: i32, is_new: bool) -> HistoryChange {
    HistoryChange::MemberEpoch { member_id: id.into(), epoch, is_new, is_stable: true }
}

fn committed(number: i32, offset: i64, seconds: i64) -> HistoryChange {
    let commit = PastCommit { offset: Offset::new(offset).unwrap(), at: at(seconds), topic_id: None };
    HistoryChange::Committed { partition: partition(number), commit }
}

fn history(changes: impl IntoIterator<Item = (i64, HistoryChange)>, end: i64) -> GroupHistory {
    let mut history = GroupHistory::new(at(-7_200));
    for (seconds, change) in changes {
        history.add(at(seconds), change);
    }
    history.end(at(end), true);
    history
}

/// Looks at a group in which nothing happens, after its history.
struct Watch {
    observer: Observer,
    description: Description,
    committed: Vec<(i32, i64)>,
    end: i64,
}

impl Watch {
    fn new(history: &GroupHistory, description: Description, committed: &[(i32, i64)], end: i64) -> Self {
        let mut observer = Observer::default();
        let listed = ListedGroup {
            group: "g".into(),
            group_type: description.group_type,
            protocol: String::new(),
            state: Some(description.state.clone()),
        };
        let listing = Answer::Known(at(0), vec![listed]);
        observer.observe(&Look { listing, ..Look::empty(at(0), "c") });
        observer.take_history("g", history);
        Self { observer, description, committed: committed.to_vec(), end }
    }

    fn look(&mut self, seconds: i64) -> Observation {
        let known = |value| Answer::Known(at(seconds), Offset::new(value).unwrap());
        let commit = |offset| {
            CommitAnswer::Offset(Commit {
                offset: Offset::new(offset).unwrap(),
                leader_epoch: None,
                topic_id: None,
                committed_at: None,
                metadata: "".into(),
            })
        };
        let commits = self.committed.iter().map(|(number, offset)| (partition(*number), commit(*offset))).collect();
        let group = GroupLook {
            description: Answer::Known(at(seconds), self.description.clone()),
            commits: Answer::Known(at(seconds), commits),
            ..GroupLook::default()
        };
        let log = PartitionLook {
            log_start: known(0),
            stable_end: known(self.end),
            end: known(self.end),
            ..PartitionLook::default()
        };
        let mut look = Look::empty(at(seconds), "c");
        look.groups.insert("g".into(), group);
        look.partitions = self.committed.iter().map(|(number, _)| (partition(*number), log.clone())).collect();
        self.observer.observe(&look)
    }
}

fn described(group_type: GroupType, epoch: Option<i32>, members: Vec<Member>) -> Description {
    Description {
        group_type,
        protocol: None,
        state: if members.is_empty() { GroupState::Empty } else { GroupState::Stable },
        group_epoch: epoch,
        assignment_epoch: epoch,
        members: members.into_iter().map(|member| Member { epoch, ..member }).collect(),
        rebalance_timeout_ms: None,
        streams: None,
    }
}

#[test]
fn generations_of_a_classic_group_are_counted_with_what_they_changed() {
    let past = history(
        [
            (-600, generation(5, -601, vec![member("a", &[0, 1])])),
            (-500, generation(6, -501, vec![member("a", &[0]), member("b", &[1])])),
            (-400, generation(8, -402, vec![member("b", &[0, 1])])),
            // The same generation again: a static member was replaced.
            (-300, generation(8, -402, vec![member("b", &[0, 1])])),
        ],
        -1,
    );
    let classic = described(GroupType::Classic, None, vec![member("b", &[0, 1])]);
    let view = Watch::new(&past, classic, &[], 0).look(1).snapshot.groups[0].rebalances.clone();
    let earlier = view.before_watch.unwrap();
    assert_eq!((earlier.count, earlier.exact, earlier.from), (4, true, at(-7_200)));
    assert_eq!((view.count, view.exact), (4, false), "looks at a classic group may miss one");
    assert_eq!((view.last_at, view.last_duration_ms), (Some(at(-402)), None));
    let shown: Vec<_> = view.history.iter().map(|entry| (entry.epochs, entry.joined.len(), entry.left.len())).collect();
    assert_eq!(shown, [(1, 0, 0), (1, 1, 0), (2, 0, 1)]);
    let moved: Vec<_> = view.history.iter().map(|entry| entry.partitions.map(|counts| counts.moved)).collect();
    assert_eq!(moved, [None, Some(1), Some(1)]);
}

#[test]
fn a_new_classic_group_has_not_rebalanced_yet() {
    let changes = [(-20, generation(0, -20, vec![])), (-10, generation(1, -11, vec![member("a", &[0])]))];
    let past = history(changes, -1);
    assert_eq!((past.rebalances.count, past.rebalances.entries.len()), (1, 1));
    assert_eq!(past.rebalances.entries[0].joined, ["a"]);
}

#[test]
fn a_rebalance_with_epochs_lasts_until_the_last_member_has_the_new_one() {
    let name = |id: &str| HistoryChange::MemberKnown { member: member(id, &[]), rebalance_timeout_ms: Some(5_000) };
    let past = history(
        [
            (-600, name("a")),
            (-600, HistoryChange::Epoch(3)),
            (-600, reached("a", 3, true)),
            (-500, name("b")),
            (-500, HistoryChange::Epoch(4)),
            (-500, reached("b", 4, true)),
            (-497, reached("a", 4, false)),
            (-300, HistoryChange::MemberGone("b".into())),
            (-300, HistoryChange::Epoch(5)),
            (-298, reached("a", 5, false)),
        ],
        -1,
    );
    let consumer = described(GroupType::Consumer, Some(5), vec![member("a", &[])]);
    let view = Watch::new(&past, consumer, &[], 0).look(1).snapshot.groups[0].rebalances.clone();
    assert_eq!((view.count, view.exact, view.unsettled_since), (3, true, None));
    let durations: Vec<_> = view.history.iter().map(|entry| entry.duration_ms).collect();
    assert_eq!(durations, [Some(0), Some(3_000), Some(2_000)]);
    assert_eq!(view.history[1].joined, ["b"]);
    assert_eq!(view.history[2].left, ["b"]);
    assert_eq!(view.last_duration_ms, Some(2_000));
}

#[test]
fn a_rebalance_in_progress_goes_on_in_the_first_look() {
    let past = history([(-10, HistoryChange::Epoch(3)), (-10, reached("a", 2, false))], -1);
    let mut moving = described(GroupType::Consumer, Some(3), vec![member("a", &[])]);
    moving.state = GroupState::Reconciling;
    let mut watch = Watch::new(&past, moving.clone(), &[], 0);
    let view = watch.look(1).snapshot.groups[0].rebalances.clone();
    assert_eq!((view.count, view.unsettled_since), (1, Some(at(-10))));
    watch.description.state = GroupState::Stable;
    let view = watch.look(3).snapshot.groups[0].rebalances.clone();
    assert_eq!((view.count, view.last_duration_ms, view.unsettled_since), (1, Some(13_000), None));
    // An epoch after the end of the history began between it and the first look.
    let late = described(GroupType::Consumer, Some(5), vec![member("a", &[])]);
    let view = Watch::new(&past, late, &[], 0).look(1).snapshot.groups[0].rebalances.clone();
    assert_eq!((view.count, view.history.len()), (3, 1));
}

#[test]
fn the_time_of_a_commit_before_the_watch_is_known() {
    let commits = (0..60_i64).map(|step| (step * 5 - 900, committed(0, 10 * (step + 1), step * 5 - 900)));
    let past = history(commits, -1);
    let classic = described(GroupType::Classic, None, vec![member("a", &[0])]);
    let first = |history: &GroupHistory| {
        let mut watch = Watch::new(history, classic.clone(), &[(0, 600)], 1_000);
        watch.look(40).snapshot.groups[0].clone()
    };
    let found = first(&past);
    assert_eq!(found.partitions[0].committed_at, Some(at(-605)));
    assert_eq!(found.rates.out_per_s, Some(0.0), "no commit in the last minute");
    let without = first(&history([], -1));
    assert_eq!((without.partitions[0].committed_at, without.rates.out_per_s), (None, None));
    // The offset was committed since the history ended.
    let later = Watch::new(&past, classic.clone(), &[(0, 700)], 1_000).look(40).snapshot.groups[0].clone();
    assert_eq!(later.partitions[0].committed_at, Some(at(40)));
}

#[test]
fn commits_before_the_watch_give_a_rate() {
    let commits = (0..12_i64).map(|step| (step * 5 - 60, committed(0, 100 + 50 * step, step * 5 - 60)));
    let past = history(commits, -1);
    let classic = described(GroupType::Classic, None, vec![member("a", &[0])]);
    let mut watch = Watch::new(&past, classic, &[(0, 650)], 1_000);
    let rate = watch.look(0).snapshot.groups[0].partitions[0].rates.out_per_s.unwrap();
    assert!((rate - 10.0).abs() < 0.5, "{rate}");
}

#[test]
fn an_offset_that_was_changed_while_the_group_had_no_members_was_not_committed() {
    let commits = (0..12_i64).map(|step| (step * 5 - 160, committed(0, 100 + 50 * step, step * 5 - 160)));
    let reset = [(-100, generation(7, -100, vec![])), (-20, committed(0, 10, -20))];
    let past = history(commits.chain(reset), -1);
    let empty = described(GroupType::Classic, None, Vec::new());
    let mut watch = Watch::new(&past, empty, &[(0, 10)], 1_000);
    watch.look(0);
    watch.look(40);
    let found = watch.look(42).snapshot.groups[0].clone();
    assert_eq!(found.partitions[0].committed_at, Some(at(-20)));
    assert_eq!(found.rates.out_per_s, Some(0.0));
    assert_eq!(found.verdict.kind, VerdictKind::Stopped, "no consumer has committed for long: {:?}", found.verdict);
}

#[test]
fn an_empty_group_expires_from_when_its_last_member_left() {
    let past = history([(-500, generation(6, -500, vec![member("a", &[0])])), (-400, generation(7, -400, vec![]))], -1);
    let empty = described(GroupType::Classic, None, Vec::new());
    let found = Watch::new(&past, empty, &[(0, 1)], 1).look(0).snapshot.groups[0].clone();
    let expiry = found.positions_expire.unwrap();
    assert!((expiry.retention_s - expiry.in_s - 400.0).abs() < 1.0, "{expiry:?}");
}

proptest! {
    /// A member at a time joins or leaves, and each member takes some time to reach the new epoch.
    #[test]
    fn the_number_and_the_durations_of_rebalances_are_those_of_a_simple_model(
        steps in proptest::collection::vec((any::<bool>(), 1..5_i64, proptest::collection::vec(0..4_i64, 8)), 1..30),
        first in 0..100_i32,
    ) {
        let mut past = GroupHistory::new(at(0));
        let (mut now, mut epoch) = (0, first);
        let mut members: Vec<Arc<str>> = Vec::new();
        let mut durations = Vec::new();
        for (number, (joins, gap, delays)) in steps.iter().enumerate() {
            now += gap;
            epoch += 1;
            let joining: Option<Arc<str>> =
                (*joins || members.is_empty()).then(|| Arc::from(format!("m{number}").as_str()));
            match &joining {
                Some(id) => members.push(id.clone()),
                None => past.add(at(now), HistoryChange::MemberGone(members.remove(0))),
            }
            past.add(at(now), HistoryChange::Epoch(epoch));
            let mut waits: Vec<(i64, Arc<str>)> =
                members.iter().enumerate().map(|(index, id)| (delays[index % delays.len()], id.clone())).collect();
            waits.sort();
            for (wait, id) in &waits {
                past.add(at(now + wait), reached(id, epoch, joining.as_ref() == Some(id)));
            }
            let longest = waits.last().map_or(0, |(wait, _)| *wait);
            durations.push(Some(u64::try_from(longest).unwrap() * 1_000));
            now += longest;
        }
        past.end(at(now), true);
        let kept = durations.len().min(crate::rebalance::MAX_HISTORY);
        prop_assert_eq!(past.rebalances.count, steps.len() as u64);
        let found: Vec<_> = past.rebalances.entries.iter().map(|entry| entry.duration_ms).collect();
        prop_assert_eq!(&found[..], &durations[durations.len() - kept..]);
        prop_assert!(!past.rebalances.is_open);
    }
}
