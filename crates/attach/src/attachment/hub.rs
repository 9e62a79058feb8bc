//! Publishes what the processes say as one feed.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use kreplay_model::{
    attach::{AttachAccess, AttachView},
    feed::{Event, EventKind, EventLog, Snapshot},
    inspect::Inspection,
    recording::Frame,
    watch::{AlertsSnapshot, WatchEvent, WatchLog, WatchSnapshot},
};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};

use super::{peer::Peer, routes::Takes};
use crate::{
    client::Update,
    merge::{Interleaver, MergedWatch, WatchPart, merge, merge_alerts, merge_watches},
    protocol::ListedJournals,
};

/// The interval of merged snapshots.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);
/// How long an event waits for earlier ones of other processes: longer than the interval of frames.
const EVENT_DELAY: Duration = Duration::from_millis(500);

/// Where the feed is published.
#[derive(Debug)]
pub(super) struct Outlets {
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(super) groups: watch::Sender<Arc<WatchSnapshot>>,
    pub(super) alerts: watch::Sender<Arc<AlertsSnapshot>>,
    pub(super) views: watch::Sender<Arc<AttachView>>,
    pub(super) events: EventLog,
    pub(super) group_events: WatchLog,
    /// What the processes take now, by number.
    pub(super) takes: watch::Sender<Arc<[Takes]>>,
    /// Answers to commands to read a record, with the number of the process.
    pub(super) records: std::sync::mpsc::Sender<(usize, Inspection)>,
    /// Lists of runs, with the number of the process.
    pub(super) journals: std::sync::mpsc::Sender<(usize, ListedJournals)>,
}

/// What is known about all processes.
#[derive(Debug)]
pub(super) struct Hub {
    peers: Vec<Peer>,
    access: AttachAccess,
    events: Interleaver,
    has_changed: bool,
    /// Whether a snapshot was published.
    has_begun: bool,
    /// How often a process with counts of its own was added since then.
    joins: u32,
    watches: Watches,
}

/// What is known about the watched groups of all processes.
#[derive(Debug, Default)]
struct Watches {
    merged: MergedWatch,
    has_changed: bool,
    /// Events that are not published yet, with the numbers of their processes.
    waiting: Vec<(usize, WatchEvent)>,
    /// The processes about which it was said that they watch another cluster.
    elsewhere: BTreeSet<usize>,
}

impl Hub {
    pub(super) fn new(peers: Vec<Peer>, access: AttachAccess) -> Self {
        Self {
            peers,
            access,
            events: Interleaver::default(),
            has_changed: false,
            has_begun: false,
            joins: 0,
            watches: Watches::default(),
        }
    }

    pub(super) fn view(&self) -> Arc<AttachView> {
        let processes = self.peers.iter().map(Peer::view).collect();
        Arc::new(AttachView { processes, access: self.access.clone() })
    }

    fn is_merged(&self) -> bool {
        self.peers.len() > 1
    }

    /// Publishes updates until all processes have ended.
    pub(super) async fn run(&mut self, mut updates: mpsc::Receiver<(usize, Update)>, outlets: &Outlets) {
        let mut ticks = interval(PUBLISH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.peers.iter().all(Peer::has_ended) {
            tokio::select! {
                update = updates.recv() => match update {
                    Some((number, update)) => self.take(number, update, outlets),
                    None => break,
                },
                _ = ticks.tick() => self.publish(EVENT_DELAY, outlets),
            }
        }
        self.publish(Duration::ZERO, outlets);
    }

    fn take(&mut self, number: usize, update: Update, outlets: &Outlets) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        match update {
            Update::Connected(welcome) => peer.connect(&welcome),
            Update::Inspected(inspection) => {
                // Fails if the console reads no records.
                let _ = outlets.records.send((number, *inspection));
                return;
            }
            Update::Journals(journals) => {
                // Fails if the console lists no runs.
                let _ = outlets.journals.send((number, *journals));
                return;
            }
            Update::Frame(frame) => return self.take_frame(number, *frame, outlets),
            Update::CommandRefused(why) => {
                let text = format!("a command was refused: {why}");
                self.note(number, EventKind::Warning { text });
            }
            Update::Lost(why) => {
                let text = format!("connection lost, reconnecting: {why}");
                if peer.lose(why) {
                    self.note(number, EventKind::Warning { text });
                }
            }
            Update::Ended => {
                peer.end();
                if self.is_merged() {
                    self.note(number, EventKind::Notice { text: "the process has ended".to_owned() });
                }
            }
        }
        self.has_changed = true;
        self.watches.has_changed = true;
        outlets.views.send_replace(self.view());
        self.publish_takes(outlets);
    }

    /// What the processes take now, by number.
    pub(super) fn takes(&self) -> Arc<[Takes]> {
        self.peers.iter().map(Peer::takes).collect()
    }

    fn publish_takes(&self, outlets: &Outlets) {
        let takes = self.takes();
        outlets.takes.send_if_modified(|before| {
            let is_new = *before != takes;
            *before = takes;
            is_new
        });
    }

    /// Adds an event of this process about another one.
    fn note(&mut self, number: usize, kind: EventKind) {
        let process = self.peers.get(number).filter(|_| self.is_merged()).map(|peer| peer.name().to_owned());
        self.events.push(Instant::now(), [Event { seq: 0, at: Utc::now(), process, kind }]);
    }

    fn take_frame(&mut self, number: usize, frame: Frame, outlets: &Outlets) {
        let is_merged = self.is_merged();
        let Some(peer) = self.peers.get_mut(number) else { return };
        let events = peer.new_events(frame.events);
        let name = is_merged.then(|| peer.name().to_owned());
        self.events.push(Instant::now(), events.into_iter().map(|event| tagged(event, name.as_deref())));
        if let Some(snapshot) = frame.snapshot {
            self.has_changed = true;
            if peer.take_snapshot(snapshot) && self.has_begun {
                self.joins = self.joins.saturating_add(1);
            }
        }
        let events = peer.new_group_events(frame.group_events);
        self.watches.waiting.extend(events.into_iter().map(|event| (number, event)));
        self.watches.has_changed |= peer.take_watch(frame.groups, frame.alerts);
        self.publish_takes(outlets);
    }

    /// Publishes the snapshot, and the events that have waited for a delay. Events of one process need no delay.
    fn publish(&mut self, delay: Duration, outlets: &Outlets) {
        let delay = if self.is_merged() { delay } else { Duration::ZERO };
        self.publish_groups(outlets);
        outlets.events.extend(self.events.release(Instant::now(), delay));
        // What a process has done before it is shown would look like a peak of the others.
        if self.is_merged() && self.peers.iter().any(Peer::is_awaited) {
            return;
        }
        if !std::mem::take(&mut self.has_changed) {
            return;
        }
        let snapshot = match self.peers.as_slice() {
            [peer] => peer.snapshot().map(Arc::clone),
            peers => {
                let parts: Vec<_> = (0..).zip(peers).flat_map(|(number, peer)| peer.parts(number)).collect();
                // It does not change when a process comes or goes: views take another id for another run.
                let id = format!("{} processes", peers.len());
                (!parts.is_empty()).then(|| Arc::new(merge(&id, self.joins, &parts)))
            }
        };
        if let Some(snapshot) = snapshot {
            self.has_begun |= snapshot.run.is_some();
            outlets.snapshots.send_replace(snapshot);
        }
    }

    /// Publishes groups, alerts, and their events. Those of processes that have ended are shown only if all have.
    fn publish_groups(&mut self, outlets: &Outlets) {
        let (mut look, mut active) = (None, None);
        if std::mem::take(&mut self.watches.has_changed) {
            let has_ended = self.peers.iter().all(Peer::has_ended);
            let numbered = self.peers.iter().enumerate();
            let shown = numbered.filter(|(_, peer)| has_ended || !peer.has_ended());
            let parts: Vec<WatchPart> = shown.filter_map(|(number, peer)| peer.watch_part(number)).collect();
            let mut of_groups = None;
            if let Some(first) = parts.first() {
                self.watches.merged = merge_watches(&parts);
                let merged = &self.watches.merged;
                // The look of one process is published as it is.
                let (merged_look, alerts) = match parts.as_slice() {
                    [_] => (Arc::clone(&first.look), first.alerts.clone()),
                    _ => (Arc::new(merged.look.clone()), merged.alerts.clone().map(Arc::new)),
                };
                look = Some(merged_look);
                of_groups = alerts;
            }
            // The alerts on a run that has ended stay, as its figures do.
            let of_runs = self.peers.iter().filter_map(Peer::alerts_on_runs);
            let mut alerts: Vec<&Arc<AlertsSnapshot>> = of_groups.iter().chain(of_runs).collect();
            active = match (alerts.pop(), alerts.as_slice()) {
                (None, _) => None,
                (Some(one), []) => Some(Arc::clone(one)),
                (Some(last), others) => {
                    let all = others.iter().copied().chain([last]);
                    Some(Arc::new(merge_alerts(all.map(AsRef::as_ref))))
                }
            };
        }
        let Watches { merged, waiting, .. } = &mut self.watches;
        let mut events: Vec<WatchEvent> = std::mem::take(waiting)
            .into_iter()
            .filter(|(number, event)| merged.shows(*number, event))
            .map(|(_, event)| event)
            .collect();
        events.sort_by_key(|event| event.at);
        // Before the look and the alerts that they led to.
        outlets.group_events.extend(events);
        if let Some(look) = look {
            publish_if_new(&outlets.groups, look);
        }
        if let Some(active) = active {
            publish_if_new(&outlets.alerts, active);
        }
        for number in self.watches.merged.elsewhere.clone() {
            if self.watches.elsewhere.insert(number) {
                let text = format!(
                    "it watches another cluster; only the groups of {} are shown",
                    self.watches.merged.look.cluster
                );
                self.note(number, EventKind::Warning { text });
            }
        }
    }
}

fn publish_if_new<T>(outlet: &watch::Sender<Arc<T>>, value: Arc<T>) {
    outlet.send_if_modified(|before| {
        let is_new = !Arc::ptr_eq(before, &value);
        *before = value;
        is_new
    });
}

/// The event with the name of its process. Owners of partitions are told apart by it, too.
fn tagged(event: Event, process: Option<&str>) -> Event {
    let Some(process) = process else { return event };
    let kind = match event.kind {
        EventKind::Assigned { member, partitions } => {
            EventKind::Assigned { member: format!("{process}/{member}"), partitions }
        }
        EventKind::Revoked { member, partitions } => {
            EventKind::Revoked { member: format!("{process}/{member}"), partitions }
        }
        EventKind::Lost { member, partitions } => EventKind::Lost { member: format!("{process}/{member}"), partitions },
        kind => return Event { process: Some(process.to_owned()), kind, ..event },
    };
    Event { kind, ..event }
}
