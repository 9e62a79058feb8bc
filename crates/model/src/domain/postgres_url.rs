//! The parts of a PostgreSQL URL: `postgres://user:password@host:port/database?name=value&name=value`.
//!
//! Users do not always escape special characters: a password may contain a `?` or an `@`, and a value of the query an
//! `@`. So neither the first nor the last of these characters is certain to end a part.

/// The beginnings of URLs.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The parameters for certificates and encryption. They are not passed to the client.
const TLS_PARAMETERS: [&str; 2] = ["sslmode", "sslrootcert"];

/// The parameters that are passed to the client unchanged.
pub const CLIENT_PARAMETERS: [&str; 15] = [
    "user",
    "password",
    "dbname",
    "options",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
];

/// The parts of a URL, as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostgresUrl<'a> {
    /// The scheme with its slashes.
    pub scheme: &'a str,
    /// The user and the password.
    pub credentials: Option<&'a str>,
    /// The hosts with their ports, and the database.
    pub place: &'a str,
    /// What follows the question mark.
    pub query: Option<&'a str>,
}

impl<'a> PostgresUrl<'a> {
    /// Splits a URL. `None` if the text is not a URL but keywords and values.
    #[must_use]
    pub fn split(text: &'a str) -> Option<Self> {
        let scheme = SCHEMES.into_iter().find(|scheme| text.starts_with(*scheme))?;
        Some(Self::after_scheme(scheme, &text[scheme.len()..]))
    }

    /// Splits what follows the scheme.
    pub(super) fn after_scheme(scheme: &'a str, rest: &'a str) -> Self {
        let (base, query) = query_start(rest).map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
        let (credentials, place) = base.rsplit_once('@').map_or((None, base), |(before, after)| (Some(before), after));
        Self { scheme, credentials, place, query }
    }

    /// The parameters of the query, each as `name=value` if it is valid.
    #[must_use]
    pub fn parameters(&self) -> Vec<String> {
        let parameters = self.query.unwrap_or_default().split('&');
        parameters.filter(|parameter| !parameter.is_empty()).map(str::to_owned).collect()
    }

    /// Whether the query may in truth be the rest of a password that contains a `?`.
    #[must_use]
    pub fn may_split_password(&self) -> bool {
        let is_known = |name: &str| TLS_PARAMETERS.contains(&name) || CLIENT_PARAMETERS.contains(&name);
        let mut hosts = self.place.split('/').next().unwrap_or_default().split(',');
        // A user and the beginning of a password are not a host.
        let names_hosts = self.credentials.is_some() || hosts.all(is_host);
        let is_query = |query: &str| names_hosts && first_name(query).is_some_and(is_known);
        self.query.is_some_and(|query| query.contains('@') && !is_query(query))
    }

    /// The URL for messages: without user, password and query, since each of them may contain a secret.
    #[must_use]
    pub fn label(&self) -> String {
        // A password that was split begins where the host is expected.
        let place = if self.may_split_password() { "…" } else { self.place };
        format!("{}{place}", self.scheme)
    }
}

/// The index of the question mark that begins the query. A `?` with an `@` only after it is a part of the password,
/// unless a parameter follows: then the `@` is in a value, and the URL names no user.
fn query_start(rest: &str) -> Option<usize> {
    rest.match_indices('?').map(|(at, _)| at).find(|&at| {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        before.contains('@') || !after.contains('@') || first_name(after).is_some()
    })
}

/// Whether a text can be a host, with or without a port: `db:5432` and `[::1]` can, and `ada:12:3` cannot.
pub(super) fn is_host(text: &str) -> bool {
    let (name, port) = text.rsplit_once(':').filter(|_| !text.ends_with(']')).unwrap_or((text, ""));
    port.bytes().all(|byte| byte.is_ascii_digit()) && (name.starts_with('[') || !name.contains(':'))
}

/// The name of the first parameter of a query. Names consist of lower-case letters, so that few passwords look like a
/// query.
fn first_name(query: &str) -> Option<&str> {
    let (name, _) = query.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_despite_unescaped_characters() {
        for (text, credentials, place, query) in [
            ("db", None, "db", None),
            ("db:5433/live?user=ada", None, "db:5433/live", Some("user=ada")),
            ("ada:pw@db/live", Some("ada:pw"), "db/live", None),
            ("ada@db/live?sslmode=require", Some("ada"), "db/live", Some("sslmode=require")),
            // An `@` in a value.
            ("ada@db/live?password=h@2&port=1", Some("ada"), "db/live", Some("password=h@2&port=1")),
            ("db/live?password=h@2", None, "db/live", Some("password=h@2")),
            ("ada@db/live?password=a?b=c@d", Some("ada"), "db/live", Some("password=a?b=c@d")),
            // A `?` or an `@` in the password.
            ("ada:p?w@db/live", Some("ada:p?w"), "db/live", None),
            ("ada:p?w=x@db/live", None, "ada:p", Some("w=x@db/live")),
            ("ada:p?W=x@db/live", Some("ada:p?W=x"), "db/live", None),
            ("ada:p?w@db/live?port=1", Some("ada:p?w"), "db/live", Some("port=1")),
            ("ada:12/34@db/live", Some("ada:12/34"), "db/live", None),
            ("ada:p?x@w@db/live?password=h@2", Some("ada:p?x@w"), "db/live", Some("password=h@2")),
            // What is not a parameter is refused later. It must not be taken for a host.
            ("ada@db/live?SSLMODE=require&password=h@2", Some("ada"), "db/live", Some("SSLMODE=require&password=h@2")),
            ("db/live?sslmode", None, "db/live", Some("sslmode")),
        ] {
            for scheme in SCHEMES {
                let url = format!("{scheme}{text}");
                let expected = PostgresUrl { scheme, credentials, place, query };
                assert_eq!(PostgresUrl::split(&url), Some(expected), "{url}");
            }
        }
        assert_eq!(PostgresUrl::split("host=db password=postgres://a@b"), None);
    }

    #[test]
    fn hosts_have_at_most_a_port() {
        for host in ["", "db", "db:", "db:5432", "[::1]", "[::1]:5432"] {
            assert!(is_host(host), "{host}");
        }
        for other in ["ada:s3cret", "ada:12:3", "ada:1]", "db:54x2"] {
            assert!(!is_host(other), "{other}");
        }
    }

    #[test]
    fn labels_contain_no_part_of_a_password() {
        for (url, label) in [
            ("postgres://ada:s3cret@db:5433/live?password=s3cret", "postgres://db:5433/live"),
            ("postgresql://ada:s3@cret@db/live", "postgresql://db/live"),
            ("postgres://ada@db/live?sslmode=require&password=hunter@s3cret", "postgres://db/live"),
            ("postgres://db/live?password=hunter@s3cret", "postgres://db/live"),
            ("postgres://ada:s3?cret@db/live", "postgres://db/live"),
            // In these, it is not certain where the password ends.
            ("postgres://ada:s3cret?x=1@db/live", "postgres://…"),
            ("postgres://ada:53?cret=1@db/live", "postgres://…"),
            ("postgres://ada:s3cret?user=1@db/live", "postgres://…"),
            ("postgres://ada:x@s3cret?x@db/live", "postgres://…"),
            ("postgres://ada@db/live?SSLMODE=require&password=hunter@s3cret", "postgres://…"),
        ] {
            assert_eq!(PostgresUrl::split(url).unwrap().label(), label);
        }
    }
}
