//! The audit window: starting, progress, stopping, findings, and the rehearsal of another number of partitions.

use std::sync::Arc;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    state::{Asked, Dialog, ScreenId, State},
    update::{Effect, Event},
};
use kreplay_model::{
    audit::{
        AuditCommand, AuditCoverage, AuditProgress, AuditReport, AuditStep, AuditTask, Bounds, Breaker, Breakers,
        ChangePoint, Check, CoPartitioning, Evenness, Finding, Growth, HotKey, Inversion, InversionKind, KeyPlace,
        KeySpread, MovedKey, OrderAudit, PartitionAudit, Partitioner, PartitionerAudit, PartitionerScore,
        PartitionerVerdict, RecordCounts, Rehearsal, SpreadKey, TopicAudit, Unevenness,
    },
    feed::{Estimate, Planning},
};

use crate::fixture::*;

const SIZES: [(u16, u16); 2] = [(80, 24), (160, 50)];
const AT_MS: i64 = 1_800_000_000_123;

fn counts(records: u64) -> RecordCounts {
    RecordCounts { records, bytes: records.saturating_mul(140), keyed: records, ..RecordCounts::default() }
}

fn uneven(max_by_mean: f64, gini: f64) -> Unevenness {
    Unevenness { max_by_mean, gini }
}

fn score(partitioner: Partitioner, partitions: i32, keys: f64) -> PartitionerScore {
    PartitionerScore { partitioner, partitions, keys, records: keys }
}

fn place(partition: i32, records: u64, first_offset: i64, last_offset: i64) -> KeyPlace {
    KeyPlace { partition, records, first_offset, last_offset, last_timestamp_ms: Some(AT_MS) }
}

fn mixed(key: &str) -> PartitionerAudit {
    let breaker = Breaker { key: key.into(), partition: 1, offset: 107, timestamp_ms: Some(AT_MS), expected: 4 };
    PartitionerAudit {
        verdict: PartitionerVerdict::Mixed,
        chance: 1.0 / 6.0,
        best: Some(score(Partitioner::Murmur2, 6, 0.99)),
        equivalent: vec![],
        others: vec![score(Partitioner::Crc32, 6, 0.17)],
        growth: Some(Growth {
            from: 3,
            to: 6,
            changes: vec![ChangePoint { partition: 0, after_offset: Some(4_100), before_offset: Some(4_117) }],
            keys_in_both: Estimate { value: 4_118, low: 4_040, high: 4_196 },
            first_timestamp_ms: Some(AT_MS),
        }),
        breakers: Some(Breakers {
            records: Bounds { low: 1_150, high: 1_242 },
            certain: false,
            keys: 610,
            explained_by: Some(score(Partitioner::Crc32, 6, 1.0)),
            examples: vec![breaker],
        }),
    }
}

fn rehearsal(loads: Vec<u64>) -> Rehearsal {
    Rehearsal {
        key_template: None,
        partitions: i32::try_from(loads.len()).unwrap(),
        partitioner: Partitioner::Murmur2,
        assumed: false,
        loads,
        keyless: 0,
        unevenness: uneven(1.61, 0.18),
        moved: 0.5,
        heaviest_key: Bounds { low: 17_900, high: 18_200 },
        speed_up_by_partition: 7.4,
        speed_up_by_key: 6.6,
    }
}

/// A topic with everything that an audit can find. `key` names its hottest key.
fn topic(name: &str, key: &str, loads: &[u64]) -> TopicAudit {
    let partitions = (0..).zip(loads).map(|(partition, load)| PartitionAudit { partition, counts: counts(*load) });
    let total = loads.iter().fold(0_u64, |sum, load| sum.saturating_add(*load));
    let inversion = Inversion {
        kind: InversionKind::Timestamp,
        key: key.into(),
        partition: 2,
        previous_offset: 40,
        offset: 52,
        previous_value: AT_MS,
        value: AT_MS - 7_000,
    };
    TopicAudit {
        topic: name.into(),
        counts: RecordCounts { null_keys: 12, tombstones: 3, bytes: total, ..counts(total.saturating_sub(12)) },
        partitions: partitions.collect(),
        evenness: Evenness { records: uneven(2.1, 0.31), bytes: uneven(2.1, 0.31) },
        unused_partitions: vec![5],
        unreachable_partitions: Some(vec![]),
        hottest_keys: vec![
            HotKey { key: key.into(), records: Bounds { low: 17_900, high: 18_200 } },
            HotKey { key: "customer-000003".into(), records: Bounds::exact(1_204) },
        ],
        keys: KeySpread {
            exact: false,
            followed: 4_096,
            distinct: Estimate { value: 20_000, low: 19_600, high: 20_400 },
            in_several_partitions: Estimate { value: 4_118, low: 4_040, high: 4_196 },
            examples: vec![SpreadKey {
                key: key.into(),
                places: vec![place(1, 3, 107, 9_000), place(4, 90, 5, 8_400)],
            }],
        },
        template_keys: None,
        order: OrderAudit { timestamp_inversions: 1, sequence: None, examples: vec![inversion] },
        partitioner: mixed(key),
        rehearsal: Some(rehearsal(loads.iter().flat_map(|load| [load / 2, load - load / 2]).collect())),
    }
}

fn report(topics: Vec<TopicAudit>, key: &str) -> AuditReport {
    let finding = |check, topic: &str, text: &str| Finding { check, topic: topic.into(), text: text.into() };
    let first = topics.first().map(|topic| topic.topic.clone()).unwrap_or_default();
    AuditReport {
        coverage: AuditCoverage {
            full: false,
            stopped: false,
            records: 120_000,
            filtered: 0,
            offsets_read: 120_000,
            offsets: 1_000_000,
            elapsed_s: 1.31,
        },
        findings: vec![
            finding(
                Check::Spread,
                &first,
                "4,040 to 4,196 of 19,600 to 20,400 keys have records in several partitions",
            ),
            finding(
                Check::Partitioner,
                &first,
                "1,150 to 1,242 records are not where murmur2 (Java's clients) puts them",
            ),
            finding(Check::Order, &first, "1 timestamp of a key decreases within a partition"),
        ],
        co_partitioning: vec![CoPartitioning {
            topics: [first, "vc.payments.events".into()],
            partitions: [6, 12],
            compared_keys: 4_096,
            in_same_partitions: 2_050,
            examples: vec![MovedKey { key: key.into(), partitions: [vec![1, 4], vec![10]] }],
        }],
        topics,
        ..AuditReport::default()
    }
}

pub(crate) fn some_report() -> AuditReport {
    report(vec![topic("vc.orders.events", "customer-000017", &[61_000, 8_200, 17_400, 12_000, 9_400, 0])], "customer-3")
}

/// More topics, partitions and findings than are shown, with the largest numbers.
pub(crate) fn huge_report() -> AuditReport {
    let loads = [u64::MAX; 1_000];
    let topics = (0..150).map(|number| topic(&format!("vc.topic-{number}"), "customer", &loads)).collect();
    let mut huge = report(topics, "customer");
    huge.findings = huge.findings.iter().cycle().take(1_000).cloned().collect();
    huge.co_partitioning = huge.co_partitioning.iter().cycle().take(300).cloned().collect();
    huge.coverage = AuditCoverage { offsets: u64::MAX, records: u64::MAX, elapsed_s: f64::NAN, ..huge.coverage };
    huge
}

/// Names and keys that would control a terminal. The sentences of findings are escaped by the audit itself.
pub(crate) fn hostile_report(texts: &[&str]) -> AuditReport {
    let all = texts.concat();
    let topics = texts.iter().map(|text| topic(&text.repeat(20), &text.repeat(40), &[7, 0, 9])).collect();
    AuditReport { key_template: Some(all.clone()), ..report(topics, &all) }
}

/// Asks for an audit of the topics of the run.
fn ask(state: &mut State) -> AuditTask {
    apply(state, Event::AuditorBegan);
    started(&act(state, Action::Audit))
}

/// The task of a command.
fn started(effects: &[Effect]) -> AuditTask {
    let [Effect::Audit(AuditCommand::Start(task))] = effects else { panic!("{effects:?}") };
    task.clone()
}

fn answer(state: &mut State, task: &AuditTask, step: AuditStep) {
    apply(state, Event::Audited(Arc::new(AuditProgress { number: task.number, step })));
}

/// Audits the topics of the run, and closes the window again.
pub(crate) fn give_audit(state: &mut State, step: AuditStep) {
    let task = ask(state);
    answer(state, &task, step);
    act(state, Action::Close);
    state.user.status = None;
}

fn audited(width: u16, height: u16, report: AuditReport) -> State {
    let mut state = running(width, height);
    let task = ask(&mut state);
    answer(&mut state, &task, AuditStep::Done(report.into()));
    state
}

#[test]
fn findings_are_shown_before_the_topics() {
    for (width, height) in SIZES {
        let mut state = audited(width, height, some_report());
        assert_snapshot!(format!("audit_{width}x{height}"), text(&state));
        if height == 24 {
            assert_snapshot!("audit_80x24_all", all_pages(&state));
        }
        draw(&mut state);
        act(&mut state, Action::Close);
        assert_at_home(&state);
    }
}

#[test]
fn progress_and_failures_are_shown_and_the_report_before_stays() {
    for (width, height) in SIZES {
        let mut state = running(width, height);
        let task = ask(&mut state);
        assert_snapshot!(format!("audit_querying_{width}x{height}"), text(&state));
        answer(&mut state, &task, AuditStep::Reading(Planning { read: 40_000, wanted: 100_000 }));
        assert_snapshot!(format!("audit_reading_{width}x{height}"), text(&state));
        answer(&mut state, &task, AuditStep::Failed("no broker answers within 10 s".into()));
        assert_snapshot!(format!("audit_failed_{width}x{height}"), text(&state));
        answer(&mut state, &task, AuditStep::Done(AuditReport::default().into()));
        assert_snapshot!(format!("audit_empty_{width}x{height}"), text(&state));
    }
    let mut state = audited(80, 24, some_report());
    let again = started(&act(&mut state, Action::AuditAgain));
    answer(&mut state, &again, AuditStep::Reading(Planning { read: 1, wanted: 2 }));
    let shown = text(&state);
    assert!(shown.contains("reading 1 of 2 offsets") && shown.contains("findings"), "{shown}");
}

#[test]
fn large_numbers_and_hostile_names_are_drawn_within_the_window() {
    for (width, height) in SIZES {
        assert_snapshot!(format!("audit_huge_{width}x{height}"), text(&audited(width, height, huge_report())));
        let hostile = hostile_report(&["\u{1b}[31m\u{7}red\r\nalert", "right\u{202e}to-left\u{200b}", "主題の名前"]);
        assert_snapshot!(format!("audit_hostile_{width}x{height}"), text(&audited(width, height, hostile)));
    }
}

#[test]
fn the_marked_topics_are_audited() {
    let mut state = choosing(80, 24, topics());
    let unavailable = Action::Audit.refusal(&state);
    assert!(unavailable.is_some_and(|why| why.contains("no cluster")));
    apply(&mut state, Event::AuditorBegan);
    press(&mut state, ' ');
    press_code(&mut state, KeyCode::Down);
    press(&mut state, ' ');
    let marked: Vec<String> = state.user.topics.marked.iter().cloned().collect();
    let task = started(&press(&mut state, 'u'));
    assert_eq!((task.topics.to_vec(), task.full, task.rehearse_partitions), (marked, false, None));
    assert_eq!(front(&state), ScreenId::Audit);
    act(&mut state, Action::Close);
    assert_eq!(front(&state), ScreenId::Topics, "the audit goes on behind the list");
    assert!(press(&mut state, 'u').is_empty(), "the same topics are not read twice");
    assert_eq!(front(&state), ScreenId::Audit);
}

#[test]
fn an_audit_is_stopped_and_repeated_with_all_records() {
    let mut state = running(80, 24);
    let first = ask(&mut state);
    assert_eq!(act(&mut state, Action::StopAudit), [Effect::Audit(AuditCommand::Stop)]);
    answer(&mut state, &first, AuditStep::Done(some_report().into()));
    assert!(Action::StopAudit.refusal(&state).is_some());
    let second = started(&act(&mut state, Action::AuditAll));
    assert!(second.full && second.number > first.number && second.topics == first.topics);
    answer(&mut state, &first, AuditStep::Failed("late".into()));
    assert!(state.user.audit.in_progress.is_some(), "an answer to an earlier task is ignored");
}

#[test]
fn another_number_of_partitions_is_rehearsed() {
    let mut state = audited(80, 24, some_report());
    act(&mut state, Action::Rehearse);
    for wrong in ["0", "10001", "x", ""] {
        type_text(&mut state, wrong);
        assert!(act(&mut state, Action::Accept).is_empty());
        assert!(
            matches!(dialog(&state), Some(Dialog::Prompt { asked: Asked::RehearsedPartitions, error: Some(_), .. })),
            "{wrong}"
        );
        act(&mut state, Action::DeleteAll);
    }
    type_text(&mut state, "24");
    assert_snapshot!("audit_rehearse_80x24", text(&state));
    assert_eq!(started(&act(&mut state, Action::Accept)).rehearse_partitions, Some(24));
    let all = started(&act(&mut state, Action::AuditAll));
    assert_eq!((all.full, all.rehearse_partitions), (true, Some(24)), "what was chosen stays");
    act(&mut state, Action::Rehearse);
    type_text(&mut state, "off");
    assert_eq!(started(&act(&mut state, Action::Accept)).rehearse_partitions, None);
}
