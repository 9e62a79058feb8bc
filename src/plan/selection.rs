//! What the user asked for.

use regex::Regex;

/// Which topics to read.
#[derive(Clone, Debug)]
pub enum Selection {
    /// These, by name.
    Topics(Vec<String>),
    /// Every topic whose whole name matches. Kafka's own topics (`__…`) are never among them.
    Matching(Regex),
}
