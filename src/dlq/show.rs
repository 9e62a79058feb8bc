//! `kreplay dlq show`: shows single dead letters.

use std::{fmt::Write, ops::ControlFlow};

use kreplay_kafka::Client;
use kreplay_model::{
    domain::{Record, TopicPartition, number::counted, printable},
    feed::report::printable_json,
};
use serde_json::{Value, json};

use super::{
    DeadLetter, DeadLetterTopics, DlqError, LetterFilter,
    json::bytes,
    scan::{Section, scan},
};

/// Shows the first `limit` selected dead letters, as JSON or as text. The text escapes control characters.
///
/// # Errors
/// A topic cannot be read.
pub fn show(
    client: Client,
    topics: &DeadLetterTopics,
    wanted: &LetterFilter,
    limit: usize,
    as_json: bool,
) -> Result<String, DlqError> {
    let sections: Vec<Section> =
        topics.sections().into_iter().map(|(id, from, end)| Section { id, from, end }).collect();
    let mut found: Vec<(TopicPartition, Record, DeadLetter)> = Vec::new();
    scan(client, &sections, |records| {
        for (number, record) in records {
            let id = &sections[number].id;
            if let Some(letter) = DeadLetter::of(&record)
                && wanted.matches(id, &record, &letter)
            {
                found.push((id.clone(), record.detached(), letter));
                if found.len() >= limit {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    found.sort_by(|a, b| (&a.0, a.1.offset).cmp(&(&b.0, b.1.offset)));
    if as_json {
        let list: Vec<Value> = found.iter().map(|(id, record, letter)| object(id, record, letter)).collect();
        return Ok(printable_json(&list)?);
    }
    if found.is_empty() {
        return Ok("no dead letters\n".into());
    }
    Ok(found.iter().map(|(id, record, letter)| text(id, record, letter)).collect::<Vec<_>>().join("\n"))
}

fn object(id: &TopicPartition, record: &Record, letter: &DeadLetter) -> Value {
    let headers: Vec<Value> = record
        .headers()
        .take(letter.own_headers)
        .map(|header| json!({ "key": bytes(Some(header.key)), "value": bytes(header.value) }))
        .collect();
    json!({
        "topic": &*id.topic,
        "partition": id.partition.0,
        "offset": record.offset,
        "source": {
            "topic": &*letter.source.topic,
            "partition": letter.source.partition.0,
            "offset": letter.offset,
            "timestamp": letter.timestamp_ms,
        },
        "error": letter.error,
        "attempts": letter.attempts,
        "run": letter.run,
        "failed_at": letter.failed_at,
        "key": bytes(record.key()),
        "value": bytes(record.value()),
        "headers": headers,
    })
}

fn text(id: &TopicPartition, record: &Record, letter: &DeadLetter) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:<10}{value}");
    };
    line("letter", &printable(&format!("{id} at {}", record.offset)));
    line("from", &printable(&format!("{} at {}", letter.source, letter.offset)));
    line(
        "failed",
        &printable(&format!(
            "{} after {} in run {}",
            letter.failed_at,
            counted(letter.attempts, "attempt"),
            letter.run
        )),
    );
    line("error", &printable(&letter.error));
    line("key", &escaped(record.key()));
    for header in record.headers().take(letter.own_headers) {
        line("header", &format!("{}: {}", escaped(Some(header.key)), escaped(header.value)));
    }
    line("value", &escaped(record.value()));
    out
}

/// Bytes as text: control characters are escaped, and invalid UTF-8 becomes `\xNN`.
fn escaped(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "(null)".into() };
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_invalid_bytes_are_escaped() {
        assert_eq!(escaped(Some(b"a\x1b[2J\xffb")), "a\\u{1b}[2J\\xffb");
        assert_eq!(escaped(None), "(null)");
    }
}
