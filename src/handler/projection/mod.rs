//! `projection`: SQL read models.

/// `[projection]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectionSettings {}
