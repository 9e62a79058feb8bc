//! Where a projection is kept: `sqlite:FILE` or `postgres://…`.

use std::{fmt, path::PathBuf, str::FromStr};

use super::statement::Dialect;

/// Where a projection is kept. Its `Debug` and `Display` forms show no password.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A database file; relative to the working directory, or to the definition that names it.
    Sqlite(PathBuf),
    /// How to connect: a URL, or words of `libpq` such as `host=localhost dbname=orders`.
    Postgres(String),
}

impl Target {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err("sqlite: needs a file; write sqlite:FILE".into()),
                path if path.contains('\0') => Err("sqlite: a path holds no NUL character".into()),
                path => Ok(Self::Sqlite(path.into())),
            },
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(Self::Postgres(text.into())),
            Some(("postgres" | "postgresql", words)) if words.contains('=') => Ok(Self::Postgres(words.trim().into())),
            // What it is may hold a password.
            _ => Err("it is no target; write sqlite:FILE or postgres://USER@HOST/DATABASE".into()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) if url.contains("//") => {
                // Everything that may be secret lies before the host, or behind the question mark.
                let (scheme, rest) = url.split_once("//").unwrap_or(("", url));
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                write!(f, "{scheme}//{}", host.split('?').next().unwrap_or_default())
            }
            Self::Postgres(words) => {
                let shown =
                    |word: &&str| ["host=", "hostaddr=", "port=", "dbname="].iter().any(|name| word.starts_with(name));
                write!(f, "postgres:{}", words.split_whitespace().filter(shown).collect::<Vec<_>>().join(" "))
            }
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_shown_without_secrets() {
        for (text, shown) in [
            ("sqlite:a/b.db", "sqlite:a/b.db"),
            ("sqlite:///var/b.db", "sqlite:/var/b.db"),
            ("postgres://u:s3cret@h:5432/d?password=s3cret", "postgres://h:5432/d"),
            ("postgresql://u:s3@cret@h/d", "postgresql://h/d"),
            ("postgres:host=h dbname=d password=s3cret", "postgres:host=h dbname=d"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), shown);
        }
        for wrong in ["", "sqlite", "sqlite:", "orders.db", "postgres", "postgres:", "mysql://h/d?password=s3cret"] {
            let error = wrong.parse::<Target>().unwrap_err();
            assert!(error.contains("sqlite:FILE") && !error.contains("s3cret"), "{wrong}: {error}");
        }
    }
}
