//! Tables whose entries have names that the user chooses: `[alerts.NAME]` and `[notify.NAME]`. Only a file has them.

use super::{alerts, notify};

/// Whether a key, with the prefix of its table, is that of such a table.
pub(super) fn is_table(prefix: &str, key: &str) -> bool {
    [alerts::TABLE, notify::TABLE].iter().any(|table| key == *table || prefix == *table)
}

/// Whether a key is that of a setting in such a table.
pub(super) fn has(key: &str) -> bool {
    key.starts_with(alerts::PREFIX) || key.starts_with(notify::PREFIX)
}

/// Checks the key of a setting.
///
/// # Errors
/// The table has no such setting.
pub(super) fn check_key(key: &str) -> Result<(), String> {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let names: Vec<&str> =
        if key.starts_with(alerts::PREFIX) { alerts::fields().collect() } else { notify::fields().collect() };
    if names.contains(&name) {
        return Ok(());
    }
    Err(format!("unknown setting; [{table}] has {}", names.join(", ")))
}
