//! Situations in which every screen must be drawn.

use std::sync::Arc;

use kreplay_console::{
    state::{ChangeAccess, State},
    update::Event,
};
use kreplay_model::{
    audit::AuditStep,
    domain::{Lag, Offset, Ordering},
    feed::{
        EventKind, Owner, PausedRecord, Planning, QuarantineView, QuarantinedKey, RunState, RunView, Snapshot,
        WorkerView,
    },
};

use crate::{alerts, audit, fixture::*, inspect, launch_form, lists, plan::plan, watch_fixture};

/// What the console has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Situation {
    /// Connected, without topics and runs.
    Empty,
    /// Before the first snapshot has arrived.
    Loading,
    /// A paused run in which every screen has something to show.
    Normal,
    /// A failed run, a cluster without topics, and a failed plan.
    Failing,
    /// More of everything than fits, and the largest numbers.
    Huge,
    /// Names and messages with control, wide, joined, and invisible characters.
    Hostile,
}

impl Situation {
    pub(crate) const ALL: [Self; 6] =
        [Self::Empty, Self::Loading, Self::Normal, Self::Failing, Self::Huge, Self::Hostile];

    /// The console in this situation, at its home screen.
    pub(crate) fn console(self, width: u16, height: u16) -> State {
        let mut state = State::new(width, height, Some(HINT.into()));
        apply(&mut state, Event::WatchBegan);
        apply(&mut state, Event::ChangeAccess(ChangeAccess::Full));
        apply(&mut state, Event::LaunchAccess(launch_form::access()));
        match self {
            Self::Empty => give(&mut state, snapshot(None, 0.0)),
            Self::Loading => {}
            Self::Normal => show(&mut state, normal(), events(3.0, Ordering::Key).into_iter().map(|one| one.kind)),
            Self::Failing => {
                let failed = EventKind::Error { text: "commit failed: not the coordinator".into() };
                show(&mut state, failing(), [failed]);
            }
            Self::Huge => {
                let many = (0..40).map(|at| EventKind::Warning { text: format!("{at} ").repeat(1_000) });
                show(&mut state, huge(), many);
            }
            Self::Hostile => {
                let bad = HOSTILE.iter().map(|text| EventKind::Notice { text: text.repeat(12) });
                show(&mut state, hostile(), bad);
            }
        }
        let groups = match self {
            Self::Empty => watch_fixture::of(Vec::new()),
            Self::Loading => return state,
            Self::Normal => watch_fixture::cluster(),
            Self::Failing => watch_fixture::denied(),
            Self::Huge => watch_fixture::huge(),
            Self::Hostile => watch_fixture::hostile(&HOSTILE),
        };
        watch_fixture::give_groups(&mut state, groups);
        let alerts = match self {
            Self::Empty | Self::Loading => alerts::none(),
            Self::Normal | Self::Failing => alerts::some(),
            Self::Huge => alerts::many(),
            Self::Hostile => alerts::hostile(&HOSTILE),
        };
        apply(&mut state, Event::Alerts(Arc::new(alerts)));
        apply(&mut state, Event::JournalAccess);
        let journals = match self {
            Self::Empty | Self::Loading => lists::listing(Vec::new()),
            Self::Normal => lists::listing(lists::some()),
            Self::Failing => lists::failing(),
            Self::Huge => lists::listing(lists::many()),
            Self::Hostile => lists::listing(lists::hostile(&HOSTILE)),
        };
        apply(&mut state, Event::Journals(Arc::new(journals)));
        self.give_records(&mut state);
        self.give_audit(&mut state);
        state.user.launch = launch_form::view(self);
        state
    }
}

impl Situation {
    /// Failed records, and one that was looked at.
    fn give_records(self, state: &mut State) {
        match self {
            Self::Empty | Self::Loading | Self::Failing => {}
            Self::Normal => {
                inspect::give_events(state, inspect::some_failures());
                inspect::look_at_paused_record(state, inspect::some_record);
            }
            Self::Huge => {
                inspect::give_events(state, inspect::many_failures());
                inspect::look_at_paused_record(state, inspect::huge_record);
            }
            Self::Hostile => {
                inspect::give_events(state, inspect::hostile_failures(&HOSTILE));
                inspect::look_at_paused_record(state, |id| inspect::hostile_record(id, &HOSTILE));
            }
        }
    }
}

impl Situation {
    /// An audit of the topics of the run.
    fn give_audit(self, state: &mut State) {
        let step = match self {
            Self::Empty | Self::Loading => return,
            Self::Normal => AuditStep::Done(audit::some_report().into()),
            Self::Failing => AuditStep::Failed("no broker answers within 10 s".into()),
            Self::Huge => AuditStep::Done(audit::huge_report().into()),
            Self::Hostile => AuditStep::Done(audit::hostile_report(&HOSTILE).into()),
        };
        audit::give_audit(state, step);
    }
}

/// Shows a snapshot and events, as a session would send them.
fn show(state: &mut State, snapshot: Snapshot, kinds: impl IntoIterator<Item = EventKind>) {
    let events = (0..).zip(kinds).map(|(seq, kind)| event(seq, 3.0, kind)).collect();
    apply(state, Event::Events(events));
    for second in 0..4_u32 {
        give(state, before(&snapshot, second));
    }
    give(state, snapshot);
}

/// The same run after its first seconds.
fn before(snapshot: &Snapshot, second: u32) -> Snapshot {
    let mut snapshot = snapshot.clone();
    let run = snapshot.run.as_mut().unwrap();
    (run.state, run.error) = (RunState::Running, None);
    (run.paused_record, run.quarantine) = (None, QuarantineView::default());
    run.elapsed_s = f64::from(second);
    for worker in &mut run.workers {
        worker.handled = worker.handled / 4 * u64::from(second);
        worker.busy_ns = u64::from(second * worker.id) * 100_000_000;
    }
    for partition in &mut run.partitions {
        partition.handled = partition.handled / 4 * u64::from(second);
    }
    snapshot
}

const HOSTILE: [&str; 6] = [
    "\u{1b}[31m\u{7}red\r\nalert",
    "right\u{202e}to-left\u{200b}",
    "主題の名前がとても長い",
    "♻️👨‍👩‍👧‍👦",
    "e\u{301}\u{301}\u{301}",
    "",
];

fn key(hash: u64, name: &str, topic: &str) -> QuarantinedKey {
    QuarantinedKey {
        hash,
        key: name.into(),
        partition: partition(topic, 3),
        offset: Offset::new(700).unwrap(),
        records: 94,
        bytes: 9_400,
        error: "the target answered 503".into(),
        attempts: 4,
        for_s: 40.0,
    }
}

fn paused_record(topic: &str, key: &str, error: &str) -> PausedRecord {
    PausedRecord {
        partition: partition(topic, 3),
        offset: Offset::new(700).unwrap(),
        key: Some(key.into()),
        error: error.into(),
        attempts: 4,
    }
}

fn quarantine(waiting: Vec<QuarantinedKey>) -> QuarantineView {
    let (keys, records) = (waiting.len(), waiting.iter().fold(0_u64, |sum, key| sum.saturating_add(key.records)));
    QuarantineView { keys, records, bytes: records, awaits_decision: true, dead_letters: true, waiting }
}

fn normal() -> Snapshot {
    let mut run = run(3.0, RunState::Paused, Ordering::Key);
    run.quarantine =
        quarantine(vec![key(1, "customer-17", "vc.orders.events"), key(2, "customer-3", "vc.stock.events")]);
    run.paused_record = Some(paused_record("vc.orders.events", "customer-17", "the target answered 503"));
    run.paused_by = Some("the target answered 503".into());
    let forecast = plan(6);
    run.plan.topics.clone_from(&forecast.topics);
    let mut snapshot = snapshot(Some(run), 3.0);
    snapshot.catalog = Some(topics().into());
    snapshot.planning.forecast = Some(Arc::new(forecast));
    snapshot.finished = vec![summary(1, 10.0, "9f3a1c2b77e04d11"), summary(6, 1.7, "9f3a1c2b77e04d11")];
    snapshot
}

fn failing() -> Snapshot {
    let mut run = run(3.0, RunState::Failed, Ordering::Key);
    run.error = Some("the handler failed 4 times: the target answered 503".into());
    let mut snapshot = snapshot(Some(run), 3.0);
    snapshot.problem = Some("no broker answers within 10 s".into());
    snapshot.planning.problem = Some("no broker answers within 10 s".into());
    snapshot
}

fn huge() -> Snapshot {
    let mut snapshot = normal();
    let run = snapshot.run.as_mut().unwrap();
    let pattern = run.partitions[2].clone();
    run.partitions = (0..1_000)
        .map(|number| {
            let mut view = pattern.clone();
            view.id = partition("vc.everything.events", number);
            (view.end, view.lag, view.ahead) = (Offset::new(i64::MAX).unwrap(), Lag::Known(u64::MAX), u64::MAX);
            view
        })
        .collect();
    run.plan.topics = (0..1_000).map(|number| format!("vc.topic-{number}")).collect();
    run.workers = (0..1_000).map(|id| WorkerView { id, handled: u64::MAX, ..run.workers[0].clone() }).collect();
    run.quarantine = quarantine((0..100).map(|hash| key(hash, "customer", "vc.orders.events")).collect());
    run.quarantine.waiting.iter_mut().for_each(|key| key.records = u64::MAX);
    run.paused_record.as_mut().unwrap().error = "the target answered 503. ".repeat(500);
    largest_totals(run);
    let mut forecast = plan(1_000);
    forecast.topics.clone_from(&run.plan.topics);
    snapshot.planning.forecast = Some(Arc::new(forecast));
    snapshot.catalog =
        Some((0..1_000).map(|number| topic(&format!("vc.topic-{number}"), u32::MAX, u64::MAX)).collect());
    snapshot.finished = (0..200).map(|at| summary(at + 1, 1e9, "9f3a1c2b77e04d11")).collect();
    snapshot
}

fn largest_totals(run: &mut RunView) {
    let totals = &mut run.totals;
    (totals.handled, totals.filtered, totals.retried, totals.skipped) = (u64::MAX, u64::MAX, u64::MAX, u64::MAX);
    (totals.dead_lettered, totals.lost, totals.repeated, totals.ahead) = (u64::MAX, u64::MAX, u64::MAX, u64::MAX);
    totals.lag = Lag::Known(u64::MAX);
    run.elapsed_s = f64::INFINITY;
    run.eta_s = Some(f64::NAN);
    run.buffered_bytes = u64::MAX;
}

fn hostile() -> Snapshot {
    let bad = HOSTILE.concat().repeat(8);
    let mut snapshot = normal();
    let run = snapshot.run.as_mut().unwrap();
    for (at, view) in run.partitions.iter_mut().enumerate() {
        view.id = partition(&HOSTILE[at % HOSTILE.len()].repeat(1 + at % 9), i32::try_from(at).unwrap());
        view.owner = Owner::Member(HOSTILE[(at + 1) % HOSTILE.len()].repeat(9));
    }
    for text in [&mut run.id, &mut run.digest, &mut run.plan.handler, &mut run.plan.selection, &mut run.plan.tier] {
        text.clone_from(&bad);
    }
    run.plan.group = Some(bad.clone());
    run.paused_by = Some(bad.clone());
    run.paused_record = Some(paused_record(&bad, &bad, &bad));
    run.quarantine = quarantine((0..6).map(|hash| key(hash, &bad, HOSTILE[hash as usize])).collect());
    run.quarantine.waiting.iter_mut().for_each(|key| key.error.clone_from(&bad));
    let mut forecast = plan(6);
    forecast.topics = vec![bad.clone()];
    forecast.keys.heaviest[0].key.clone_from(&bad);
    forecast.partitions[0].id = partition(&bad, i32::MAX);
    forecast.conditions.handler.clone_from(&bad);
    forecast.notes = vec![bad.clone()];
    forecast.recommended.as_mut().unwrap().why.clone_from(&bad);
    run.plan.topics.clone_from(&forecast.topics);
    snapshot.planning.forecast = Some(Arc::new(forecast));
    snapshot.planning.in_progress = Some(Planning { read: u64::MAX, wanted: 1 });
    snapshot.planning.problem = Some(bad.clone());
    snapshot.catalog = Some(HOSTILE.iter().map(|name| topic(&name.repeat(20), 6, 1_000)).collect());
    snapshot.next.selection.clone_from(&bad);
    snapshot.next.handler.clone_from(&bad);
    snapshot.next.group = Some(bad.clone());
    snapshot.cluster.bootstrap.clone_from(&bad);
    snapshot.finished = vec![summary(1, 10.0, &bad)];
    snapshot.problem = Some(bad);
    snapshot
}
