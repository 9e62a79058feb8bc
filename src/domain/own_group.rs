//! Names of consumer groups that hold the positions of a run and have no members, so that they can be told from everybody else's.

/// The group that keeps the positions of a run whose handler keeps them in Kafka, and that has no group of its own.
#[must_use]
pub fn position_group(run_id: &str) -> String {
    format!("kreplay-{run_id}")
}

/// The run whose positions a group keeps, by its name; `None` where it is no such group.
#[must_use]
pub fn run_of_position_group(group: &str) -> Option<&str> {
    group.strip_prefix("kreplay-").filter(|id| is_run_id(id))
}

/// Whether a text has the form of a run's id: `20261128T090501-0f3a2`.
fn is_run_id(text: &str) -> bool {
    const FORM: &[u8] = b"ddddddddTdddddd-xxxxx";
    text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            other => byte == *other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_group_and_other_groups_are_left_alone() {
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
    }
}
