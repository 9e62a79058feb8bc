//! What an audit knows about one topic: sentences, and bars for what can be compared.

use kreplay_model::audit::{AuditReport, TopicAudit, rehearsal_section, sections, topic_line};
use ratatui::text::Line;

use super::{
    bars::{self, Bar},
    put_section,
};
use crate::{
    number,
    screen::beside::beside,
    text::{shorten, wrap},
    theme::Theme,
};

/// Minimum width for two columns, with the bars beside the sentences.
const MIN_TWO_COLUMN_WIDTH: u16 = 112;
/// Maximum number of bars of a chart, to keep drawing fast.
const MAX_BARS: usize = 50;

pub(super) fn lines(topic: &TopicAudit, report: &AuditReport, room: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> =
        wrap(&topic_line(topic), usize::from(room)).into_iter().map(|line| Line::styled(line, theme.strong)).collect();
    if room >= MIN_TWO_COLUMN_WIDTH {
        let half = room / 2 - 2;
        let (left, right) = (sentences(topic, report, half, theme), charts(topic, half, theme));
        lines.extend(beside(left, right, half));
    } else {
        lines.extend(sentences(topic, report, room, theme));
        lines.extend(charts(topic, room, theme));
    }
    lines
}

fn sentences(topic: &TopicAudit, report: &AuditReport, room: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for section in sections(topic, report).into_iter().chain([rehearsal_section(topic, false)]) {
        put_section(&mut lines, &section, room, theme);
    }
    lines
}

/// The records of each partition, now and as rehearsed, and those of the hottest keys.
fn charts(topic: &TopicAudit, room: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let now = topic.partitions.iter().map(|one| {
        let note = match &topic.unreachable_partitions {
            Some(list) if list.contains(&one.partition) => "  no key maps to it",
            _ if topic.unused_partitions.contains(&one.partition) => "  no keys",
            _ => "",
        };
        Bar { name: one.partition.to_string(), records: one.counts.records, note }
    });
    chart(&mut lines, "records by partition", &now.collect::<Vec<_>>(), topic.counts.records, room, theme);
    let of_keys = topic.counts.keyed;
    if !topic.hottest_keys.is_empty() {
        lines.push(bars::key_heading(room, theme));
        lines.extend(topic.hottest_keys.iter().map(|key| bars::key(key, of_keys, room, theme)));
    }
    if let Some(rehearsal) = &topic.rehearsal {
        let bars = (0..).zip(&rehearsal.loads).map(|(number, records)| {
            let number: i32 = number;
            Bar { name: number.to_string(), records: *records, note: "" }
        });
        let heading = format!(
            "rehearsed with {}",
            number::counted(u64::try_from(rehearsal.partitions).unwrap_or(0), "partition")
        );
        let total = rehearsal.loads.iter().fold(0_u64, |sum, load| sum.saturating_add(*load));
        chart(&mut lines, &heading, &bars.collect::<Vec<_>>(), total, room, theme);
    }
    lines
}

fn chart(lines: &mut Vec<Line<'static>>, heading: &str, bars: &[Bar], total: u64, room: u16, theme: &Theme) {
    lines.push(Line::styled(shorten(heading, usize::from(room)).into_owned(), theme.column));
    let longest = bars.iter().map(|bar| bar.records).max().unwrap_or_default();
    lines.extend(bars.iter().take(MAX_BARS).map(|bar| bar.line(longest, total, room, theme)));
    if bars.len() > MAX_BARS {
        let text = format!("and {}", number::counted((bars.len() - MAX_BARS) as u64, "more partition"));
        lines.push(Line::styled(text, theme.muted));
    }
}
