//! The target of a projection: `sqlite:FILE` or `postgres://…`.

use std::{fmt, path::PathBuf, str::FromStr};

use kreplay_model::domain::postgres_url::PostgresUrl;

use super::statement::Dialect;

/// The target of a projection. Its `Debug` and `Display` forms contain no password.
#[derive(Clone, PartialEq, Eq)]
pub enum ProjectionTarget {
    /// A database file. The path is relative to the working directory, or to the definition that contains it.
    Sqlite(PathBuf),
    /// A URL, or keywords and values as libpq has them: `host=localhost dbname=orders`.
    Postgres(String),
}

impl ProjectionTarget {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl FromStr for ProjectionTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err("sqlite: needs a file; use sqlite:FILE".into()),
                path if path.contains('\0') => Err("sqlite: a path cannot contain a NUL character".into()),
                path => Ok(Self::Sqlite(path.into())),
            },
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(Self::Postgres(text.into())),
            Some(("postgres" | "postgresql", parameters)) if parameters.contains('=') => {
                Ok(Self::Postgres(parameters.trim().into()))
            }
            // The text may contain a password, so it is not shown.
            _ => Err("it is not a target; use sqlite:FILE or postgres://USER@HOST/DATABASE".into()),
        }
    }
}

impl fmt::Display for ProjectionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(text) => {
                if let Some(url) = PostgresUrl::split(text) {
                    return f.write_str(&url.label());
                }
                let is_public = |parameter: &&str| {
                    ["host=", "hostaddr=", "port=", "dbname="].iter().any(|name| parameter.starts_with(name))
                };
                write!(f, "postgres:{}", text.split_whitespace().filter(is_public).collect::<Vec<_>>().join(" "))
            }
        }
    }
}

impl fmt::Debug for ProjectionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_parse_and_display_without_secrets() {
        for (text, shown) in [
            ("sqlite:a/b.db", "sqlite:a/b.db"),
            ("sqlite:///var/b.db", "sqlite:/var/b.db"),
            ("postgres://u:s3cret@h:5432/d?password=s3cret", "postgres://h:5432/d"),
            ("postgresql://u:s3@cret@h/d", "postgresql://h/d"),
            ("postgres://u@h/d?sslmode=require&password=hunter@s3cret", "postgres://h/d"),
            ("postgres:host=h dbname=d password=s3cret", "postgres:host=h dbname=d"),
            ("postgres:host=h password=s3cret//s3cret@x dbname=d", "postgres:host=h dbname=d"),
        ] {
            assert_eq!(text.parse::<ProjectionTarget>().unwrap().to_string(), shown);
        }
        for wrong in ["", "sqlite", "sqlite:", "orders.db", "postgres", "postgres:", "mysql://h/d?password=s3cret"] {
            let error = wrong.parse::<ProjectionTarget>().unwrap_err();
            assert!(error.contains("sqlite:FILE") && !error.contains("s3cret"), "{wrong}: {error}");
        }
    }
}
