//! The words for a number of offsets.

use kreplay_model::domain::number::{counted, whole};

/// A backlog in words. Offsets are called records only where a log keeps every record: compaction removes records and
/// leaves their offsets unused. `records_per_offset` is a measured ratio, from an audit or a run.
#[must_use]
pub fn backlog_text(offsets: u64, compacted: Option<bool>, records_per_offset: Option<f64>) -> String {
    match (compacted, records_per_offset) {
        (Some(false), _) => counted(offsets, "record"),
        (_, Some(ratio)) if ratio.is_finite() && ratio >= 0.0 => {
            // A rounded estimate: the loss of precision above 2^53 does not matter.
            #[allow(clippy::cast_precision_loss)]
            let records = offsets as f64 * ratio;
            format!("about {} in {}", counted(whole(records), "record"), counted(offsets, "offset"))
        }
        _ => counted(offsets, "offset"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_compacted_topics_are_not_called_records() {
        assert_eq!(backlog_text(20, Some(false), None), "20 records");
        assert_eq!(backlog_text(20, Some(true), None), "20 offsets");
        assert_eq!(backlog_text(20, None, None), "20 offsets");
        assert_eq!(backlog_text(20, Some(true), Some(0.1)), "about 2 records in 20 offsets");
        assert_eq!(backlog_text(1, Some(true), Some(1.0)), "about 1 record in 1 offset");
    }
}
