//! Texts of small snapshots, compared with the snapshots.

use std::{collections::BTreeMap, sync::Arc};

use chrono::DateTime;
use kreplay_model::{
    domain::{Lag, Offset, Ordering, TopicPartition},
    feed::{EventLog, HandlingTimes, Owner, PartitionState, PartitionView, RunState, RunSummary, RunView, Snapshot},
    watch::{
        GroupState, GroupType, GroupView, LagTotals, MemberRow, OwnerView, PartitionRow, RebalancesView, SeenBy, Trend,
        VerdictKind, VerdictView, WatchSnapshot,
    },
};
use proptest::prelude::*;

use crate::{Format, KnownNames, Level, MetricsOptions, Observed, Prefix, encode, families};

fn row(topic: &str, partition: i32, lag: Option<i64>) -> PartitionRow {
    let parts = lag.map(|lag| u64::try_from(lag).unwrap_or_default());
    PartitionRow {
        committed: Offset::new(100),
        log_start: Offset::new(0),
        end: lag.and_then(|lag| Offset::new(100 + lag)),
        lag,
        lost: parts.map(|_| 0),
        readable: parts,
        held_back: parts.map(|_| 0),
        ahead: parts.map(|_| 0),
        owner: Some(OwnerView { member_id: "m-1".into(), client_id: Some("c".into()), host: Some("/10.0.0.7".into()) }),
        seen_by: SeenBy::Wire,
        ..PartitionRow::unknown(topic, partition)
    }
}

fn group(name: &str, partitions: Vec<PartitionRow>) -> GroupView {
    let lags: Vec<i64> = partitions.iter().filter_map(|row| row.lag).collect();
    let total = (!lags.is_empty()).then(|| lags.iter().sum());
    GroupView {
        r#type: GroupType::Consumer,
        state: Some(GroupState::Stable),
        members: vec![MemberRow { member_id: "m-1".into(), client_id: Some("c".into()), ..MemberRow::default() }],
        idle_members: Some(0),
        lag: LagTotals { total, max: lags.iter().max().copied(), ..LagTotals::default() },
        trend: Trend::Steady,
        verdict: VerdictView::of(VerdictKind::Stopped),
        rebalances: RebalancesView { count: 3, ..RebalancesView::default() },
        partitions,
        seen_by: SeenBy::Wire,
        as_of: Some(DateTime::UNIX_EPOCH),
        ..GroupView::listed(name)
    }
}

fn watched(groups: Vec<GroupView>) -> Observed {
    let groups = groups.into_iter().map(Arc::new).collect();
    let snapshot =
        WatchSnapshot { at: DateTime::UNIX_EPOCH, cluster: "test".into(), groups, ..WatchSnapshot::default() };
    Observed { groups: Some(Arc::new(snapshot)), ..Observed::default() }
}

fn running() -> Observed {
    let mut times = HandlingTimes::default();
    times.add(300, 4);
    let partition = |number: i32, lag| PartitionView {
        id: TopicPartition::new("orders", number),
        state: PartitionState::Active,
        first: Offset::ZERO,
        end: Offset::ZERO,
        position: Offset::ZERO,
        lag,
        ahead: 0,
        handled: 4,
        owner: Owner::Member(format!("member-{number}")),
        records_per_s: 0.0,
        p95_ms: None,
        handling_times: times,
    };
    let mut run = RunView { id: "7f3a".into(), state: RunState::Running, ..RunView::default() };
    run.plan.group = Some("replay".into());
    run.totals.handled = 8;
    run.partitions = vec![partition(0, Lag::Known(5)), partition(1, Lag::Unknown)];
    Observed { session: Some(Arc::new(Snapshot { run: Some(run), ..Snapshot::default() })), ..Observed::default() }
}

fn at(level: Level) -> MetricsOptions {
    MetricsOptions { level: Some(level), ..MetricsOptions::default() }
}

fn prometheus(observed: Observed, options: &MetricsOptions) -> String {
    encode(Format::Prometheus, observed, options).unwrap()
}

/// The series of a text in either format, with their values.
fn series(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let all: Vec<(String, String)> =
        lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(name, value)| (name.into(), value.into())).collect();
    let unique: BTreeMap<String, String> = all.iter().cloned().collect();
    assert_eq!(unique.len(), all.len(), "no series occurs twice:\n{text}");
    unique
}

#[test]
fn a_group_has_its_figures_at_each_level() {
    let observed = || watched(vec![group("billing", vec![row("a", 0, Some(5)), row("a", 1, Some(7))])]);
    let by_level = Level::ALL.map(|level| series(&prometheus(observed(), &at(level))));
    for series in &by_level {
        assert_eq!(series[r#"kreplay_group_lag_offsets{group="billing"}"#], "12");
        assert_eq!(series[r#"kreplay_group_state{group="billing",state="Stable"}"#], "1");
        assert_eq!(series[r#"kreplay_group_state{group="billing",state="Empty"}"#], "0");
        assert_eq!(series[r#"kreplay_group_verdict{group="billing",verdict="stopped"}"#], "1");
        assert_eq!(series[r#"kreplay_group_rebalances_total{group="billing"}"#], "3");
        assert_eq!(series["kreplay_metrics_dropped_series"], "0");
    }
    let topic = r#"kreplay_group_topic_lag_offsets{group="billing",topic="a"}"#;
    let partition = r#"kreplay_group_partition_lag_offsets{group="billing",topic="a",partition="1"}"#;
    assert_eq!(by_level.each_ref().map(|series| series.contains_key(topic)), [false, true, true]);
    assert_eq!(by_level.each_ref().map(|series| series.contains_key(partition)), [false, false, true]);
    assert_eq!((&*by_level[2][topic], &*by_level[2][partition]), ("12", "7"));
}

#[test]
fn what_is_not_known_is_absent() {
    let text = prometheus(watched(vec![group("g", vec![row("a", 0, None)])]), &at(Level::Partition));
    assert!(!text.contains("lag_offsets") && !text.contains("_age_seconds") && !text.contains("kreplay_run"), "{text}");
    assert!(prometheus(Observed::default(), &MetricsOptions::default()).contains("kreplay_build_info{"));
}

#[test]
fn the_members_and_partitions_of_a_group_are_not_known_before_its_description() {
    let listed = GroupView { state: Some(GroupState::Stable), ..GroupView::listed("g") };
    let options = MetricsOptions { names: KnownNames::KafkaExporter, ..at(Level::Partition) };
    let text = prometheus(watched(vec![listed]), &options);
    assert!(text.contains(r#"kreplay_group_state{group="g",state="Stable"} 1"#), "{text}");
    for name in ["group_members", "group_unknown_partitions", "group_orphan_partitions", "consumergroup_members"] {
        assert!(!text.contains(&format!("{name}{{")), "{name}: {text}");
    }
}

#[test]
fn a_deleted_group_and_an_abandoned_partition_have_no_series() {
    let abandoned = PartitionRow { abandoned: true, ..row("left", 0, Some(9)) };
    let text = prometheus(watched(vec![group("kept", vec![row("a", 0, Some(1)), abandoned])]), &at(Level::Partition));
    assert!(!text.contains("topic=\"left\""), "{text}");
    let without = prometheus(watched(Vec::new()), &at(Level::Partition));
    assert!(!without.contains("kept") && without.contains("kreplay_watch_timestamp_seconds 0"), "{without}");
}

#[test]
fn a_run_has_counts_and_handling_times_per_partition_unless_a_coarser_level_is_chosen() {
    let all = series(&prometheus(running(), &MetricsOptions::default()));
    assert_eq!(all[r#"kreplay_events_total{topic="orders",partition="1"}"#], "4");
    assert_eq!(all[r#"kreplay_run_lag_offsets{topic="orders",partition="0"}"#], "5");
    assert!(!all.contains_key(r#"kreplay_run_lag_offsets{topic="orders",partition="1"}"#));
    let bucket = |le: &str| {
        all[&format!(r#"kreplay_event_duration_seconds_bucket{{topic="orders",partition="0",le="{le}"}}"#)].as_str()
    };
    assert_eq!([bucket("0.00025"), bucket("0.0005"), bucket("+Inf")], ["0", "4", "4"]);
    assert_eq!(all[r#"kreplay_event_duration_seconds_sum{topic="orders",partition="0"}"#], "0.0012");
    assert_eq!((&*all["kreplay_run_members"], &*all["kreplay_run_records_total"]), ("2", "8"));
    let topics = series(&prometheus(running(), &at(Level::Topic)));
    assert_eq!(topics[r#"kreplay_events_total{topic="orders"}"#], "8");
    assert_eq!(series(&prometheus(running(), &at(Level::Group)))["kreplay_events_total"], "8");
}

#[test]
fn the_lag_of_several_partitions_is_absent_while_that_of_one_is_not_known() {
    let with = |lag| {
        let mut observed = running();
        let mut snapshot = Snapshot::clone(observed.session.as_ref().unwrap());
        snapshot.run.as_mut().unwrap().partitions[0].lag = Lag::Known(0);
        snapshot.run.as_mut().unwrap().partitions[1].lag = lag;
        observed.session = Some(snapshot.into());
        observed
    };
    for (level, name) in
        [(Level::Group, "kreplay_run_lag_offsets"), (Level::Topic, r#"kreplay_run_lag_offsets{topic="orders"}"#)]
    {
        let lag = |lag| series(&prometheus(with(lag), &at(level))).get(name).cloned();
        assert_eq!((lag(Lag::Unknown), lag(Lag::Known(7)).as_deref()), (None, Some("7")), "{level:?}");
    }
}

#[test]
fn ended_runs_and_events_are_counted() {
    let summary = |state| RunSummary { state, ..summary() };
    let finished = vec![summary(RunState::Done), summary(RunState::Failed), summary(RunState::Failed)];
    let session = Snapshot { finished, ..Snapshot::default() };
    let log = EventLog::default();
    (0..3).for_each(|_| log.warn("the target answered 503"));
    let text = prometheus(
        Observed { session: Some(session.into()), events: Some(log.counts()), ..Observed::default() },
        &MetricsOptions::default(),
    );
    let all = series(&text);
    let of = |state: &str| all[&format!("kreplay_runs_total{{state=\"{state}\"}}")].as_str();
    assert_eq!([of("done"), of("failed"), of("cancelled")], ["1", "2", "0"]);
    let of = |level: &str| all[&format!("kreplay_run_log_events_total{{level=\"{level}\"}}")].as_str();
    assert_eq!([of("info"), of("warning"), of("error")], ["0", "3", "0"]);
}

/// The summary of a run.
fn summary() -> RunSummary {
    RunSummary {
        id: "r1".into(),
        state: RunState::Done,
        ordering: Ordering::Key,
        concurrency: 1,
        concurrency_changed: false,
        handled: 8,
        elapsed_s: 1.0,
        handling_s: 1.0,
        records_per_s: 8.0,
        efficiency: None,
        limit: None,
        digest: String::new(),
    }
}

#[test]
fn the_maximum_of_series_holds_and_the_widest_group_becomes_coarser() {
    let wide = group("wide", (0..200).map(|number| row("a", number, Some(1))).collect());
    let narrow = group("narrow", vec![row("b", 0, Some(1))]);
    let options = MetricsOptions { max_series: 200, ..at(Level::Partition) };
    let text = prometheus(watched(vec![wide, narrow]), &options);
    let all = series(&text);
    assert!(all.len() <= 204, "{}", all.len());
    assert_eq!(all["kreplay_metrics_dropped_series"], "1000");
    assert!(
        text.contains(r#"group_partition_lag_offsets{group="narrow""#)
            && text.contains(r#"group_topic_lag_offsets{group="wide""#)
    );
    assert!(!text.contains(r#"group_partition_lag_offsets{group="wide""#), "{text}");
}

#[test]
fn names_of_other_exporters_are_added() {
    let observed = || watched(vec![group("g", vec![row("a", 0, Some(5))]), group("h", vec![row("a", 0, Some(6))])]);
    let text = |names| prometheus(observed(), &MetricsOptions { names, ..at(Level::Partition) });
    let exporter = series(&text(KnownNames::KafkaExporter));
    assert_eq!(exporter[r#"kafka_consumergroup_lag{consumergroup="g",topic="a",partition="0"}"#], "5");
    assert_eq!(exporter[r#"kafka_consumergroup_lag_sum{consumergroup="h",topic="a"}"#], "6");
    assert_eq!(exporter[r#"kafka_consumergroup_members{consumergroup="g"}"#], "1");
    assert_eq!(exporter[r#"kafka_topic_partition_current_offset{topic="a",partition="0"}"#], "106");
    let lag_exporter = series(&text(KnownNames::KafkaLagExporter));
    let owner = r#"member_host="10.0.0.7",consumer_id="m-1",client_id="c""#;
    let lag =
        format!(r#"kafka_consumergroup_group_lag{{cluster_name="test",group="g",topic="a",partition="0",{owner}}}"#);
    assert_eq!(lag_exporter[&lag], "5");
    assert_eq!(lag_exporter[r#"kafka_partition_latest_offset{cluster_name="test",topic="a",partition="0"}"#], "106");
    assert_eq!(lag_exporter[r#"kafka_consumergroup_group_sum_lag{cluster_name="test",group="h"}"#], "6");
    assert!(lag_exporter.keys().all(|name| name.starts_with("kafka_") || name.starts_with("kreplay_")));
}

#[test]
fn each_exported_name_and_its_labels_are_in_the_list() {
    for names in KnownNames::ALL {
        let options = MetricsOptions { names, ..at(Level::Partition) };
        let groups = watched(vec![group("g", vec![row("a", 0, Some(5))])]);
        let text = prometheus(Observed { groups: groups.groups, ..running() }, &options);
        let listed: BTreeMap<String, &[&str]> =
            families(names).iter().map(|family| (family.name(&Prefix::default()), family.labels)).collect();
        for (name, _) in series(&text) {
            let (name, labels) = name.split_once('{').unwrap_or((&name, ""));
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
            let known = listed.get(name).or_else(|| listed.get(base?));
            let known = known.unwrap_or_else(|| panic!("{name} is not listed"));
            let used = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
            for (label, _) in used.filter(|(label, _)| *label != "le") {
                assert!(known.contains(&label), "{name}: {label}");
            }
        }
    }
}

/// A label value as it was before it was escaped.
fn unescaped(value: &str) -> String {
    value.replace("\\\\", "\u{0}").replace("\\n", "\n").replace("\\\"", "\"").replace('\u{0}', "\\")
}

proptest! {
    #[test]
    fn hostile_names_stay_in_their_label(name in r#"[a-c"\\\n{}=, #é\r\t]{1,40}"#) {
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let observed = watched(vec![group(&name, Vec::new())]);
            let text = encode(format, observed, &MetricsOptions::default()).unwrap();
            let line = text.split('\n').find(|line| line.starts_with("kreplay_group_members{")).unwrap();
            let value = line.strip_prefix(r#"kreplay_group_members{group=""#).unwrap().strip_suffix(r#""} 1"#).unwrap();
            prop_assert_eq!(unescaped(value), name.clone());
            prop_assert_eq!(text.ends_with("# EOF\n"), format == Format::OpenMetrics);
        }
    }
}
