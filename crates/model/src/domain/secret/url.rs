//! Masks the secrets in URLs.

use super::{
    super::postgres_url::{PostgresUrl, is_host},
    MASK, is_secret,
    reference::mask,
};

/// Masks the parts of a URL that are secret, given its scheme and what follows `://`.
pub(super) fn mask_url(scheme: &str, rest: &str) -> String {
    let masked = if is_http(scheme) { mask_http_url(rest) } else { mask_postgres_url(rest) };
    format!("{scheme}://{masked}")
}

/// Whether the part before `://` is that of an HTTP address, possibly after the name of a handler.
fn is_http(scheme: &str) -> bool {
    let scheme = scheme.rsplit(':').next().unwrap_or(scheme);
    ["http", "https"].iter().any(|one| scheme.eq_ignore_ascii_case(one))
}

fn mask_http_url(rest: &str) -> String {
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    // What is not a host is the beginning of a password with a character that should be escaped, such as `/` as %2F.
    let misplaced = || rest.rfind('@').filter(|_| !is_host(authority));
    let at = authority.rfind('@').or_else(misplaced);
    let (user, rest) = at.map_or((String::new(), rest), |at| (mask_credentials(&rest[..at], true), &rest[at..]));
    let Some((path, query)) = rest.split_once('?') else { return user + rest };
    let (query, fragment) = query.find('#').map_or((query, ""), |at| query.split_at(at));
    format!("{user}{path}?{}{fragment}", mask_query(query))
}

/// Any other URL is split as kreplay splits those of PostgreSQL when it uses them.
fn mask_postgres_url(rest: &str) -> String {
    let url = PostgresUrl::after_scheme("", rest);
    let base = url.query.map_or(rest, |query| &rest[..rest.len() - query.len() - 1]);
    if url.may_split_password()
        && let Some(colon) = base.find(':')
    {
        // The password may end anywhere after that.
        return format!("{}{MASK}", &rest[..=colon]);
    }
    let user = url.credentials.map_or_else(String::new, |credentials| mask_credentials(credentials, false) + "@");
    let query = url.query.map_or_else(String::new, |query| format!("?{}", mask_query(query)));
    format!("{user}{}{query}", url.place)
}

/// A user without a password is masked as well if it may be a token.
fn mask_credentials(credentials: &str, is_http: bool) -> String {
    let (name, colon, password) =
        credentials.split_once(':').map_or((credentials, "", ""), |(name, password)| (name, ":", password));
    let is_token = is_http && password.is_empty();
    [if is_token { mask(name) } else { name }, colon, mask(password)].concat()
}

fn mask_query(query: &str) -> String {
    let masked = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_secret(name) => format!("{name}={}", mask(value)),
        _ => pair.to_owned(),
    });
    masked.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::super::SecretFormat;

    #[test]
    fn passwords_with_unescaped_characters_are_masked() {
        for (written, shown) in [
            ("postgres://ada:12/34secret@db/app", "postgres://ada:***@db/app"),
            ("postgres://ada:9#kQ@db/app", "postgres://ada:***@db/app"),
            ("postgres://ada:9?kQ@db/app", "postgres://ada:***@db/app"),
            ("postgres://ada:p@1/2@db/app", "postgres://ada:***@db/app"),
            ("postgres://ada:a:1/2@db/app?options=a@b", "postgres://ada:***@db/app?options=a@b"),
            ("postgres://ada@db/app?port=1&password=1#2@3", "postgres://ada@db/app?port=1&password=***"),
            // In these, it is not certain where the password ends.
            ("postgres://ada:9?kq=x@db/app", "postgres://ada:***"),
            ("postgres://ada:hunter2?user=x@db/app", "postgres://ada:***"),
            ("postgres://ada:1@2?3@db/app", "postgres://ada:***"),
            ("https://ada:hun/ter2@h/x", "https://ada:***@h/x"),
            ("https://ada:a:1/2@h/x", "https://ada:***@h/x"),
        ] {
            assert_eq!(SecretFormat::Address.shown(written), shown);
        }
    }

    #[test]
    fn ports_are_not_passwords() {
        for shown in [
            "https://host:8080/a@b",
            "https://[::1]:8080/a@b",
            "https://[::1]/a@b",
            "postgres://db:5432/live?options=a@b",
            "postgres://db1:5432,db2/live?options=a@b",
            "postgres://[::1]:5432/live?options=a@b",
            "postgres://${env:HOST}:${env:PORT}/live",
        ] {
            assert_eq!(SecretFormat::Address.shown(shown), shown);
        }
    }
}
