//! `kreplay dlq list`: how many dead letters there are, from where, why, and since when.

use std::{collections::BTreeMap, ops::ControlFlow};

use serde::Serialize;

use super::{
    DeadLetter, DeadLetterTopics, DlqError, json,
    scan::{Section, scan},
};
use crate::{
    feed::{cells, printable},
    kafka::Client,
};

/// So many different groups are told apart; what comes after is counted under one.
const GROUPS: usize = 10_000;
/// Errors are told apart by so many characters.
const ERROR: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: String,
    run: String,
    error: String,
    topic: String,
}

/// Dead letters that have their source, their run and their error in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The topic they came from; empty for records that are no dead letters of kreplay's.
    pub source_topic: String,
    /// The run that gave them up.
    pub run: String,
    /// What the handler said, cut off where it is long.
    pub error: String,
    /// The topic they are in.
    pub topic: String,
    /// How many.
    pub records: u64,
    /// When the first was given up.
    pub first_failed_at: String,
    /// When the last was.
    pub last_failed_at: String,
}

/// All dead letters of some topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The most frequent first.
    pub groups: Vec<Group>,
}

/// Counts every dead letter of the topics.
///
/// # Errors
/// Topics that cannot be read to their end.
pub fn list(client: Client, topics: &DeadLetterTopics) -> Result<Summary, DlqError> {
    let sections: Vec<Section> =
        topics.sections().into_iter().map(|(id, from, end)| Section { id, from, end }).collect();
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    scan(client, &sections, |records| {
        for (number, record) in records {
            let letter = DeadLetter::of(&record);
            let topic = sections[number].id.topic.to_string();
            let mut key = match &letter {
                Some(letter) => Key {
                    source: letter.source.topic.to_string(),
                    run: letter.run.clone(),
                    error: letter.error.chars().take(ERROR).collect(),
                    topic,
                },
                None => Key {
                    source: String::new(),
                    run: String::new(),
                    error: "not a dead letter of kreplay's".into(),
                    topic,
                },
            };
            if groups.len() >= GROUPS && !groups.contains_key(&key) {
                key = Key { error: "other errors".into(), run: String::new(), ..key };
            }
            let failed_at = letter.map(|letter| letter.failed_at).unwrap_or_default();
            let group = groups.entry(key.clone()).or_insert_with(|| Group {
                source_topic: key.source,
                run: key.run,
                error: key.error,
                topic: key.topic,
                records: 0,
                first_failed_at: failed_at.clone(),
                last_failed_at: failed_at.clone(),
            });
            group.records += 1;
            if failed_at < group.first_failed_at {
                group.first_failed_at.clone_from(&failed_at);
            }
            if failed_at > group.last_failed_at {
                group.last_failed_at = failed_at;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.records));
    Ok(Summary { groups })
}

impl Summary {
    /// As JSON: a list with an object for each group.
    ///
    /// # Errors
    /// What the serializer said; none is known to happen.
    pub fn json(&self) -> Result<String, DlqError> {
        Ok(json::render(&self.groups)?)
    }

    /// As a table.
    #[must_use]
    pub fn text(&self) -> String {
        if self.groups.is_empty() {
            return "no dead letters\n".into();
        }
        let heads = ["records", "topic", "run", "first", "last", "in", "error"].map(str::to_owned);
        let rows = self.groups.iter().map(|group| {
            let source = if group.source_topic.is_empty() { "–" } else { &group.source_topic };
            [
                group.records.to_string(),
                printable(source).into_owned(),
                printable(&group.run).into_owned(),
                printable(&group.first_failed_at).into_owned(),
                printable(&group.last_failed_at).into_owned(),
                printable(&group.topic).into_owned(),
                printable(&group.error).into_owned(),
            ]
        });
        let rows: Vec<[String; 7]> = std::iter::once(heads).chain(rows).collect();
        let widest = |column: usize| rows.iter().map(|row| cells::width(&row[column])).max().unwrap_or(0);
        let widths: Vec<usize> = (0..7).map(widest).collect();
        let mut out = String::new();
        for row in &rows {
            let filled = |(cell, width): (&String, &usize)| format!("{cell}{}", cells::padding(cell, *width));
            let row: Vec<String> = row.iter().zip(&widths).map(filled).collect();
            out.push_str(row.join("  ").trim_end());
            out.push('\n');
        }
        out
    }
}
