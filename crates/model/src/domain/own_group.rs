//! Names of the consumer groups in which runs store their positions. These groups have no members; the naming scheme
//! distinguishes them from all other groups.

/// The name of the group that stores the positions of a run whose handler keeps positions in Kafka, if the run has no
/// group.
#[must_use]
pub fn position_group(run_id: &str) -> String {
    format!("kreplay-{run_id}")
}

/// The id of the run whose positions a group stores, from the group's name; `None` for any other group.
#[must_use]
pub fn run_of_position_group(group: &str) -> Option<&str> {
    group.strip_prefix("kreplay-").filter(|id| is_run_id(id))
}

/// The beginning of the names of groups that store the positions of migrations.
pub const MIGRATION_GROUP_PREFIX: &str = "kreplay-migrate-";

/// Whether a group stores positions of a run without a group, or of a migration. No consumer uses such a group.
#[must_use]
pub fn stores_own_positions(group: &str) -> bool {
    group.starts_with(MIGRATION_GROUP_PREFIX) || run_of_position_group(group).is_some()
}

/// Whether a text has the format of a run id: `20261128T090501-0f3a2`.
fn is_run_id(text: &str) -> bool {
    const PATTERN: &[u8] = b"ddddddddTdddddd-xxxxx";
    text.len() == PATTERN.len()
        && text.bytes().zip(PATTERN).all(|(byte, pattern)| match pattern {
            b'd' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            other => byte == *other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_id_is_extracted_from_position_groups_only() {
        let id = "20261128T090501-0f3a2";
        assert_eq!(run_of_position_group(&position_group(id)), Some(id));
        for other in [
            "kreplay-dlq-retry",
            "kreplay-migrate-0011223344556677",
            "kreplay-",
            "kreplay-20261128T090501-0f3ag",
            "kreplay-20261128T090501-0f3a2-more",
            "kreplay-20261128-090501-0f3a2",
            id,
        ] {
            assert_eq!(run_of_position_group(other), None, "{other}");
        }
        assert!(stores_own_positions("kreplay-migrate-0011223344556677-stops"));
        assert!(stores_own_positions(&position_group(id)) && !stores_own_positions("kreplay-dlq-retry"));
    }
}
