//! What is known about one process.

use std::sync::Arc;

use kreplay_model::{
    attach::{AttachConnection, AttachedProcess},
    feed::{Event, Snapshot},
};

use crate::{merge::Part, protocol::Welcome};

/// What is known about one address. Several processes may have served there, one after another.
#[derive(Debug)]
pub(super) struct Peer {
    name: String,
    connection: AttachConnection,
    /// The process that serves now, or has served last.
    instance: Option<u64>,
    snapshot: Option<Arc<Snapshot>>,
    /// The last snapshots of the processes before it.
    earlier: Vec<Arc<Snapshot>>,
    /// The number of the next event of this process that is not known yet.
    next_event: u64,
}

impl Peer {
    /// A process that is connected or, with a reason, is not reached.
    pub(super) fn new(name: String, why_lost: Option<String>) -> Self {
        let connection = why_lost.map_or(AttachConnection::Open, |why| AttachConnection::Lost { why });
        Self { name, connection, instance: None, snapshot: None, earlier: Vec::new(), next_event: 0 }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn view(&self) -> AttachedProcess {
        AttachedProcess { name: self.name.clone(), connection: self.connection.clone() }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.connection == AttachConnection::Ended
    }

    /// A connection was opened. A process with another instance is not the one before: what that one has done still
    /// counts.
    pub(super) fn connect(&mut self, welcome: &Welcome) {
        if self.instance != Some(welcome.instance) {
            self.earlier.extend(self.snapshot.take().filter(|snapshot| snapshot.run.is_some()));
            self.instance = Some(welcome.instance);
            self.next_event = 0;
        }
        self.connection = AttachConnection::Open;
    }

    /// The connection is lost. Returns whether it was open.
    pub(super) fn lose(&mut self, why: String) -> bool {
        let before = std::mem::replace(&mut self.connection, AttachConnection::Lost { why });
        before == AttachConnection::Open
    }

    pub(super) fn end(&mut self) {
        self.connection = AttachConnection::Ended;
    }

    pub(super) fn take_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = Some(snapshot);
    }

    /// The events that are not known yet.
    pub(super) fn new_events(&mut self, mut events: Vec<Event>) -> Vec<Event> {
        events.retain(|event| event.seq >= self.next_event);
        self.next_event = events.last().map_or(self.next_event, |event| event.seq + 1);
        events
    }

    /// The latest snapshot.
    pub(super) fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// Its parts of a merged snapshot, with the number of its address. Earlier processes of the address, and one that
    /// is not reached, are gone.
    pub(super) fn parts(&self, number: u32) -> impl Iterator<Item = Part> {
        let is_lost = matches!(self.connection, AttachConnection::Lost { .. });
        let part = move |is_gone: bool, snapshot: &Arc<Snapshot>| Part {
            process: self.name.clone(),
            number,
            is_gone,
            snapshot: Arc::clone(snapshot),
        };
        let earlier = self.earlier.iter().map(move |snapshot| part(true, snapshot));
        earlier.chain(self.snapshot.iter().map(move |snapshot| part(is_lost, snapshot)))
    }
}
