//! A rehearsal in words.

use super::{
    Rehearsal, TopicAudit,
    sections::{Section, percent},
};
use crate::domain::{
    number::{Count, counted, counted_as},
    printable,
};

/// The partitions whose records a line lists.
const LISTED_PARTITIONS: usize = 12;

/// What another number of partitions, or another key, would do. With `with_loads`, the records of the first partitions
/// are a line of it.
#[must_use]
pub fn rehearsal_section(topic: &TopicAudit, with_loads: bool) -> Section {
    let mut lines = topic.rehearsal.as_ref().map(rehearsal).unwrap_or_default();
    lines.extend(topic.rehearsal.as_ref().filter(|_| with_loads).map(loads));
    Section::new("rehearsal", lines)
}

/// The sentences about a rehearsal.
fn rehearsal(rehearsal: &Rehearsal) -> Vec<String> {
    let key = rehearsal.key_template.as_deref().map_or_else(String::new, |key| format!(" by {}", printable(key)));
    let assumed = if rehearsal.assumed { ", assumed" } else { "" };
    let mut lines = vec![
        format!("{}{key} ({}{assumed})", counted(rehearsal.partitions, "partition"), rehearsal.partitioner),
        format!(
            "largest {:.2} × mean, Gini {:.2}; {} of the keyed records would be in another partition",
            rehearsal.unevenness.max_by_mean,
            rehearsal.unevenness.gini,
            percent(rehearsal.moved)
        ),
        format!(
            "at most {:.1} times as fast as one consumer in order of partitions, and {:.1} times or more in order of \
             keys",
            rehearsal.speed_up_by_partition, rehearsal.speed_up_by_key
        ),
    ];
    if rehearsal.keyless > 0 {
        lines.push(counted_as(
            rehearsal.keyless,
            "record without such a key is not included",
            "records without such a key are not included",
        ));
    }
    lines.push(format!("conclusion: {}", conclusion(rehearsal)));
    lines
}

/// The records of the first partitions.
fn loads(rehearsal: &Rehearsal) -> String {
    let loads: Vec<String> =
        rehearsal.loads.iter().take(LISTED_PARTITIONS).map(|load| Count(*load).to_string()).collect();
    let more = if rehearsal.loads.len() > loads.len() { ", …" } else { "" };
    format!("records by partition: {}{more}", loads.join(", "))
}

/// The share of the possible speed-up from which partitions count as even, and one key as the limit.
const CLOSE: f64 = 0.8;

/// What the figures of a rehearsal mean for the number of consumers.
fn conclusion(rehearsal: &Rehearsal) -> String {
    let keyed: u64 = rehearsal.loads.iter().fold(0, |sum, load| sum.saturating_add(*load));
    if keyed == 0 {
        return "no record has such a key, so nothing is known".to_owned();
    }
    let reached = rehearsal.speed_up_by_partition;
    let consumers = match rehearsal.partitions {
        1 => return "one partition is read by one consumer".to_owned(),
        partitions => format!("{partitions} consumers"),
    };
    if reached >= CLOSE * f64::from(rehearsal.partitions) {
        format!("the records are spread evenly; {consumers} are up to {reached:.1} times as fast as one")
    } else if reached >= CLOSE * rehearsal.speed_up_by_key {
        #[allow(clippy::cast_precision_loss, reason = "a share for display")]
        let share = rehearsal.heaviest_key.high as f64 / keyed as f64;
        format!(
            "one key has {} of the records; {consumers} are at most {reached:.1} times as fast as one, and more \
             partitions do not help",
            percent(share)
        )
    } else {
        format!(
            "several keys share the largest partition; {consumers} are at most {reached:.1} times as fast as one, and \
             another number of partitions may be better"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Bounds, Partitioner, Unevenness};

    fn of_loads(loads: &[u64], heaviest_key: u64) -> String {
        let keyed: u64 = loads.iter().sum();
        #[allow(clippy::cast_precision_loss, reason = "small numbers in tests")]
        let speed_up = |heaviest: u64| keyed as f64 / heaviest.max(1) as f64;
        conclusion(&Rehearsal {
            key_template: None,
            partitions: i32::try_from(loads.len()).unwrap(),
            partitioner: Partitioner::Murmur2,
            assumed: false,
            loads: loads.to_vec(),
            keyless: 0,
            unevenness: Unevenness::default(),
            moved: 0.0,
            heaviest_key: Bounds::exact(heaviest_key),
            speed_up_by_partition: speed_up(loads.iter().copied().max().unwrap_or_default()),
            speed_up_by_key: speed_up(heaviest_key),
        })
    }

    #[test]
    fn a_rehearsal_has_a_conclusion() {
        for (loads, heaviest_key, part) in [
            (&[0, 0][..], 0, "no record has such a key"),
            (&[9], 2, "one partition is read by one consumer"),
            (&[50, 50], 5, "spread evenly; 2 consumers are up to 2.0 times as fast as one"),
            (&[70, 10, 10, 10], 65, "one key has 65.0 % of the records; 4 consumers are at most 1.4 times"),
            (&[70, 10, 10, 10], 10, "several keys share the largest partition"),
        ] {
            let text = of_loads(loads, heaviest_key);
            assert!(text.contains(part), "{text}");
        }
    }
}
