//! Where a PostgreSQL is, and how to connect.

use std::{path::PathBuf, time::Duration};

use tokio_postgres::{Config, config::SslMode};

/// The longest wait for a connection to be made, where the URL does not say another.
const CONNECT: Duration = Duration::from_secs(10);

/// How long what was sent may stay without an answer of the network, where the URL does not say another.
const SILENCE: Duration = Duration::from_secs(30);

/// What else a URL may say; handed to the client as it is.
const PASSED_ON: [&str; 15] = [
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

/// How much of the server's certificate is believed; the words are those of libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Any: `prefer` and `require` without `sslrootcert`.
    Nothing,
    /// One that a trusted authority has signed, for whatever host: `verify-ca`.
    Authority,
    /// The same, for this host: `verify-full`.
    Host,
}

/// Where a database is, and how to connect.
#[derive(Clone)]
pub struct Address {
    /// For the client, which has no words for certificates.
    pub config: Config,
    /// How much of the server's certificate is believed.
    pub check: Check,
    /// The authorities that are trusted; `None` stands for those of this machine.
    pub authorities: Option<PathBuf>,
}

impl Address {
    /// Reads `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=FILE`, or words of libpq such as
    /// `host=localhost dbname=orders`.
    ///
    /// # Errors
    /// One sentence that never holds a part of it, which may be a secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        let (place, parameters) = if url { split_query(text) } else { (String::new(), words(text)) };
        let (mut kept, mut mode, mut authorities) = (Vec::new(), "prefer".to_owned(), None);
        for parameter in parameters {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => value.clone_into(&mut mode),
                Some(("sslrootcert", value)) => authorities = Some(PathBuf::from(value.trim_matches('\''))),
                Some((name, _)) if PASSED_ON.contains(&name) => kept.push(parameter),
                _ => {
                    let known = PASSED_ON.join(", ");
                    return Err(format!(
                        "it has a parameter that kreplay does not know; there are sslmode, sslrootcert, {known}"
                    ));
                }
            }
        }
        let (ssl, check) = match (mode.as_str(), &authorities) {
            ("disable", _) => (SslMode::Disable, Check::Nothing),
            ("allow" | "prefer", _) => (SslMode::Prefer, Check::Nothing),
            ("require", None) => (SslMode::Require, Check::Nothing),
            ("require" | "verify-ca", _) => (SslMode::Require, Check::Authority),
            ("verify-full", _) => (SslMode::Require, Check::Host),
            _ => return Err("its sslmode is none of disable, prefer, require, verify-ca and verify-full".into()),
        };
        let rest = match (url, kept.is_empty()) {
            (true, true) => place,
            (true, false) => format!("{place}?{}", kept.join("&")),
            (false, _) => kept.join(" "),
        };
        // What the client says of a text that it cannot read may repeat a part of it.
        let mut config: Config = rest.parse().map_err(|_| {
            "it cannot be read; write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for special characters"
                .to_owned()
        })?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        config.ssl_mode(ssl).application_name("kreplay");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        Ok(Self { config, check, authorities })
    }
}

/// A password may hold a `?`, though it should not.
fn split_query(url: &str) -> (String, Vec<String>) {
    let host = url.rfind('@').unwrap_or_default();
    let Some(at) = url[host..].find('?') else { return (url.to_owned(), Vec::new()) };
    let parameters = url[host + at + 1..].split('&').filter(|parameter| !parameter.is_empty());
    (url[..host + at].to_owned(), parameters.map(str::to_owned).collect())
}

/// Words with blanks between them, unless those stand in quotes.
fn words(text: &str) -> Vec<String> {
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
    use super::*;

    #[test]
    fn tls_is_what_sslmode_says() {
        let read = |query: &str| {
            let address = Address::parse(&format!("postgres://ada:pw@db.example:5433/live{query}")).unwrap();
            (address.config.get_ssl_mode(), address.check, address.authorities)
        };
        assert_eq!(read(""), (SslMode::Prefer, Check::Nothing, None));
        assert_eq!(read("?sslmode=disable"), (SslMode::Disable, Check::Nothing, None));
        assert_eq!(read("?sslmode=require"), (SslMode::Require, Check::Nothing, None));
        assert_eq!(read("?sslmode=verify-ca"), (SslMode::Require, Check::Authority, None));
        assert_eq!(
            read("?connect_timeout=3&sslmode=verify-full&sslrootcert=/ca.pem"),
            (SslMode::Require, Check::Host, Some("/ca.pem".into()))
        );
        let address = Address::parse("postgresql://ada@db/live?connect_timeout=3").unwrap();
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
    }

    #[test]
    fn words_say_the_same() {
        let address =
            Address::parse("host=db dbname='the live one' password='a b\\' c' sslmode=verify-ca sslrootcert=/ca.pem");
        let address = address.unwrap();
        assert_eq!((address.check, address.authorities), (Check::Authority, Some("/ca.pem".into())));
        assert_eq!(address.config.get_dbname(), Some("the live one"));
        assert_eq!(address.config.get_password(), Some(&b"a b' c"[..]));
    }

    #[test]
    fn what_is_wrong_is_said_without_secrets() {
        for (url, part) in [
            ("postgres://ada:s3cret@db/live?sslmode=maybe", "none of disable"),
            ("postgres://ada:s3cret@db/live?sslpassword=s3cret", "does not know"),
            ("postgres://ada:s3cret@db:port/live", "cannot be read"),
            ("postgres:///live?password=s3cret", "names no host"),
            ("password=s3cret dbname=live", "names no host"),
            ("password=s3cret live", "does not know"),
        ] {
            let error = Address::parse(url).err().unwrap();
            assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
        }
        assert!(Address::parse("postgres://ada:s3:c%2Fr?e@t@db/live").is_ok());
    }
}
