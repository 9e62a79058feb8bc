//! `kreplay dlq list`: counts dead letters by source, run and error.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use kreplay_kafka::Client;
use kreplay_model::{
    domain::printable,
    feed::{cells, report::printable_json},
};
use serde::Serialize;

use super::{
    DeadLetter, DeadLetterTopics, DlqError, Warn,
    retry::SentLetters,
    scan::{Section, scan},
};

/// The maximum number of groups. Further letters are counted under "other errors".
const MAX_GROUPS: usize = 10_000;
/// The number of characters of an error that distinguish groups.
const MAX_ERROR_CHARS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    source: String,
    run: String,
    error: String,
    topic: String,
}

/// Dead letters with the same source, run and error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The source topic; empty for records that are not dead letters of kreplay.
    pub source_topic: String,
    /// The run that wrote the letters.
    pub run: String,
    /// The handler's error, truncated.
    pub error: String,
    /// The dead-letter topic.
    pub topic: String,
    /// The number of letters.
    pub records: u64,
    /// The number of letters among them that were sent back; `None` if that is not known.
    pub sent_back: Option<u64>,
    /// When the first one failed.
    pub first_failed_at: String,
    /// When the last one failed.
    pub last_failed_at: String,
}

/// The dead letters of some topics, in groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The largest group first.
    pub groups: Vec<Group>,
}

/// Counts the dead letters of the topics, and those that `kreplay dlq retry` with this group has sent back. If the
/// offsets of the group cannot be read within `timeout`, `warn` receives the reason.
///
/// # Errors
/// A topic cannot be read to its end.
pub fn list(
    client: Client,
    topics: &DeadLetterTopics,
    retry_group: &str,
    timeout: Duration,
    warn: Warn<'_>,
) -> Result<Summary, DlqError> {
    let sent = SentLetters::of_group(&client, topics, retry_group, timeout);
    if let Err(error) = &sent {
        warn(&format!("what was sent back is not known: {error}"));
    }
    let sections: Vec<Section> =
        topics.sections().into_iter().map(|(id, from, end)| Section { id, from, end }).collect();
    let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
    scan(client, &sections, |records| {
        for (number, record) in records {
            let letter = DeadLetter::of(&record);
            let is_letter = letter.is_some();
            let topic = sections[number].id.topic.to_string();
            let mut key = match &letter {
                Some(letter) => GroupKey {
                    source: letter.source.topic.to_string(),
                    run: letter.run.clone(),
                    error: letter.error.chars().take(MAX_ERROR_CHARS).collect(),
                    topic,
                },
                None => GroupKey {
                    source: String::new(),
                    run: String::new(),
                    error: "not a dead letter of kreplay".into(),
                    topic,
                },
            };
            if groups.len() >= MAX_GROUPS && !groups.contains_key(&key) {
                key = GroupKey { error: "other errors".into(), run: String::new(), ..key };
            }
            let failed_at = letter.map(|letter| letter.failed_at).unwrap_or_default();
            let group = groups.entry(key.clone()).or_insert_with(|| Group {
                source_topic: key.source,
                run: key.run,
                error: key.error,
                topic: key.topic,
                records: 0,
                sent_back: sent.is_ok().then_some(0),
                first_failed_at: failed_at.clone(),
                last_failed_at: failed_at.clone(),
            });
            group.records += 1;
            if let (Ok(sent), Some(sent_back)) = (&sent, &mut group.sent_back) {
                *sent_back += u64::from(is_letter && sent.has(number, record.offset));
            }
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
    /// The groups as a JSON list.
    ///
    /// # Errors
    /// The serializer failed. No such case is known.
    pub fn json(&self) -> Result<String, DlqError> {
        Ok(printable_json(&self.groups)?)
    }

    /// The groups as a table.
    #[must_use]
    pub fn text(&self) -> String {
        if self.groups.is_empty() {
            return "no dead letters\n".into();
        }
        let heads = ["records", "sent back", "topic", "run", "first", "last", "in", "error"].map(str::to_owned);
        let rows = self.groups.iter().map(|group| {
            let source = if group.source_topic.is_empty() { "–" } else { &group.source_topic };
            [
                group.records.to_string(),
                group.sent_back.map_or_else(|| "?".to_owned(), |count| count.to_string()),
                printable(source).into_owned(),
                printable(&group.run).into_owned(),
                printable(&group.first_failed_at).into_owned(),
                printable(&group.last_failed_at).into_owned(),
                printable(&group.topic).into_owned(),
                printable(&group.error).into_owned(),
            ]
        });
        let rows: Vec<[String; 8]> = std::iter::once(heads).chain(rows).collect();
        let widest = |column: usize| rows.iter().map(|row| cells::width(&row[column])).max().unwrap_or(0);
        let widths: Vec<usize> = (0..8).map(widest).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_shown_as_nothing() {
        let group = |sent_back| Group {
            source_topic: "orders".into(),
            run: "run-1".into(),
            error: "re\u{1b}fused".into(),
            topic: "orders.dlq".into(),
            records: 12,
            sent_back,
            first_failed_at: "2026-03-01T10:00:00Z".into(),
            last_failed_at: "2026-03-01T10:00:05Z".into(),
        };
        let summary = Summary { groups: vec![group(None), group(Some(0))] };
        let text = summary.text();
        let cells = |line: usize| text.lines().nth(line).unwrap().split_whitespace().take(3).collect::<Vec<_>>();
        assert_eq!([cells(1), cells(2)], [["12", "?", "orders"], ["12", "0", "orders"]]);
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(summary.json().unwrap().contains("\"sent_back\": null"), "{}", summary.json().unwrap());
    }
}
