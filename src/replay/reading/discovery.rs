//! What changes around a run: topics and partitions that come and go, and logs that grow.
//!
//! A thread of its own asks, so that nothing waits for the answers. A run that follows the log takes in what is new; a run
//! that has an end tells of it.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    domain::{Offset, Ordering, TopicPartition},
    feed::EventKind,
    kafka::{Catalog, CatalogError, Client, Gone, TopicInfo},
    plan::{
        HeldBack, PlannedPartition, TopicSet,
        held_back::{find_since, in_words},
    },
    replay::{engine::Engine, reading::identity},
};

/// How often the ends of logs are looked up that a run follows.
const ENDS: Duration = Duration::from_secs(1);
/// How often the thread looks whether there is something to do: while records wait for an answer, and otherwise.
const SOON: Duration = Duration::from_millis(20);
const LATER: Duration = Duration::from_millis(100);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// More topics than this are asked for all at once.
const SINGLE: usize = 20;
/// How often in a row a topic must be missing: right after a broker's start one may be for a moment.
const MISSES: u32 = 3;

/// Starts looking around, until nothing is read any more.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn(engine: Arc<Engine>, client: Client) -> std::io::Result<()> {
    let mut told = HashMap::new();
    for planned in engine.planned.iter() {
        *told.entry(planned.id.topic.to_string()).or_default() += 1;
    }
    std::thread::Builder::new().name("discovery".into()).spawn(move || {
        let (misses, stuck) = (HashMap::new(), HashMap::new());
        Discovery { engine: &engine, client: &client, told, misses, stuck }.live();
    })?;
    Ok(())
}

struct Discovery<'a> {
    engine: &'a Engine,
    client: &'a Client,
    /// How many partitions a topic had when the run began, or when it was told of last.
    told: HashMap<String, i32>,
    misses: HashMap<String, u32>,
    /// Partitions that the last search found held back by a transaction: from which offset on, and whether that was told.
    stuck: HashMap<u32, (i64, bool)>,
}

impl Discovery<'_> {
    fn live(&mut self) {
        let engine = self.engine;
        let (mut looked, mut searched) = (Instant::now(), Instant::now());
        while !engine.reading_stopped() {
            std::thread::sleep(if engine.staging.is_on() { SOON } else { LATER });
            if engine.plan.follow && looked.elapsed() >= ENDS {
                looked = Instant::now();
                self.look_at_ends();
            }
            self.answer_questions();
            engine.stage_tick();
            if searched.elapsed() >= engine.settings.discovery_interval {
                self.search();
                if engine.plan.follow {
                    self.look_for_open_transactions();
                }
                searched = Instant::now();
            }
        }
    }

    fn catalog(&self) -> Catalog<'_> {
        Catalog::new(self.client, TIMEOUT)
    }

    /// Where nobody answers, the ends stay as they were; that no broker answers is told elsewhere.
    fn look_at_ends(&self) {
        let engine = self.engine;
        let open: Vec<u32> = (0_u32..)
            .zip(engine.partitions.iter())
            .filter(|(_, partition)| !partition.lock().has_failed())
            .map(|(index, _)| index)
            .collect();
        for (index, end) in self.ends_of(&open).unwrap_or_default() {
            engine.with(index, |partition| partition.see_end(end));
        }
    }

    /// Tells of partitions that are read to the end, as far as that can be read, while an open transaction holds back the rest since
    /// the last look. Transactions that end in between are the normal course of things.
    fn look_for_open_transactions(&mut self) {
        let engine = self.engine;
        let at_end: Vec<u32> = (0_u32..)
            .zip(engine.partitions.iter())
            .filter(|(_, partition)| {
                let partition = partition.lock();
                partition.reached().is_some() && partition.is_at_end() && !partition.has_failed()
            })
            .map(|(index, _)| index)
            .collect();
        let ids: Vec<TopicPartition> = at_end.iter().map(|index| engine.id(*index).clone()).collect();
        // First the ends that do not wait for transactions: what is written in between does not count.
        let Ok(watermarks) = self.catalog().high_watermarks(&ids) else { return };
        let Some(ends) = self.ends_of(&at_end) else { return };
        let ends: HashMap<u32, i64> = ends.into_iter().collect();
        let before = std::mem::take(&mut self.stuck);
        let mut held_back = Vec::new();
        for ((index, id), watermark) in at_end.into_iter().zip(ids).zip(watermarks) {
            let (Some(&from), Some(watermark)) = (ends.get(&index), watermark) else { continue };
            if watermark.get() <= from {
                continue;
            }
            let (is_same, was_told) = before.get(&index).map_or((false, false), |(last, told)| (*last == from, *told));
            if is_same && !was_told {
                let from = Offset::new(from).unwrap_or_default();
                held_back.push(HeldBack { id, from, offsets: watermark.since(from), since: None });
            }
            self.stuck.insert(index, (from, is_same));
        }
        if !held_back.is_empty() {
            find_since(&self.catalog(), &mut held_back);
            let text = format!("open transactions hold back {}; they are read when those end", in_words(&held_back));
            engine.events.push(EventKind::Warning { text });
        }
        let ended: Vec<String> = before
            .iter()
            .filter(|(index, (_, told))| *told && !self.stuck.contains_key(index))
            .map(|(index, _)| engine.id(*index).to_string())
            .collect();
        if !ended.is_empty() {
            let text = format!("open transactions hold back nothing any more of {}", ended.join(", "));
            engine.events.push(EventKind::Notice { text });
        }
    }

    fn ends_of(&self, partitions: &[u32]) -> Option<Vec<(u32, i64)>> {
        let ids: Vec<TopicPartition> = partitions.iter().map(|index| self.engine.id(*index).clone()).collect();
        let ends = self.catalog().ends_now(&ids).ok()?;
        Some(partitions.iter().zip(ends).filter_map(|(index, end)| Some((*index, end?.get()))).collect())
    }

    fn answer_questions(&self) {
        let engine = self.engine;
        for question in engine.staging.questions() {
            let read_here: Vec<u32> = question
                .older
                .iter()
                .copied()
                .filter(|index| {
                    let partition = engine.partitions[*index as usize].lock();
                    partition.reached().is_some() && !partition.has_failed()
                })
                .collect();
            let ends = if read_here.is_empty() { Some(Vec::new()) } else { self.ends_of(&read_here) };
            // An old partition that gives no answer is asked again: without one nobody knows what came first.
            if let Some(ends) = ends.filter(|ends| ends.len() == read_here.len()) {
                engine.stage_answer(&question, ends);
            }
        }
    }

    fn search(&mut self) {
        let mut known: HashMap<&str, i32> = HashMap::new();
        for planned in self.engine.planned.iter() {
            *known.entry(&planned.id.topic).or_default() += 1;
        }
        for topic in self.topics() {
            let known = known.get(topic.name.as_str()).copied().unwrap_or(0);
            // A group may bring partitions before they are found here: they are told of all the same.
            let told = self.told.get(&topic.name).copied().unwrap_or(0);
            let before = if self.engine.plan.follow { told } else { known };
            if topic.partitions > before {
                self.grown(&topic, before);
            }
        }
    }

    /// The topics that the selection means, as far as the cluster answers.
    fn topics(&mut self) -> Vec<TopicInfo> {
        let engine = self.engine;
        let known: Vec<String> = engine.topics.iter().cloned().collect();
        let regex = match &engine.plan.selection.topics {
            TopicSet::Matching(regex) if engine.plan.follow => Some(regex),
            _ => None,
        };
        if regex.is_none() && known.len() <= SINGLE {
            return known.iter().filter_map(|name| self.topic(name)).collect();
        }
        let Ok(mut all) = self.catalog().topics() else { return Vec::new() };
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

    /// One topic that the run reads. One that is gone is given up, where the run would otherwise wait for it for ever.
    fn topic(&mut self, name: &str) -> Option<TopicInfo> {
        match self.catalog().topic(name) {
            Ok(topic) => {
                self.misses.remove(name);
                return Some(topic);
            }
            Err(CatalogError::UnknownTopic(_)) => self.missed(name, Gone::Missing),
            Err(CatalogError::NotAuthorized(_)) => self.missed(name, Gone::Forbidden),
            Err(_) => {}
        }
        None
    }

    fn missed(&mut self, name: &str, gone: Gone) {
        if !self.engine.plan.follow {
            return;
        }
        let misses = self.misses.entry(name.to_owned()).or_default();
        *misses += 1;
        if *misses == MISSES {
            self.engine.give_up_topic(name, gone);
        }
    }

    fn grown(&mut self, topic: &TopicInfo, before: i32) {
        let engine = self.engine;
        let added = usize::try_from(topic.partitions - before).unwrap_or(0);
        let name = topic.name.clone();
        if identity::check(engine, self.client, std::slice::from_ref(&name), TIMEOUT) != Some(false) {
            // Another topic of the same name is not joined; where nobody answers, the next search finds it again.
            return;
        }
        if !engine.plan.follow {
            if self.told.insert(name.clone(), topic.partitions) != Some(topic.partitions) {
                engine.events.push(EventKind::PartitionsAdded { topic: name, added, joined: false });
            }
            return;
        }
        let shared: Arc<str> = name.as_str().into();
        let ids: Vec<_> =
            (before..topic.partitions).map(|number| TopicPartition::new(Arc::clone(&shared), number)).collect();
        // Right after they were made they may have no leader; the next search finds them again.
        let Ok(ends) = self.catalog().log_ends(&ids) else { return };
        for one in ends {
            engine.join(PlannedPartition { id: one.id, first: one.low, end: one.end });
        }
        self.told.insert(name.clone(), topic.partitions);
        if before == 0 {
            engine.topics.push(name.clone());
            engine.events.push(EventKind::TopicAdded { topic: name, partitions: added });
            return;
        }
        engine.events.push(EventKind::PartitionsAdded { topic: name.clone(), added, joined: true });
        if engine.settings.group.is_some() && engine.settings.ordering == Ordering::Key {
            engine.events.push(EventKind::Warning {
                text: format!(
                    "{name}: keys move to its new partitions; their order across old and new ones is kept within a process, \
                     not between those of the group"
                ),
            });
        }
    }
}
