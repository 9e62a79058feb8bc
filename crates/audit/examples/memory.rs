//! Audits 10,000,000 generated records and prints the memory that this takes, the time, and the bounds of the figures
//! beside the truth: `cargo run --release -p kreplay-audit --example memory`.

use std::time::Instant;

use kreplay_audit::{Auditor, KeyHashes, ObservedRecord, RehearsalPlan};
use kreplay_model::{
    audit::{AuditCoverage, Partitioner},
    domain::hash_key,
    feed::report::peak_rss_bytes,
};

const RECORDS: u64 = 10_000_000;
const KEYS: u64 = 2_000_000;
const TEAMS: u64 = 300_000;
const MIB: u64 = 1 << 20;

fn main() {
    let before = peak_rss_bytes().unwrap_or_default();
    let rehearsal = RehearsalPlan { partitions: Some(24), key_template: None };
    let template = Some("team:{team_id}".to_owned());
    let mut auditor = Auditor::new(&[("generated", 12)], template, Some("json.seq".to_owned()), rehearsal);
    let mut ends = [0_i64; 12];
    let begun = Instant::now();
    for number in 0..RECORDS {
        let random = hash_key(&number.to_le_bytes());
        let key = format!("key-{}", random % KEYS);
        let team = format!("team-{}", random % TEAMS);
        // Partitions are added after half of the records.
        let count = if number < RECORDS / 2 { 6 } else { 12 };
        let partition = KeyHashes::of(key.as_bytes()).partition(Partitioner::Murmur2, count).unwrap_or_default();
        let Some(end) = usize::try_from(partition).ok().and_then(|at| ends.get_mut(at)) else { continue };
        auditor.observe(
            0,
            &ObservedRecord {
                partition,
                offset: *end,
                timestamp_ms: i64::try_from(number).ok(),
                key: Some(key.as_bytes()),
                bytes: 100,
                template_key: Some(team.as_bytes()),
                sequence: i64::try_from(number).ok(),
                ..ObservedRecord::default()
            },
        );
        *end += 1;
    }
    let observed = begun.elapsed();
    let report = auditor.result(AuditCoverage { full: true, records: RECORDS, ..AuditCoverage::default() });
    let after = peak_rss_bytes().unwrap_or_default();
    println!("records               {RECORDS}");
    println!("peak memory           {} MiB ({} MiB before)", after / MIB, before / MIB);
    println!("observing             {:.1} s", observed.as_secs_f64());
    println!("result                {:.1} s", begun.elapsed().saturating_sub(observed).as_secs_f64());
    for topic in &report.topics {
        println!("distinct keys         {:?}, of {KEYS} possible", topic.keys.distinct);
        println!("in several partitions {:?}", topic.keys.in_several_partitions);
        println!("partitioner           {:?}", topic.partitioner.best);
        println!(
            "growth                {:?}",
            topic.partitioner.growth.as_ref().map(|growth| (growth.from, growth.to))
        );
    }
}
