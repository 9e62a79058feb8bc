//! The token that clients show.

use kreplay_model::domain::Secret;

/// Whether a client may attach. Without an expected token, each one may.
pub(crate) fn is_allowed(expected: Option<&Secret>, given: Option<&str>) -> bool {
    let Some(expected) = expected else { return true };
    given.is_some_and(|given| is_equal(given.as_bytes(), expected.value().as_bytes()))
}

/// Compares without ending at the first difference, so that the time does not tell how much of a token is right.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::SecretFormat;

    use super::*;

    #[test]
    fn only_the_whole_token_is_accepted() {
        let token = Secret::plain(SecretFormat::Secret, "s3cret".to_owned());
        for (given, allowed) in
            [(Some("s3cret"), true), (Some("s3cre"), false), (Some("s3creT"), false), (Some(""), false), (None, false)]
        {
            assert_eq!(is_allowed(Some(&token), given), allowed, "{given:?}");
        }
        assert!(is_allowed(None, None) && is_allowed(None, Some("other")));
    }
}
