//! Takes secrets out of what others say.

use std::{fmt, sync::Arc};

use super::MASK;

/// Takes secrets out of what others say: a program or a server may repeat what it was told.
#[derive(Clone, Default)]
pub struct Censor(Arc<[String]>);

impl Censor {
    /// These must not be seen.
    #[must_use]
    pub fn new(mut secrets: Vec<String>) -> Self {
        // One may be a part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.retain(|secret| !secret.is_empty());
        Self(secrets.into())
    }

    /// The text without them.
    #[must_use]
    pub fn censored(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
    }
}

impl fmt::Debug for Censor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Censor({MASK})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_wherever_they_stand() {
        let censor = Censor::new(vec!["hunter".into(), String::new(), "hunter2".into()]);
        assert_eq!(censor.censored("password hunter2, user hunter!"), "password ***, user ***!");
        assert_eq!(format!("{censor:?}"), "Censor(***)");
    }
}
