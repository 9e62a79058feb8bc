//! A target that keeps positions with its effects, as a database would: in memory, outliving the runs that write to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kreplay::domain::{Offset, Record, TopicPartition};
use kreplay::handler::{
    Advice, Handler, HandlerError, HandlerSource, KeptBy, LaneFailure, LaneRun, Logs, Positions, RunEnd,
};
use parking_lot::Mutex;

/// What a target has of one partition.
#[derive(Debug, Default)]
struct Kept {
    owner: u64,
    /// All below it is there.
    position: i64,
    /// What is there above it.
    above: BTreeSet<i64>,
}

#[derive(Debug, Default)]
struct Contents {
    kept: HashMap<i32, Kept>,
    /// How often the effect of a record was applied.
    applied: BTreeMap<(i32, i64), u32>,
    by_key: BTreeMap<String, Vec<String>>,
    claims: Vec<Vec<i32>>,
    tokens: u64,
}

/// A target over one topic.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Contents>>);

impl Ledger {
    /// Handlers of one run, or of one process.
    pub fn client(&self) -> Client {
        Client {
            ledger: self.clone(),
            kept_by: KeptBy::Target,
            work: Duration::ZERO,
            claiming: Duration::ZERO,
            hold_at: Arc::new(AtomicUsize::new(usize::MAX)),
            refusals: Arc::default(),
            usage: false,
            finishing: Duration::ZERO,
            tokens: Arc::default(),
            positions: Arc::default(),
            seen_below: Arc::default(),
        }
    }

    /// Sets a partition's position, as if a run had come so far.
    pub fn stands_at(&self, partition: i32, position: i64) {
        self.0.lock().kept.entry(partition).or_default().position = position;
    }

    pub fn position(&self, partition: i32) -> Option<i64> {
        self.0.lock().kept.get(&partition).map(|kept| kept.position)
    }

    pub fn applied(&self) -> usize {
        self.0.lock().applied.len()
    }

    /// # Panics
    /// Where a record's effect was applied twice, or there are not so many.
    pub fn expect_each_once(&self, count: usize) {
        let contents = self.0.lock();
        let twice: Vec<_> = contents.applied.iter().filter(|(_, times)| **times != 1).take(5).collect();
        assert!(twice.is_empty(), "applied more than once: {twice:?}");
        assert_eq!(contents.applied.len(), count);
    }

    /// The values of each key, in the order in which they were applied.
    pub fn by_key(&self) -> BTreeMap<String, Vec<String>> {
        self.0.lock().by_key.clone()
    }

    /// The partitions of each claim.
    pub fn claims(&self) -> Vec<Vec<i32>> {
        self.0.lock().claims.clone()
    }
}

/// What one process has of a target.
#[derive(Clone)]
pub struct Client {
    ledger: Ledger,
    pub kept_by: KeptBy,
    /// Each record takes so long.
    pub work: Duration,
    /// Each claim takes so long.
    pub claiming: Duration,
    /// Handling waits once so many records are applied, by whomever.
    pub hold_at: Arc<AtomicUsize>,
    /// So many claims fail.
    pub refusals: Arc<AtomicU32>,
    /// They fail because something wrong was asked for.
    pub usage: bool,
    /// The end takes so long.
    pub finishing: Duration,
    tokens: Arc<Mutex<HashMap<i32, u64>>>,
    positions: Arc<OnceLock<Arc<dyn Positions>>>,
    /// Records that were handed out below the position that was told before: there must be none.
    seen_below: Arc<AtomicU64>,
}

impl Client {
    pub fn source(&self) -> Arc<dyn HandlerSource> {
        Arc::new(self.clone())
    }

    /// # Panics
    /// Where a position was told that was above a record still to come.
    pub fn expect_true_positions(&self) {
        assert_eq!(self.seen_below.load(Relaxed), 0);
    }

    fn apply(&self, record: &Record) -> Result<(), LaneFailure> {
        let partition = i32::try_from(record.partition).unwrap();
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
        let told = self.positions.get().expect("the run says where its positions are").position(record.partition);
        if told > record.offset {
            self.seen_below.fetch_add(1, Relaxed);
        }
        let mut contents = self.ledger.0.lock();
        let mine = self.tokens.lock().get(&partition).copied();
        let kept = contents.kept.get_mut(&partition).filter(|kept| Some(kept.owner) == mine);
        let Some(kept) = kept else {
            let error = format!("partition {partition} has another owner in the ledger");
            return Err(LaneFailure { run: 0, done: 0, error, advice: Advice::Fenced });
        };
        if record.offset >= kept.position && kept.above.insert(record.offset) {
            *contents.applied.entry((partition, record.offset)).or_default() += 1;
            contents.by_key.entry(text(record.key())).or_default().push(text(record.value()));
        }
        let kept = contents.kept.get_mut(&partition).unwrap();
        kept.position = kept.position.max(told);
        kept.above = kept.above.split_off(&kept.position);
        Ok(())
    }
}

impl HandlerSource for Client {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(Worker(self.clone()))
    }

    fn wants_headers(&self) -> bool {
        false
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn kept_by(&self) -> KeptBy {
        self.kept_by
    }

    fn claim(&self, partitions: &[TopicPartition], _logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        std::thread::sleep(self.claiming);
        if self.refusals.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            let (handler, reason) = ("ledger", "it is closed today".to_owned());
            return Err(if self.usage {
                HandlerError::Settings { handler, reason }
            } else {
                HandlerError::Target { handler, reason }
            });
        }
        let mut contents = self.ledger.0.lock();
        contents.claims.push(partitions.iter().map(|id| id.partition.0).collect());
        let stands = partitions.iter().map(|id| {
            contents.tokens += 1;
            let token = contents.tokens;
            self.tokens.lock().insert(id.partition.0, token);
            let known = contents.kept.contains_key(&id.partition.0);
            let kept = contents.kept.entry(id.partition.0).or_default();
            kept.owner = token;
            Offset::new(kept.position).filter(|_| known)
        });
        Ok(stands.collect())
    }

    fn watch(&self, positions: Arc<dyn Positions>) {
        assert!(self.positions.set(positions).is_ok(), "it is told once");
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        std::thread::sleep(self.finishing);
        // As a database handler would: where the run has got is written down, for what this process still owns.
        let mut contents = self.ledger.0.lock();
        for (partition, token) in self.tokens.lock().iter() {
            let told = self.positions.get().unwrap().position(u32::try_from(*partition).unwrap());
            if let Some(kept) = contents.kept.get_mut(partition).filter(|kept| kept.owner == *token) {
                kept.position = kept.position.max(told);
                kept.above = kept.above.split_off(&kept.position);
            }
        }
        Ok(())
    }
}

struct Worker(Client);

impl Handler for Worker {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                std::thread::sleep(self.0.work);
                while self.0.ledger.applied() >= self.0.hold_at.load(Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                if let Err(failure) = self.0.apply(record) {
                    failures.push(LaneFailure { run, done, ..failure });
                    break;
                }
            }
        }
        failures
    }
}
