//! Who may read the metrics.

use hyper::{HeaderMap, header::AUTHORIZATION};
use kreplay_model::domain::Secret;

/// Whether a request carries the token: `Authorization: Bearer TOKEN`, as in RFC 6750.
pub(super) fn is_allowed(token: Option<&Secret>, headers: &HeaderMap) -> bool {
    let Some(token) = token else { return true };
    let given = headers.get(AUTHORIZATION).map(hyper::http::HeaderValue::as_bytes);
    let given = given.and_then(|value| {
        let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(rest.trim_ascii())
    });
    given.is_some_and(|given| is_equal(given, token.value().as_bytes()))
}

/// Compares without ending at the first difference, so that the time does not tell how much of a token is right.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use kreplay_model::domain::SecretFormat;

    use super::*;

    #[test]
    fn a_request_needs_the_token() {
        let token = Secret::plain(SecretFormat::Secret, "s3cret".to_owned());
        for (value, allowed) in [
            ("Bearer s3cret", true),
            ("bearer  s3cret", true),
            ("Bearer s3cre", false),
            ("Bearer s3cret2", false),
            ("Bearer ", false),
            ("Bearer", false),
            ("Basic s3cret", false),
            ("s3cret", false),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(is_allowed(Some(&token), &headers), allowed, "{value}");
        }
        assert!(!is_allowed(Some(&token), &HeaderMap::new()));
        assert!(is_allowed(None, &HeaderMap::new()));
    }
}
