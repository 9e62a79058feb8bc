//! The contents of a message about an alert.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// An alert that began to fire, or that is resolved. It has the parts of an alert of Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Identifies the alert: `alertname`, `severity`, what it is about, and the labels of the rule.
    pub labels: BTreeMap<String, String>,
    /// Texts about the alert, such as `summary` and `value`.
    pub annotations: BTreeMap<String, String>,
    /// When the alert began to fire.
    pub starts_at: DateTime<Utc>,
    /// When it was resolved; `None` while it fires.
    pub ends_at: Option<DateTime<Utc>>,
}

/// The parameters of the 64-bit FNV-1a hash (draft-eastlake-fnv).
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;
/// Ends a name and a value in a hash. It is no byte of UTF-8 text.
const SEPARATOR: u8 = 0xff;

impl Notice {
    /// Identifies the labels, as in Alertmanager: the FNV-1a hash of the sorted labels (`model/signature.go` of
    /// `prometheus/common`).
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let bytes = |text: &'_ str| text.bytes().chain([SEPARATOR]).collect::<Vec<_>>();
        let all = self.labels.iter().flat_map(|(name, value)| [bytes(name), bytes(value)]).flatten();
        all.fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
    }

    /// Whether the alert is resolved.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        self.ends_at.is_some()
    }

    /// The status in Alertmanager's words.
    pub(crate) fn status(&self) -> &'static str {
        if self.is_resolved() { "resolved" } else { "firing" }
    }

    /// A label; empty if there is none.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// An annotation; empty if there is none.
    pub(crate) fn annotation(&self, name: &str) -> &str {
        self.annotations.get(name).map_or("", String::as_str)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An alert on a group that fires, or that is resolved.
    pub(crate) fn notice(group: &str, is_resolved: bool) -> Notice {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let starts_at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        Notice {
            labels: pairs(&[("alertname", "high-lag"), ("group", group), ("severity", "warning")]),
            annotations: pairs(&[("summary", "high-lag on group billing"), ("value", "lag 1,204")]),
            starts_at,
            ends_at: is_resolved.then_some(starts_at + chrono::TimeDelta::seconds(60)),
        }
    }

    #[test]
    fn a_fingerprint_depends_on_each_label_and_on_nothing_else() {
        let one = notice("billing", false);
        assert_eq!(one.fingerprint(), notice("billing", true).fingerprint());
        assert_ne!(one.fingerprint(), notice("mail", false).fingerprint());
        let mut moved = one.clone();
        moved.labels.remove("group");
        moved.labels.insert("groupb".into(), "illing".into());
        assert_ne!(one.fingerprint(), moved.fingerprint());
    }

    #[test]
    fn the_fingerprint_without_labels_is_that_of_the_empty_hash() {
        let empty = Notice { labels: BTreeMap::new(), ..notice("billing", false) };
        assert_eq!(empty.fingerprint(), 14_695_981_039_346_656_037);
    }
}
