//! Permission to change groups.

use super::error::GroupsError;

/// Permission to change groups. `execute` requires one, and a read-only configuration gives none, so
/// that no change can be reached with it.
#[derive(Debug)]
pub struct WriteAccess(());

impl WriteAccess {
    /// The permission, unless the configuration is read-only.
    ///
    /// # Errors
    /// [`GroupsError::ReadOnly`].
    pub fn unless_read_only(read_only: bool) -> Result<Self, GroupsError> {
        if read_only { Err(GroupsError::ReadOnly) } else { Ok(Self(())) }
    }
}
