//! The entries of a table whose names the user chooses, such as `[alerts.NAME]`.

use std::collections::BTreeMap;

use super::input::Assignment;

/// The settings of each entry of the table with this prefix, by the name of the entry.
pub(super) fn by_name<'a>(prefix: &str, assignments: &'a [Assignment]) -> BTreeMap<&'a str, Vec<&'a Assignment>> {
    let mut entries: BTreeMap<&str, Vec<&Assignment>> = BTreeMap::new();
    for assignment in assignments {
        if let Some((name, _)) = assignment.key.strip_prefix(prefix).and_then(|rest| rest.rsplit_once('.')) {
            entries.entry(name).or_default().push(assignment);
        }
    }
    entries
}
