//! The handler: a batch is one transaction, which also commits the positions of its partitions.
//!
//! A record that the broker rejects must not block the others: its transaction is aborted and repeated without that
//! record and the later ones of its lane. `kafka::producer::attempt` finds the record.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use kreplay_engine::handler::as_commit;
use kreplay_kafka::producer::{Attempt, BatchProducer, NotSent, Refusal, Rejection, TransactionError, attempt};
use kreplay_model::{domain::Header, feed::EventLog};

use super::{
    ledger::{LockedPositions, OffsetToCommit, PositionLedger, TransientError},
    outgoing::{Outgoing, Router},
    pool::{Lease, Pool},
    settings::Timeouts,
    targets::permanent,
};
use crate::{Advice, BatchProgress, Handler, LaneFailure, LaneRun, RecordFailure, RecordIndex};

/// How long to wait beyond the delivery timeout for the result of a record.
const DELIVERY_GRACE: Duration = Duration::from_secs(5);
/// The maximum number of attempts at a batch with transient failures; then the run's retry schedule applies.
const MAX_ATTEMPTS: u32 = 4;
/// The delay between attempts.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The state that the handlers of a run share.
pub(super) struct Republisher {
    pub(super) router: Router,
    pub(super) pool: Pool,
    pub(super) timeouts: Timeouts,
    /// The positions, if transactions are used.
    pub(super) ledger: Option<PositionLedger>,
    /// Whether another run may use the same transactional ids.
    pub(super) shared_ids: bool,
    pub(super) events: EventLog,
    pub(super) stopped: AtomicBool,
}

/// The handler of one worker.
pub(super) struct TopicHandler(pub(super) Arc<Republisher>);

impl Handler for TopicHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let mut work = BatchProgress::new(batch);
        self.0.handle(batch, &mut work);
        work.failures()
    }
}

/// How an attempt at a batch ended.
enum AttemptEnd {
    /// All remaining records are written.
    Done,
    /// The set of remaining records has changed; try again at once.
    Changed,
    /// Records were rejected, possibly because of others in the same request; send the first ones (this number) singly.
    SendSingly(usize),
    /// A transient failure, not caused by a record.
    Transient(String),
    /// No further record can be republished.
    Stop(String),
}

impl Republisher {
    fn handle(&self, batch: &[LaneRun], work: &mut BatchProgress) {
        if let Some(loop_error) = self.router.targets.loop_error() {
            return work.fail_left(RecordFailure::new(loop_error, Advice::Stop));
        }
        let outgoing = self.route(batch, work);
        for (lane, outgoing) in batch.iter().zip(&outgoing) {
            let written = lane.records.iter().zip(outgoing);
            let written = written.map(|(record, one)| (&*one.target, one.timestamp_ms, record.offset));
            self.router.targets.warn_about_timestamps(written, &self.events);
        }
        let (mut attempts, mut singly) = (0, 0);
        while !work.is_over() {
            let ended = match &self.ledger {
                Some(ledger) => self.transact(ledger, batch, &outgoing, work, singly),
                None => self.send_without_transaction(batch, &outgoing, work, singly),
            };
            singly = 0;
            match ended {
                AttemptEnd::Done => work.handle_all(),
                AttemptEnd::Changed => {}
                AttemptEnd::SendSingly(count) => singly = count,
                AttemptEnd::Stop(error) => work.fail_left(RecordFailure::new(error, Advice::Stop)),
                AttemptEnd::Transient(error) => {
                    attempts += 1;
                    if attempts == MAX_ATTEMPTS || self.stopped.load(Relaxed) {
                        // The cluster is at fault, not a record.
                        work.fail_left(RecordFailure::new(error, Advice::Unable));
                    } else {
                        std::thread::sleep(RETRY_DELAY);
                    }
                }
            }
        }
    }

    /// Routes the records of a batch, in order. Records without a target fail.
    fn route<'a>(&self, batch: &'a [LaneRun], work: &mut BatchProgress) -> Vec<Vec<Outgoing<'a>>> {
        let mut routed = Vec::with_capacity(batch.len());
        for (run, lane) in batch.iter().enumerate() {
            let mut outgoing = Vec::with_capacity(lane.records.len());
            for (index, record) in lane.records.iter().enumerate() {
                match self.router.route(record) {
                    Ok(one) => outgoing.push(one),
                    Err(error) => {
                        work.fail(RecordIndex { run, index }, error);
                        break;
                    }
                }
            }
            routed.push(outgoing);
        }
        routed
    }

    fn lease(&self) -> Result<Lease<'_>, AttemptEnd> {
        self.pool.take(self.timeouts.transaction * 2).map_err(|error| {
            if error.is_final() {
                AttemptEnd::Stop(error.to_string())
            } else {
                AttemptEnd::Transient(error.to_string())
            }
        })
    }

    /// One attempt with a transaction.
    fn transact(
        &self,
        ledger: &PositionLedger,
        batch: &[LaneRun],
        outgoing: &[Vec<Outgoing<'_>>],
        work: &mut BatchProgress,
        singly: usize,
    ) -> AttemptEnd {
        let record = |at: RecordIndex| &batch[at.run].records[at.index];
        let mut locked = ledger.lock(work.left().map(|at| record(at).partition).collect());
        if let Err(error) = ledger.resolve_uncertain(&mut locked, &self.pool) {
            return AttemptEnd::Transient(format!(
                "cannot determine whether the last transaction was committed: {error}"
            ));
        }
        // Records that are already committed are not sent again.
        let mut is_written = |at: &RecordIndex| {
            let state = locked.state(record(*at).partition);
            state.is_some_and(|state| state.committed.is_some_and(|next| record(*at).offset < next))
        };
        let written: Vec<RecordIndex> = work.left().filter(|at| is_written(at)).collect();
        for at in &written {
            work.handle_through(*at);
        }
        // Neither are those of a revoked assignment. They are not handled: the next owner of the partition, which may
        // be this process again, reads them from the committed offset.
        let stale: Vec<RecordIndex> = work.left().filter(|at| ledger.is_stale(record(*at))).collect();
        for at in &stale {
            work.fail(*at, RecordFailure::new("its partition was revoked", Advice::Fenced));
        }
        if !written.is_empty() || !stale.is_empty() {
            return AttemptEnd::Changed;
        }
        let mut offsets_to_commit: Vec<OffsetToCommit> = Vec::new();
        for at in work.left() {
            let record = record(at);
            let offset = OffsetToCommit { partition: record.partition, epoch: record.epoch, next: record.offset + 1 };
            match offsets_to_commit.iter_mut().find(|known| known.partition == offset.partition) {
                Some(known) => known.next = known.next.max(offset.next),
                None => offsets_to_commit.push(offset),
            }
        }
        let lease = match self.lease() {
            Ok(lease) => lease,
            Err(ended) => return ended,
        };
        let Some(producer) = lease.get() else { return AttemptEnd::Transient("no producer is available".into()) };
        if let Err(error) = producer.begin() {
            return self.abandon(ledger, lease, &mut locked, &offsets_to_commit, error);
        }
        let at: Vec<RecordIndex> = work.left().collect();
        match self.send(&lease, batch, outgoing, &at, singly) {
            Attempt::All => {}
            Attempt::Not(refused) => {
                let error = TransactionError::Abort("records were rejected".into());
                return match self.abandon(ledger, lease, &mut locked, &offsets_to_commit, error) {
                    AttemptEnd::Transient(_) => self.fail_refused(work, batch, outgoing, &at, refused, singly),
                    other => other,
                };
            }
            Attempt::Unknown(error) => {
                return self.abandon(ledger, lease, &mut locked, &offsets_to_commit, TransactionError::Abort(error));
            }
        }
        match ledger.add_to_transaction(producer, &offsets_to_commit, self.timeouts.transaction) {
            Ok(()) => {}
            Err(TransientError::Revoked) => {
                let error = TransactionError::Abort("its partition was revoked".into());
                return self.abandon(ledger, lease, &mut locked, &offsets_to_commit, error);
            }
            Err(TransientError::Transaction(error)) => {
                return self.abandon(ledger, lease, &mut locked, &offsets_to_commit, error);
            }
        }
        if let Err(error) = as_commit(|| producer.commit(self.timeouts.transaction)) {
            return self.abandon(ledger, lease, &mut locked, &offsets_to_commit, error);
        }
        locked.committed(&offsets_to_commit);
        count(outgoing, &at);
        AttemptEnd::Done
    }

    /// Ends a transaction that was not committed.
    fn abandon(
        &self,
        ledger: &PositionLedger,
        lease: Lease<'_>,
        locked: &mut LockedPositions<'_>,
        offsets_to_commit: &[OffsetToCommit],
        error: TransactionError,
    ) -> AttemptEnd {
        let text = error.to_string();
        let error = match error {
            TransactionError::Abort(_) => match lease.get().map(|one| one.abort(self.timeouts.transaction)) {
                Some(Ok(())) => return AttemptEnd::Transient(text),
                Some(Err(worse)) => worse,
                None => TransactionError::Broken(text.clone()),
            },
            other => other,
        };
        let slot = lease.slot;
        lease.discard();
        match error {
            TransactionError::Refused(_) => AttemptEnd::Stop(text),
            // Taking the id back could take it from another run, whose positions may have advanced.
            _ if self.shared_ids => AttemptEnd::Stop(format!(
                "another run has claimed the positions in group {}, or the broker has aborted a transaction after \
                 transaction.timeout.ms: {error}; nothing is lost: start a run with the same topic.position_group to \
                 continue",
                ledger.group()
            )),
            _ => {
                locked.mark_uncertain(offsets_to_commit, slot);
                AttemptEnd::Transient(text)
            }
        }
    }

    /// One attempt without a transaction: every record that the broker accepted is settled.
    fn send_without_transaction(
        &self,
        batch: &[LaneRun],
        outgoing: &[Vec<Outgoing<'_>>],
        work: &mut BatchProgress,
        singly: usize,
    ) -> AttemptEnd {
        let lease = match self.lease() {
            Ok(lease) => lease,
            Err(ended) => return ended,
        };
        let at: Vec<RecordIndex> = work.left().collect();
        match self.send(&lease, batch, outgoing, &at, singly) {
            Attempt::All => {
                count(outgoing, &at);
                AttemptEnd::Done
            }
            Attempt::Unknown(error) => {
                // A record still in flight must not be written between later records.
                lease.discard();
                AttemptEnd::Transient(error)
            }
            Attempt::Not(refused) => {
                if lease.get().is_some_and(BatchProducer::is_unusable) {
                    lease.discard();
                }
                // In each run the records before the first rejected one are written; the later ones are sent again.
                let mut ended = vec![false; batch.len()];
                let mut written = Vec::new();
                for (number, at) in at.iter().enumerate() {
                    ended[at.run] |= !refused.is_there(number);
                    if !ended[at.run] {
                        written.push(*at);
                    }
                }
                count(outgoing, &written);
                let end = self.fail_refused(work, batch, outgoing, &at, refused, singly);
                for at in written {
                    work.handle_through(at);
                }
                end
            }
        }
    }

    /// Sends records and waits for their results.
    fn send(
        &self,
        lease: &Lease<'_>,
        batch: &[LaneRun],
        outgoing: &[Vec<Outgoing<'_>>],
        at: &[RecordIndex],
        singly: usize,
    ) -> Attempt {
        let Some(producer) = lease.get() else { return Attempt::Unknown("no producer is available".into()) };
        let within = self.timeouts.delivery + DELIVERY_GRACE;
        let mut headers: Vec<Header<'_>> = Vec::new();
        attempt(producer, at.len(), singly, within, |number| {
            let RecordIndex { run, index } = at[number];
            let record = &batch[run].records[index];
            headers.clear();
            headers.extend(record.headers());
            producer.send(outgoing[run][index].for_producer(record, &headers), number)
        })
    }

    /// Determines which of the rejected records failed, and fails them.
    fn fail_refused(
        &self,
        work: &mut BatchProgress,
        batch: &[LaneRun],
        outgoing: &[Vec<Outgoing<'_>>],
        at: &[RecordIndex],
        refused: NotSent,
        singly: usize,
    ) -> AttemptEnd {
        let explained = |number: usize, refusal: &Refusal| {
            let RecordIndex { run, index } = at[number];
            let (record, one) = (&batch[run].records[index], &outgoing[run][index]);
            let headers: Vec<Header<'_>> = record.headers().collect();
            refusal
                .explain(&one.for_producer(record, &headers).facts(), Some(self.router.targets.limits_of(&one.target)))
        };
        let now = chrono::Utc::now().timestamp_millis();
        let is_suspect = |number: usize| {
            let RecordIndex { run, index } = at[number];
            let one = &outgoing[run][index];
            let limits = self.router.targets.limits_of(&one.target);
            one.timestamp_ms.is_some_and(|timestamp| limits.refuses_time(timestamp, now).is_some())
        };
        match refused.rejection(singly, is_suspect) {
            Rejection::Records(blamed) => {
                for (number, refusal) in blamed {
                    work.fail(at[number], permanent(explained(number, &refusal)));
                }
                AttemptEnd::Changed
            }
            Rejection::Topic(number, refusal) => AttemptEnd::Stop(explained(number, &refusal)),
            Rejection::Batch(count) => AttemptEnd::SendSingly(count),
            Rejection::Temporary(reason) => AttemptEnd::Transient(reason),
        }
    }
}

/// Counts written records per topic.
fn count(outgoing: &[Vec<Outgoing<'_>>], at: &[RecordIndex]) {
    let target = |at: &RecordIndex| &outgoing[at.run][at.index].target;
    for chunk in at.chunk_by(|one, other| Arc::ptr_eq(target(one), target(other))) {
        if let Some(first) = chunk.first() {
            target(first).count(chunk.len() as u64);
        }
    }
}
