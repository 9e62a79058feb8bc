//! The address of a PostgreSQL server, and the connection parameters.

use std::{path::PathBuf, time::Duration};

use kreplay_model::domain::postgres_url::{CLIENT_PARAMETERS, PostgresUrl};
use tokio_postgres::{Config, config::SslMode};

/// The maximum time to connect, unless the URL sets `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum time that sent data may stay unacknowledged by TCP, unless the URL sets `tcp_user_timeout`.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may be idle before TCP checks it, unless the URL says otherwise. A script may take an hour,
/// and nothing is sent meanwhile; some networks drop connections that are idle for a few minutes.
const KEEPALIVES_IDLE: Duration = Duration::from_secs(60);

/// How the server's certificate is checked, in terms of libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateCheck {
    /// Not at all: `disable`, `allow`, `prefer`, and `require` without `sslrootcert`.
    Off,
    /// It must be signed by a trusted authority, for any host: `verify-ca`.
    Authority,
    /// It must be signed by a trusted authority for this host: `verify-full`.
    Host,
}

/// The address of a server, and the connection parameters.
#[derive(Clone)]
pub struct ServerAddress {
    /// The parameters for the client. They contain no settings for certificates.
    pub config: Config,
    /// How the server's certificate is checked.
    pub certificate_check: CertificateCheck,
    /// The file with the trusted authorities; `None` for those of this machine.
    pub authorities: Option<PathBuf>,
}

impl ServerAddress {
    /// Parses `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=FILE`, or keywords and
    /// values as libpq has them: `host=localhost dbname=orders`.
    ///
    /// # Errors
    /// One sentence. It contains no part of the text, which may contain secrets.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = PostgresUrl::split(text);
        let parameters = url.map_or_else(|| keyword_values(text), |url| url.parameters());
        let (mut passed_on, mut mode, mut authorities) = (Vec::new(), "prefer".to_owned(), None);
        for parameter in parameters {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => value.clone_into(&mut mode),
                Some(("sslrootcert", value)) => authorities = Some(PathBuf::from(value.trim_matches('\''))),
                Some((name, _)) if CLIENT_PARAMETERS.contains(&name) => passed_on.push(parameter),
                _ => {
                    let known = CLIENT_PARAMETERS.join(", ");
                    let hint = if url.is_some_and(|url| url.may_split_password()) {
                        "; in a password, write %3F for ? and %40 for @"
                    } else {
                        ""
                    };
                    return Err(format!(
                        "it has an unknown parameter; the known ones are sslmode, sslrootcert, {known}{hint}"
                    ));
                }
            }
        }
        let (ssl, certificate_check) = match (mode.as_str(), &authorities) {
            ("disable", _) => (SslMode::Disable, CertificateCheck::Off),
            ("allow" | "prefer", _) => (SslMode::Prefer, CertificateCheck::Off),
            ("require", None) => (SslMode::Require, CertificateCheck::Off),
            ("require" | "verify-ca", _) => (SslMode::Require, CertificateCheck::Authority),
            ("verify-full", _) => (SslMode::Require, CertificateCheck::Host),
            _ => return Err("its sslmode must be one of disable, prefer, require, verify-ca and verify-full".into()),
        };
        let rest = url.map_or_else(|| passed_on.join(" "), |url| client_url(&url, &passed_on));
        // The client's parse error may contain a part of the text, so it is not shown.
        let mut config: Config = rest.parse().map_err(|_| {
            "it cannot be parsed; use postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for special characters"
                .to_owned()
        })?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        config.ssl_mode(ssl).application_name("kreplay");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        if !passed_on.iter().any(|parameter| parameter.starts_with("keepalives_idle=")) {
            config.keepalives_idle(KEEPALIVES_IDLE);
        }
        Ok(Self { config, certificate_check, authorities })
    }
}

/// The URL for the client, with these parameters. The client takes everything before the first `@` for user and
/// password, so every other `@` is escaped.
fn client_url(url: &PostgresUrl<'_>, parameters: &[String]) -> String {
    let escaped = |text: &str| text.replace('@', "%40");
    let mut text = url.scheme.to_owned();
    if let Some(credentials) = url.credentials {
        text.push_str(&escaped(credentials));
        text.push('@');
    }
    text.push_str(url.place);
    for (index, parameter) in parameters.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(&escaped(parameter));
    }
    text
}

/// Splits a text at white space outside of quotes.
fn keyword_values(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        if c.is_whitespace() && !quoted {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        quoted ^= c == '\'' && !escaped;
        escaped = c == '\\' && !escaped;
        word.push(c);
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    #[test]
    fn sslmode_sets_encryption_and_certificate_check() {
        let read = |query: &str| {
            let address = ServerAddress::parse(&format!("postgres://ada:pw@db.example:5433/live{query}")).unwrap();
            (address.config.get_ssl_mode(), address.certificate_check, address.authorities)
        };
        assert_eq!(read(""), (SslMode::Prefer, CertificateCheck::Off, None));
        assert_eq!(read("?sslmode=disable"), (SslMode::Disable, CertificateCheck::Off, None));
        assert_eq!(read("?sslmode=require"), (SslMode::Require, CertificateCheck::Off, None));
        assert_eq!(read("?sslmode=verify-ca"), (SslMode::Require, CertificateCheck::Authority, None));
        assert_eq!(
            read("?connect_timeout=3&sslmode=verify-full&sslrootcert=/ca.pem"),
            (SslMode::Require, CertificateCheck::Host, Some("/ca.pem".into()))
        );
        let address = ServerAddress::parse("postgresql://ada@db/live?connect_timeout=3").unwrap();
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
    }

    #[test]
    fn keyword_values_mean_the_same_as_a_url() {
        let address = ServerAddress::parse(
            "host=db dbname='the live one' password='a b\\' c' sslmode=verify-ca sslrootcert=/ca.pem",
        );
        let address = address.unwrap();
        assert_eq!(
            (address.certificate_check, address.authorities),
            (CertificateCheck::Authority, Some("/ca.pem".into()))
        );
        assert_eq!(address.config.get_dbname(), Some("the live one"));
        assert_eq!(address.config.get_password(), Some(&b"a b' c"[..]));
    }

    #[test]
    fn passwords_and_values_may_contain_unescaped_characters() {
        for (url, password, mode) in [
            ("ada:hunter2@db/live?sslmode=require", "hunter2", SslMode::Require),
            ("ada@db/live?sslmode=require&password=hunter@2", "hunter@2", SslMode::Require),
            ("ada@db/live?password=hunter@2&sslmode=require", "hunter@2", SslMode::Require),
            ("db/live?user=ada&password=hunter@2&sslmode=require", "hunter@2", SslMode::Require),
            ("db/live?sslmode=disable&user=ada&password=a@b%40c?d=e", "a@b@c?d=e", SslMode::Disable),
            ("ada:s3:c%2Fr?e@t@db/live", "s3:c/r?e@t", SslMode::Prefer),
            ("ada:s3@cr@t@db/live?sslmode=require", "s3@cr@t", SslMode::Require),
            ("ada:12/34secret@db/live", "12/34secret", SslMode::Prefer),
            ("ada:9#kQ@db/live", "9#kQ", SslMode::Prefer),
            ("ada:9?kQ@db/live", "9?kQ", SslMode::Prefer),
        ] {
            let config = ServerAddress::parse(&format!("postgres://{url}")).unwrap().config;
            assert_eq!(config.get_password(), Some(password.as_bytes()), "{url}");
            assert_eq!((config.get_user(), config.get_dbname()), (Some("ada"), Some("live")), "{url}");
            assert_eq!(config.get_hosts(), [Host::Tcp("db".into())], "{url}");
            assert_eq!(config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn errors_contain_no_secrets() {
        for (url, part) in [
            ("postgres://ada:s3cret@db/live?sslmode=maybe", "one of disable"),
            ("postgres://ada:s3cret@db/live?sslpassword=s3cret", "unknown parameter"),
            ("postgres://ada@db/live?sslmode=require&sslpassword=hunter@s3cret", "unknown parameter"),
            ("postgres://ada@db/live?SSLMODE=require&password=hunter@s3cret", "unknown parameter"),
            ("postgres://ada:s3cret?x=1@db/live", "write %3F for ?"),
            ("postgres://ada:s3cret@db:port/live", "cannot be parsed"),
            ("postgres:///live?password=s3cret", "names no host"),
            ("password=s3cret dbname=live", "names no host"),
            ("password=s3cret live", "unknown parameter"),
        ] {
            let error = ServerAddress::parse(url).err().unwrap();
            assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
        }
    }
}
