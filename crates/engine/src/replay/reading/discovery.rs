//! Discovers changes during a run: added and deleted topics and partitions, and the growth of logs.
//!
//! A separate thread asks the cluster, so that reading never waits for the answers. A run that follows the log joins
//! what is new; a run with an end only reports it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_kafka::{Catalog, CatalogError, Client, Gone, TopicInfo};
use kreplay_model::{
    domain::{Offset, Ordering, TopicPartition},
    feed::EventKind,
};

use crate::{
    plan::{
        HeldBack, PlannedPartition, TopicSet,
        held_back::{in_words, look_up_start_times},
    },
    replay::{engine::Engine, reading::identity},
};

/// How often the end offsets are looked up in a run that follows the log.
const END_OFFSETS_INTERVAL: Duration = Duration::from_secs(1);
/// How often the thread checks for work: while the reorder buffer is on (records may wait for an answer), and
/// otherwise.
const POLL_INTERVAL_WHILE_REORDERING: Duration = Duration::from_millis(20);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Above this number of topics, all topics are requested at once.
const MAX_SINGLE_LOOKUPS: usize = 20;
/// How many lookups in a row must miss a topic. Right after a broker starts, a topic may be missing for a moment.
const MAX_MISSES: u32 = 3;

/// Starts the discovery thread. It ends when the run stops reading.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn(engine: Arc<Engine>, client: Client) -> std::io::Result<()> {
    let mut reported = HashMap::new();
    for planned in engine.partitions.all_planned() {
        *reported.entry(planned.id.topic.to_string()).or_default() += 1;
    }
    std::thread::Builder::new().name("discovery".into()).spawn(move || {
        let (misses, open_transactions) = (HashMap::new(), HashMap::new());
        Discovery { engine: &engine, client: &client, reported, misses, open_transactions }.run();
    })?;
    Ok(())
}

struct Discovery<'a> {
    engine: &'a Engine,
    client: &'a Client,
    /// The number of partitions per topic at the start of the run, or when last reported.
    reported: HashMap<String, i32>,
    misses: HashMap<String, u32>,
    /// Partitions that the last check found held back by a transaction: the offset, and whether it was reported.
    open_transactions: HashMap<u32, (i64, bool)>,
}

impl Discovery<'_> {
    fn run(&mut self) {
        let engine = self.engine;
        let (mut ends_updated, mut last_search) = (Instant::now(), Instant::now());
        let is_reordering = || engine.ingress.reorder_buffer.is_on();
        while !engine.stop_reading.wait(if is_reordering() { POLL_INTERVAL_WHILE_REORDERING } else { POLL_INTERVAL }) {
            if engine.plan.follow && ends_updated.elapsed() >= END_OFFSETS_INTERVAL {
                ends_updated = Instant::now();
                self.update_ends();
            }
            self.answer_end_offsets_requests();
            engine.reorder_tick();
            if last_search.elapsed() >= engine.settings.discovery_interval {
                self.find_new_partitions();
                if engine.plan.follow {
                    self.report_open_transactions();
                }
                last_search = Instant::now();
            }
        }
    }

    fn catalog(&self) -> Catalog<'_> {
        Catalog::new(self.client, REQUEST_TIMEOUT)
    }

    /// The answer, unless the run has stopped reading during the request: the end of a run does not wait for this
    /// thread, and nothing is reported after it.
    fn in_time<T>(&self, answer: Result<T, CatalogError>) -> Option<T> {
        answer.ok().filter(|_| !self.engine.reading_stopped())
    }

    /// Updates the ends of all logs. Without an answer they stay as they are; broker outages are reported elsewhere.
    fn update_ends(&self) {
        let engine = self.engine;
        let open: Vec<u32> = (0_u32..)
            .zip(engine.partitions.iter())
            .filter(|(_, partition)| !partition.lock().has_failed())
            .map(|(index, _)| index)
            .collect();
        for (index, end) in self.ends_of(&open).unwrap_or_default() {
            engine.partitions.with(index, |partition| partition.extend_end(end));
        }
    }

    /// Reports partitions that are read as far as possible while an open transaction has held back the rest since the
    /// last check. Transactions that end in between are normal and not reported.
    fn report_open_transactions(&mut self) {
        let engine = self.engine;
        let at_end: Vec<u32> = (0_u32..)
            .zip(engine.partitions.iter())
            .filter(|(_, partition)| {
                let partition = partition.lock();
                partition.reached().is_some() && partition.is_at_end() && !partition.has_failed()
            })
            .map(|(index, _)| index)
            .collect();
        let ids = engine.partitions.ids(&at_end);
        // High watermarks first, since they do not wait for transactions: what is written in between does not count.
        let Some(watermarks) = self.in_time(self.catalog().high_watermarks(&ids)) else { return };
        let Some(ends) = self.ends_of(&at_end) else { return };
        let ends: HashMap<u32, i64> = ends.into_iter().collect();
        let before = std::mem::take(&mut self.open_transactions);
        let mut held_back = Vec::new();
        for ((index, id), watermark) in at_end.into_iter().zip(ids).zip(watermarks) {
            let (Some(&from), Some(watermark)) = (ends.get(&index), watermark) else { continue };
            if watermark.get() <= from {
                continue;
            }
            let (is_same, was_reported) =
                before.get(&index).map_or((false, false), |(last, reported)| (*last == from, *reported));
            if is_same && !was_reported {
                let from = Offset::new(from).unwrap_or_default();
                held_back.push(HeldBack { id, from, offsets: watermark.since(from), since: None });
            }
            self.open_transactions.insert(index, (from, is_same));
        }
        if !held_back.is_empty() {
            look_up_start_times(&self.catalog(), &mut held_back);
            if engine.reading_stopped() {
                return;
            }
            let text = format!(
                "open transactions hold back {}; these records are read once the transactions end",
                in_words(&held_back)
            );
            engine.events.warn(text);
        }
        let ended: Vec<String> = before
            .iter()
            .filter(|(index, (_, reported))| *reported && !self.open_transactions.contains_key(index))
            .map(|(index, _)| engine.partitions.id(*index).to_string())
            .collect();
        if !ended.is_empty() {
            let text = format!("open transactions no longer hold back {}", ended.join(", "));
            engine.events.notice(text);
        }
    }

    fn ends_of(&self, partitions: &[u32]) -> Option<Vec<(u32, i64)>> {
        let ids = self.engine.partitions.ids(partitions);
        let ends = self.in_time(self.catalog().ends_now(&ids))?;
        Some(partitions.iter().zip(ends).filter_map(|(index, end)| Some((*index, end?.get()))).collect())
    }

    fn answer_end_offsets_requests(&self) {
        let engine = self.engine;
        let mut requests = engine.ingress.reorder_buffer.end_offsets_requests();
        if requests.is_empty() {
            return;
        }
        let mut older: Vec<u32> = requests.iter().flat_map(|request| request.older.iter().copied()).collect();
        older.sort_unstable();
        older.dedup();
        older.retain(|index| !engine.is_unreadable(*index));
        // One lookup serves all requests: their records were read before it.
        let look_up = |older: &[u32]| if older.is_empty() { None } else { self.ends_of(older) };
        let ends = look_up(&older).or_else(|| {
            // A partition without a leader fails the whole lookup, and it may belong to another process.
            let all = older.len();
            older.retain(|index| engine.partitions.lock(*index).reached().is_some());
            if older.len() == all { None } else { look_up(&older) }
        });
        let ends: Arc<BTreeMap<u32, i64>> = Arc::new(ends.unwrap_or_default().into_iter().collect());
        // A partition without an answer is requested again: its end decides which records came first. The ends of
        // other processes' partitions are looked up as well, since these may be assigned here before the records are
        // released; they are not required.
        let is_missing = |index: &u32| {
            !ends.contains_key(index)
                && engine.ingress.reorder_buffer.is_awaited(*index)
                && !engine.is_unreadable(*index)
        };
        requests.retain(|request| !request.older.iter().any(is_missing));
        engine.reorder_end_offsets(&requests, &ends);
    }

    fn find_new_partitions(&mut self) {
        let mut known: HashMap<&str, i32> = HashMap::new();
        for planned in self.engine.partitions.all_planned() {
            *known.entry(&planned.id.topic).or_default() += 1;
        }
        for topic in self.topics() {
            let known = known.get(topic.name.as_str()).copied().unwrap_or(0);
            // A group may bring partitions before they are discovered here; they are reported all the same.
            let reported = self.reported.get(&topic.name).copied().unwrap_or(0);
            let before = if self.engine.plan.follow { reported } else { known };
            if topic.partitions > before {
                self.partitions_added(&topic, before);
            }
        }
    }

    /// The topics of the selection, as far as the cluster answers.
    fn topics(&mut self) -> Vec<TopicInfo> {
        let engine = self.engine;
        let known: Vec<String> = engine.topics.to_vec();
        let regex = match &engine.plan.selection.topics {
            TopicSet::Matching(regex) if engine.plan.follow => Some(regex),
            _ => None,
        };
        if regex.is_none() && known.len() <= MAX_SINGLE_LOOKUPS {
            return known.iter().filter_map(|name| self.topic(name)).collect();
        }
        let Some(mut all) = self.in_time(self.catalog().topics()) else { return Vec::new() };
        for name in &known {
            if all.binary_search_by(|topic| topic.name.as_str().cmp(name)).is_err() {
                self.topic(name);
            }
        }
        all.retain(|topic| {
            let wanted = regex.is_some_and(|regex| !topic.internal && regex.is_match(&topic.name));
            wanted || known.contains(&topic.name)
        });
        all
    }

    /// Looks up one topic of the run. A topic that stays missing fails, because the run would wait for it forever.
    fn topic(&mut self, name: &str) -> Option<TopicInfo> {
        let answer = self.catalog().topic(name);
        if self.engine.reading_stopped() {
            return None;
        }
        match answer {
            Ok(topic) => {
                self.misses.remove(name);
                return Some(topic);
            }
            Err(CatalogError::UnknownTopic(_)) => self.topic_missing(name, Gone::Missing),
            Err(CatalogError::NotAuthorized(_)) => self.topic_missing(name, Gone::Forbidden),
            Err(_) => {}
        }
        None
    }

    fn topic_missing(&mut self, name: &str, gone: Gone) {
        if !self.engine.plan.follow {
            return;
        }
        let misses = self.misses.entry(name.to_owned()).or_default();
        *misses += 1;
        if *misses == MAX_MISSES {
            self.engine.fail_topic(name, gone);
        }
    }

    fn partitions_added(&mut self, topic: &TopicInfo, before: i32) {
        let engine = self.engine;
        let added = usize::try_from(topic.partitions - before).unwrap_or(0);
        let name = topic.name.clone();
        let topics = std::slice::from_ref(&name);
        if identity::check_while_reading(engine, self.client, topics, REQUEST_TIMEOUT) != Some(false) {
            // A recreated topic is not joined. Without an answer, the next search finds the partitions again.
            return;
        }
        if !engine.plan.follow {
            if self.reported.insert(name.clone(), topic.partitions) != Some(topic.partitions) {
                engine.events.push(EventKind::PartitionsAdded { topic: name, added, joined: false });
            }
            return;
        }
        let shared: Arc<str> = name.as_str().into();
        let ids: Vec<_> =
            (before..topic.partitions).map(|number| TopicPartition::new(Arc::clone(&shared), number)).collect();
        // New partitions may have no leader yet; the next search finds them again.
        let Some(ends) = self.in_time(self.catalog().log_ends(&ids)) else { return };
        for one in ends {
            engine.join(PlannedPartition { id: one.id, first: one.low, end: one.end });
        }
        if engine.reading_stopped() {
            // Joining waits for batches that are being delivered.
            return;
        }
        self.reported.insert(name.clone(), topic.partitions);
        if before == 0 {
            engine.topics.add(name.clone());
            engine.events.push(EventKind::TopicAdded { topic: name, partitions: added });
            return;
        }
        engine.events.push(EventKind::PartitionsAdded { topic: name.clone(), added, joined: true });
        if engine.settings.ordering != Ordering::Key || engine.plan.selection.scope.time_order {
            return;
        }
        if topic.partitions % before != 0 {
            engine.events.warn(format!(
                "{name}: its number of partitions, {}, is not a multiple of the old one, {before}, so keys also move \
                 between old partitions; their order across these is not kept",
                topic.partitions
            ));
        }
        if engine.settings.group.is_some() {
            engine.events.warn(format!(
                "{name}: keys move to its new partitions; their order across old and new partitions is kept within \
                     a process, but not between the processes of the group"
            ));
        }
    }
}
