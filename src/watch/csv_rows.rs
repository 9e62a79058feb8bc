//! Partitions in the column order of `kafka-consumer-groups.sh --describe`.

use kreplay_model::watch::{PartitionRow, WatchSnapshot};

const TITLES: [&str; 9] =
    ["GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"];

/// All partitions of all groups as CSV. What Kafka's tool prints as `-` is `-` here.
///
/// # Errors
/// The text of a problem of the writer.
pub fn kafka_csv(snapshot: &WatchSnapshot) -> Result<String, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| error.to_string();
    writer.write_record(TITLES).map_err(failed)?;
    for group in &snapshot.groups {
        for row in &group.partitions {
            writer.write_record(cells(&group.group, row)).map_err(failed)?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn cells(group: &str, row: &PartitionRow) -> [String; 9] {
    let number = |value: Option<i64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let text = |value: Option<&str>| value.unwrap_or("-").to_owned();
    let owner = row.owner.as_ref();
    [
        group.to_owned(),
        row.topic.clone(),
        row.partition.to_string(),
        number(row.committed.map(kreplay_model::domain::Offset::get)),
        number(row.end.map(kreplay_model::domain::Offset::get)),
        number(row.lag),
        text(owner.map(|owner| owner.member_id.as_str())),
        text(owner.and_then(|owner| owner.host.as_deref())),
        text(owner.and_then(|owner| owner.client_id.as_deref())),
    ]
}
