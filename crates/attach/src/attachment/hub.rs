//! Publishes what the processes say as one feed.

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use kreplay_model::{
    attach::{AttachAccess, AttachView},
    feed::{Event, EventKind, EventLog, Snapshot},
    recording::Frame,
    watch::{AlertsSnapshot, WatchLog, WatchSnapshot},
};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};

use super::peer::Peer;
use crate::{
    client::Update,
    merge::{Interleaver, merge},
};

/// The interval of merged snapshots.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);
/// How long an event waits for earlier ones of other processes, in milliseconds: longer than the interval of frames.
const EVENT_DELAY_MS: i64 = 500;

/// Where the feed is published.
#[derive(Debug)]
pub(super) struct Outlets {
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(super) groups: watch::Sender<Arc<WatchSnapshot>>,
    pub(super) alerts: watch::Sender<Arc<AlertsSnapshot>>,
    pub(super) views: watch::Sender<Arc<AttachView>>,
    pub(super) events: EventLog,
    pub(super) group_events: WatchLog,
}

/// What is known about all processes.
#[derive(Debug)]
pub(super) struct Hub {
    peers: Vec<Peer>,
    access: AttachAccess,
    events: Interleaver,
    /// The process whose watched groups are shown: the first that has said anything about groups.
    watcher: Option<usize>,
    has_changed: bool,
}

impl Hub {
    pub(super) fn new(peers: Vec<Peer>, access: AttachAccess) -> Self {
        Self { peers, access, events: Interleaver::default(), watcher: None, has_changed: false }
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
                _ = ticks.tick() => self.publish(TimeDelta::milliseconds(EVENT_DELAY_MS), outlets),
            }
        }
        self.publish(TimeDelta::zero(), outlets);
    }

    fn take(&mut self, number: usize, update: Update, outlets: &Outlets) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        match update {
            Update::Connected(welcome) => peer.connect(&welcome),
            Update::Frame(frame) => return self.take_frame(number, *frame, outlets),
            Update::CommandRefused(why) => {
                let text = format!("a command was refused: {why}");
                self.note(number, EventKind::Warning { text });
            }
            Update::Lost(why) => {
                let text = format!("the connection is lost and is opened again: {why}");
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
        outlets.views.send_replace(self.view());
    }

    /// Adds an event of this process about another one.
    fn note(&mut self, number: usize, kind: EventKind) {
        let process = self.peers.get(number).filter(|_| self.is_merged()).map(|peer| peer.name().to_owned());
        self.events.push([Event { seq: 0, at: Utc::now(), process, kind }]);
    }

    fn take_frame(&mut self, number: usize, frame: Frame, outlets: &Outlets) {
        let is_merged = self.is_merged();
        let Some(peer) = self.peers.get_mut(number) else { return };
        let events = peer.new_events(frame.events);
        let name = is_merged.then(|| peer.name().to_owned());
        self.events.push(events.into_iter().map(|event| tagged(event, name.as_deref())));
        if let Some(snapshot) = frame.snapshot {
            self.has_changed = true;
            peer.take_snapshot(snapshot);
        }
        if frame.groups.is_some() {
            self.watcher.get_or_insert(number);
        }
        if self.watcher == Some(number) {
            outlets.group_events.extend(frame.group_events);
            frame.groups.into_iter().for_each(|groups| drop(outlets.groups.send_replace(groups)));
            frame.alerts.into_iter().for_each(|alerts| drop(outlets.alerts.send_replace(alerts)));
        }
    }

    /// Publishes the snapshot, and the events that are older than a delay. Events of one process need no delay.
    fn publish(&mut self, delay: TimeDelta, outlets: &Outlets) {
        let delay = if self.is_merged() { delay } else { TimeDelta::zero() };
        outlets.events.extend(self.events.release(Utc::now() - delay));
        if !std::mem::take(&mut self.has_changed) {
            return;
        }
        let snapshot = match self.peers.as_slice() {
            [peer] => peer.snapshot().map(Arc::clone),
            peers => {
                let parts: Vec<_> = (0..).zip(peers).flat_map(|(number, peer)| peer.parts(number)).collect();
                // It does not change when a process comes or goes: views take another id for another run.
                let id = format!("{} processes", peers.len());
                (!parts.is_empty()).then(|| Arc::new(merge(&id, &parts)))
            }
        };
        if let Some(snapshot) = snapshot {
            outlets.snapshots.send_replace(snapshot);
        }
    }
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
