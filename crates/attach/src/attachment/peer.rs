//! What is known about one process.

use std::{collections::VecDeque, sync::Arc};

use kreplay_model::{
    attach::{AttachConnection, AttachedProcess},
    feed::{Event, Snapshot},
    watch::{AlertsSnapshot, WatchEvent, WatchSnapshot},
};

use super::routes::Takes;
use crate::{
    merge::{Part, WatchPart, fold},
    protocol::Welcome,
};

/// Maximum number of snapshots of earlier processes of an address. A process that restarts again and again would fill
/// the memory with them.
const MAX_EARLIER: usize = 16;

/// What is known about one address. Several processes may have served there, one after another.
#[derive(Debug)]
pub(super) struct Peer {
    name: String,
    connection: AttachConnection,
    /// The process that serves now, or has served last.
    instance: Option<u64>,
    snapshot: Option<Arc<Snapshot>>,
    /// The last snapshots of the processes before it. The first one may stand for several of them.
    earlier: VecDeque<Arc<Snapshot>>,
    /// The number of the next event of this process that is not known yet.
    next_event: u64,
    /// Its latest look at groups, and the alerts on it.
    look: Option<Arc<WatchSnapshot>>,
    alerts: Option<Arc<AlertsSnapshot>>,
    /// The last event of its groups, from which the events of the next connection continue.
    last_group_event: Option<WatchEvent>,
    /// Whether a snapshot has arrived over this connection.
    has_reported: bool,
    /// What the process offers; `None` before the first connection.
    offers: Option<Takes>,
}

impl Peer {
    /// A process that is connected or, with a reason, is not reached.
    pub(super) fn new(name: String, why_lost: Option<String>) -> Self {
        let connection = why_lost.map_or(AttachConnection::Open, |why| AttachConnection::Lost { why });
        Self {
            name,
            connection,
            instance: None,
            snapshot: None,
            earlier: VecDeque::new(),
            next_event: 0,
            look: None,
            alerts: None,
            last_group_event: None,
            has_reported: false,
            offers: None,
        }
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
    /// counts. The first connection is announced twice, which changes nothing: no update comes in between.
    pub(super) fn connect(&mut self, welcome: &Welcome) {
        if self.instance != Some(welcome.instance) {
            self.retire();
            self.instance = Some(welcome.instance);
            self.next_event = 0;
            (self.look, self.alerts, self.last_group_event) = (None, None, None);
        }
        self.has_reported = false;
        self.offers = Some(Takes {
            session: welcome.session,
            watch: welcome.groups,
            silences: welcome.silences,
            records: welcome.records,
            journals: welcome.journals,
            is_running: false,
        });
        self.connection = AttachConnection::Open;
    }

    /// Keeps the last snapshot as that of an earlier process.
    fn retire(&mut self) {
        self.earlier.extend(self.snapshot.take().filter(|snapshot| snapshot.run.is_some()));
        if self.earlier.len() > MAX_EARLIER
            && let (Some(first), Some(second)) = (self.earlier.pop_front(), self.earlier.pop_front())
        {
            let folded = fold(&[first, second].map(|snapshot| self.part(0, true, snapshot)));
            self.earlier.push_front(Arc::new(folded));
        }
    }

    /// The connection is lost. Returns whether it was open.
    pub(super) fn lose(&mut self, why: String) -> bool {
        let before = std::mem::replace(&mut self.connection, AttachConnection::Lost { why });
        before == AttachConnection::Open
    }

    pub(super) fn end(&mut self) {
        self.connection = AttachConnection::Ended;
    }

    /// Returns whether it is the first snapshot of this connection, and has counts.
    pub(super) fn take_snapshot(&mut self, snapshot: Arc<Snapshot>) -> bool {
        let is_first = !std::mem::replace(&mut self.has_reported, true);
        let has_counts = snapshot.run.as_ref().is_some_and(|run| run.totals.handled > 0);
        self.snapshot = Some(snapshot);
        is_first && has_counts
    }

    /// Whether it is reached and has a session, of which nothing is known yet.
    pub(super) fn is_awaited(&self) -> bool {
        let has_session = self.offers.is_none_or(|offers| offers.session);
        self.connection == AttachConnection::Open && has_session && !self.has_reported
    }

    /// What it takes now.
    pub(super) fn takes(&self) -> Takes {
        let is_open = self.connection == AttachConnection::Open;
        let run = self.snapshot.as_ref().and_then(|snapshot| snapshot.run.as_ref());
        let is_running = run.is_some_and(|run| !run.state.is_over());
        self.offers.filter(|_| is_open).map_or_else(Takes::default, |offers| Takes { is_running, ..offers })
    }

    /// Returns whether anything is new.
    pub(super) fn take_watch(&mut self, look: Option<Arc<WatchSnapshot>>, alerts: Option<Arc<AlertsSnapshot>>) -> bool {
        let is_new = look.is_some() || alerts.is_some();
        self.look = look.or_else(|| self.look.take());
        self.alerts = alerts.or_else(|| self.alerts.take());
        is_new
    }

    /// The events of groups that are not known yet: a new connection begins with all of them.
    pub(super) fn new_group_events(&mut self, mut events: Vec<WatchEvent>) -> Vec<WatchEvent> {
        if let Some(known) = &self.last_group_event
            && let Some(at) = events.iter().rposition(|event| event == known)
        {
            events.drain(..=at);
        }
        self.last_group_event = events.last().cloned().or_else(|| self.last_group_event.take());
        events
    }

    /// Its part of the merged groups, with the number of its address, if it watches any.
    pub(super) fn watch_part(&self, number: usize) -> Option<WatchPart> {
        Some(WatchPart { number, look: Arc::clone(self.look.as_ref()?), alerts: self.alerts.clone() })
    }

    /// The alerts of a process that watches no groups: those on its runs.
    pub(super) fn alerts_on_runs(&self) -> Option<&Arc<AlertsSnapshot>> {
        self.alerts.as_ref().filter(|_| self.look.is_none())
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
        let part = move |is_gone: bool, snapshot: &Arc<Snapshot>| self.part(number, is_gone, Arc::clone(snapshot));
        let earlier = self.earlier.iter().map(move |snapshot| part(true, snapshot));
        earlier.chain(self.snapshot.iter().map(move |snapshot| part(is_lost, snapshot)))
    }

    fn part(&self, number: u32, is_gone: bool, snapshot: Arc<Snapshot>) -> Part {
        Part { process: self.name.clone(), number, is_gone, snapshot }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kreplay_model::{
        feed::{RunState, RunView, WorkerView},
        watch::WatchEventKind,
    };

    use super::*;
    use crate::merge::merge;

    fn welcome(instance: u64) -> Welcome {
        Welcome {
            program: String::new(),
            instance,
            run: None,
            session: true,
            groups: true,
            control: true,
            records: true,
            silences: false,
            journals: false,
            alerts: false,
        }
    }

    fn handled(records: u64) -> Arc<Snapshot> {
        let mut run = RunView::default();
        run.totals.handled = records;
        Arc::new(Snapshot { run: Some(run), ..Snapshot::default() })
    }

    fn appeared(group: &str) -> WatchEvent {
        WatchEvent { at: DateTime::UNIX_EPOCH, group: group.to_owned(), kind: WatchEventKind::Appeared }
    }

    #[test]
    fn a_process_is_awaited_until_it_has_reported_over_this_connection() {
        let mut peer = Peer::new("a".to_owned(), None);
        assert!(peer.is_awaited());
        peer.connect(&welcome(1));
        assert!(peer.is_awaited() && !peer.takes().is_running);
        assert!(!peer.take_snapshot(handled(0)), "it has no counts of its own");
        assert!(!peer.is_awaited() && peer.takes().is_running);
        assert!(!peer.take_snapshot(handled(5)), "these were counted since");
        peer.lose("gone".to_owned());
        assert!(!peer.is_awaited() && peer.takes() == Takes::default());
        peer.connect(&welcome(1));
        assert!(peer.is_awaited());
        assert!(peer.take_snapshot(handled(9)), "what was handled without a connection is added at once");
    }

    #[test]
    fn what_a_process_takes_is_known_from_its_welcome() {
        let mut peer = Peer::new("a".to_owned(), None);
        assert_eq!(peer.takes(), Takes::default());
        peer.connect(&welcome(1));
        let takes = peer.takes();
        assert!(takes.session && takes.watch && takes.records && !takes.silences && !takes.journals);
        peer.connect(&welcome(1));
        assert!(peer.takes() == takes && peer.is_awaited());
    }

    #[test]
    fn events_of_groups_continue_after_a_lost_connection_and_begin_again_in_another_process() {
        let mut peer = Peer::new("a".to_owned(), None);
        peer.connect(&welcome(1));
        let (one, two) = (appeared("one"), appeared("two"));
        assert_eq!(peer.new_group_events(vec![one.clone()]), std::slice::from_ref(&one));
        assert!(peer.new_group_events(Vec::new()).is_empty());
        peer.connect(&welcome(1));
        assert_eq!(peer.new_group_events(vec![one.clone(), two.clone()]), [two]);
        peer.connect(&welcome(2));
        assert_eq!(peer.new_group_events(vec![one.clone()]), [one]);
    }

    #[test]
    fn the_processes_that_served_at_an_address_count_in_bounded_memory() {
        let mut peer = Peer::new("a".to_owned(), None);
        for instance in 1..=1_000 {
            peer.connect(&welcome(instance));
            let mut snapshot = Snapshot::clone(&handled(instance));
            snapshot.run = snapshot.run.map(|run| RunView {
                state: RunState::Failed,
                error: Some("disk full".to_owned()),
                workers: (0..20).map(|id| WorkerView { id, ..WorkerView::default() }).collect(),
                ..run
            });
            peer.take_snapshot(Arc::new(snapshot));
            assert!(peer.parts(0).count() <= MAX_EARLIER + 1);
        }
        let parts: Vec<Part> = peer.parts(0).collect();
        let run = merge("r", 0, &parts).run.unwrap();
        assert_eq!(run.totals.handled, (1..=1_000).sum::<u64>());
        assert_eq!((run.workers.len(), run.error.as_deref()), (20, Some("a: disk full")));
        let folded = parts[0].snapshot.run.as_ref().unwrap();
        assert!(folded.totals.handled > 900 && folded.error.is_none(), "{:?}", folded.error);
        let numbers: Vec<u32> = folded.workers.iter().map(|worker| worker.id).collect();
        assert_eq!(numbers, [19], "the numbers of the workers of others stay as they are");
    }
}
