//! Offsets as CSV, in the form of Kafka's own tool: `topic,partition,offset`, or `group,topic,partition,offset` if a
//! file has several groups, both without a heading (`--export` and `--from-file` of `kafka-consumer-groups.sh`).

use std::collections::BTreeMap;

use kreplay_model::domain::{Offset, TopicPartition, number::counted};

/// A file of offsets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// A line has another form.
    #[error("line {line}: {problem}; use topic,partition,offset or group,topic,partition,offset")]
    Line {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The file has no offsets for the group.
    #[error("it has no offsets for group `{0}`")]
    NoOffsets(String),
    /// The rows cannot be written.
    #[error("the rows cannot be written: {0}")]
    Write(String),
}

/// Writes offsets without a group.
///
/// # Errors
/// [`CsvError::Write`].
pub fn write_csv<'a>(rows: impl IntoIterator<Item = (&'a TopicPartition, Offset)>) -> Result<String, CsvError> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let failed = |error: &dyn std::fmt::Display| CsvError::Write(error.to_string());
    for (id, offset) in rows {
        let fields = [id.topic.to_string(), id.partition.to_string(), offset.to_string()];
        writer.write_record(&fields).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// The offsets for a group. Rows of other groups are left out.
///
/// # Errors
/// A line that has another form, or names a partition for the second time; no row is about the group.
pub fn read_csv(text: &str, group: &str) -> Result<BTreeMap<TopicPartition, Offset>, CsvError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut offsets = BTreeMap::new();
    for record in reader.records() {
        let wrong = |line, problem: String| CsvError::Line { line, problem };
        let record = record.map_err(|error| wrong(line_of(text, error.position()), error.to_string()))?;
        let line = line_of(text, record.position());
        let fields: Vec<&str> = record.iter().collect();
        let (topic, partition, offset) = match fields.as_slice() {
            [topic, partition, offset] => (topic, partition, offset),
            [owner, topic, partition, offset] if *owner == group => (topic, partition, offset),
            [_, _, _, _] => continue,
            _ => return Err(wrong(line, format!("it has {}", counted(fields.len(), "field")))),
        };
        let number = parse_number(partition).and_then(|number| i32::try_from(number).ok());
        let number = number.ok_or_else(|| wrong(line, format!("`{partition}` is not the number of a partition")))?;
        let offset = parse_number(offset).and_then(Offset::new);
        let offset = offset.ok_or_else(|| wrong(line, "its offset is not a number, 0 or greater".to_owned()))?;
        let id = TopicPartition::new(*topic, number);
        if topic.is_empty() {
            return Err(wrong(line, "its topic is empty".to_owned()));
        }
        if offsets.insert(id.clone(), offset).is_some() {
            return Err(wrong(line, format!("{id} is listed twice")));
        }
    }
    if offsets.is_empty() { Err(CsvError::NoOffsets(group.to_owned())) } else { Ok(offsets) }
}

/// The line of a row, from 1. The position of a row that follows empty lines is that of the first of them.
fn line_of(text: &str, position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let start = usize::try_from(position.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let empty = start.bytes().take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| *byte == b'\n').count();
    position.line() + empty as u64
}

fn parse_number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, group: &str) -> Vec<(String, i64)> {
        let found = read_csv(text, group).unwrap();
        found.into_iter().map(|(id, offset)| (id.to_string(), offset.get())).collect()
    }

    #[test]
    fn both_forms_of_kafkas_tool_are_read() {
        // Kafka's tool quotes texts that are long or contain certain characters.
        let quoted = "\"a-rather-long-name-of-a-topic\",2,7\n";
        assert_eq!(read(quoted, "g"), [("a-rather-long-name-of-a-topic-2".to_owned(), 7)]);
        assert_eq!(read("t,0,5\r\nt,1,6\r\n", "g"), [("t-0".to_owned(), 5), ("t-1".to_owned(), 6)]);
        let several = "\"g \"\"1\"\"\",t,0,5\nother,t,0,9\n";
        assert_eq!(read(several, "g \"1\""), [("t-0".to_owned(), 5)]);
        assert_eq!(read(several, "other"), [("t-0".to_owned(), 9)]);
        assert!(matches!(read_csv(several, "third"), Err(CsvError::NoOffsets(_))));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, line) in [
            ("topic,partition,offset\n", 1),
            ("t,0,5\nt,1\n", 2),
            ("t,0,5\nt,0,6\n", 2),
            ("t,0,-1\n", 1),
            ("t,0,+1\n", 1),
            (",0,1\n", 1),
            ("t,0,5\n\nt,x,5\n", 3),
            ("t,0,99999999999999999999\n", 1),
            ("a,b,c,d,e\n", 1),
        ] {
            match read_csv(text, "g") {
                Err(CsvError::Line { line: found, .. }) => assert_eq!(found, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    proptest! {
        // Byte order marks, which some programs write at the start of a file, are not read as part of a name.
        #[test]
        fn what_is_written_is_read_back(rows in prop::collection::btree_map(("[^\\u{feff}]{1,30}", 0_i32..500), 0_i64.., 1..20)) {
            let rows: BTreeMap<TopicPartition, Offset> = rows
                .into_iter()
                .filter_map(|((topic, partition), offset)| Some((TopicPartition::new(topic, partition), Offset::new(offset)?)))
                .collect();
            let text = write_csv(rows.iter().map(|(id, offset)| (id, *offset))).unwrap();
            prop_assert_eq!(read_csv(&text, "any").unwrap(), rows);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a,\"\n0-9 ]{0,60}") {
            if let Ok(offsets) = read_csv(&text, "a") {
                prop_assert!(!offsets.is_empty());
            }
        }
    }
}
