//! The text form of a handler, as given to `--handler`: `null`, `simulate:1ms`, `simulate:uniform:1ms:5ms`,
//! `simulate:lognormal:5ms:0.5,fail=0.01`, `ndjson`, `ndjson:FILE`, `ndjson:DIR/`, `csv:DIR`, `parquet:DIR`,
//! `projection`, `projection:FILE`, `topic`, `topic:NAME`, `exec`, `exec:COMMAND`, `http`, or an HTTP URL.

mod duration;
mod error;
mod simulate;

use std::{fmt, io, path::PathBuf, str::FromStr};

use kreplay_model::domain::{MASK, Secret, SecretFormat};
use kreplay_topics::TopicTemplate;

use super::FileFormat;
pub use duration::parse_duration;
pub use error::SpecError;
use error::{HANDLER_NAMES, unknown};
pub use simulate::{Simulate, WorkTime};

/// A handler and the settings given with its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum HandlerSpec {
    /// Counts and drops records. Measures the speed of everything except the handler.
    #[default]
    Null,
    /// Sleeps for each record, and fails some if configured.
    Simulate(Simulate),
    /// Writes each record as a JSON line to a file or standard output.
    Ndjson {
        /// The file; `None` is standard output.
        path: Option<PathBuf>,
    },
    /// Sends records to child processes.
    Exec {
        /// The program and its arguments; empty to use those of `[exec]`.
        command: Vec<String>,
    },
    /// Sends records as HTTP requests.
    Http {
        /// The URL; `None` to use that of `[http]`.
        url: Option<Secret>,
    },
    /// Maintains an SQL read model.
    Projection {
        /// The definition file; `None` to use that of the configuration, or the built-in projection.
        path: Option<PathBuf>,
    },
    /// Republishes records to topics.
    Topic {
        /// The target topic; `None` to use the settings in `[topic]`.
        name: Option<TopicTemplate>,
    },
    /// Exports records to files, which are rotated by size and age.
    Files {
        /// The files' format.
        format: FileFormat,
        /// The output directory.
        dir: PathBuf,
    },
}

#[cfg(not(all(feature = "exec", feature = "files", feature = "http", feature = "projection", feature = "topic")))]
impl HandlerSpec {
    /// The handler's name, without its settings.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Simulate(_) => "simulate",
            Self::Ndjson { .. } => "ndjson",
            Self::Exec { .. } => "exec",
            Self::Http { .. } => "http",
            Self::Projection { .. } => "projection",
            Self::Topic { .. } => "topic",
            Self::Files { .. } => "files",
        }
    }
}

impl FromStr for HandlerSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (name, rest) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let spec = match (name, rest) {
            ("null", None) => Ok(Self::Null),
            ("ndjson", None | Some("" | "-")) => Ok(Self::Ndjson { path: None }),
            ("ndjson", Some(path)) if path.ends_with('/') => {
                Ok(Self::Files { format: FileFormat::Ndjson, dir: path.into() })
            }
            ("csv" | "parquet", None | Some("")) => Err(format!("{name} needs a directory: {name}:DIR")),
            ("csv", Some(dir)) => Ok(Self::Files { format: FileFormat::Csv, dir: dir.into() }),
            ("parquet", Some(dir)) => Ok(Self::Files { format: FileFormat::Parquet, dir: dir.into() }),
            ("ndjson", Some(path)) => Ok(Self::Ndjson { path: Some(path.into()) }),
            ("projection", None) => Ok(Self::Projection { path: None }),
            ("projection", Some(path)) if !path.is_empty() => Ok(Self::Projection { path: Some(path.into()) }),
            ("projection", Some(_)) => {
                Err("projection: needs a definition file; use projection:FILE, or just projection".into())
            }
            ("topic", None | Some("")) => Ok(Self::Topic { name: None }),
            ("topic", Some(name)) => topic_name(name).map(|name| Self::Topic { name: Some(name) }),
            ("simulate", rest) => rest.unwrap_or("1ms").parse().map(Self::Simulate),
            ("exec", rest) => shell_words::split(rest.unwrap_or_default())
                .map(|command| Self::Exec { command })
                .map_err(|_| "a quote in the command is not closed".into()),
            ("http", None | Some("")) => Ok(Self::Http { url: None }),
            ("http", Some(rest)) if rest.contains("://") => parse_url(rest),
            ("http" | "https", Some(_)) => parse_url(text),
            ("null", Some(_)) => Err("null takes no settings".into()),
            _ => Err(unknown(name)),
        };
        spec.map_err(|reason| {
            // The text may be a URL with a password.
            let shown = if text.contains("://") {
                Secret::plain(SecretFormat::Address, text.into()).to_string()
            } else {
                text.into()
            };
            let is_unknown = !HANDLER_NAMES.contains(&name) && name != "https" && !reason.ends_with('?');
            SpecError { text: shown, reason, is_unknown }
        })
    }
}

/// Parses the name of a target topic. `{topic}` in it stands for the record's source topic.
///
/// # Errors
/// The text is not a valid topic name.
pub fn topic_name(text: &str) -> Result<TopicTemplate, String> {
    text.replace("{topic}", "{channel}").parse()
}

/// Parses a URL. A password in it is masked whenever it is displayed.
fn parse_url(text: &str) -> Result<HandlerSpec, String> {
    if text.contains(MASK) {
        return Err(format!("`{MASK}` stands for a secret that was not saved; give the whole URL again"));
    }
    if !text.contains("://") {
        return Err("not a URL; use http:URL, or just the URL".into());
    }
    Ok(HandlerSpec::Http { url: Some(Secret::plain(SecretFormat::Address, text.to_owned())) })
}

impl HandlerSpec {
    /// The same handler with absolute paths, so that it does not depend on the working directory.
    ///
    /// # Errors
    /// The working directory cannot be determined.
    pub fn absolute(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Ndjson { path: Some(path) } => {
                let path = std::path::absolute(path)?;
                // When the run is resumed the directory may no longer exist.
                let is_dir = path.is_dir();
                if is_dir {
                    Self::Files { format: FileFormat::Ndjson, dir: path }
                } else {
                    Self::Ndjson { path: Some(path) }
                }
            }
            Self::Projection { path: Some(path) } => Self::Projection { path: Some(std::path::absolute(path)?) },
            Self::Files { format: FileFormat::Ndjson, dir } => {
                // The trailing slash marks a directory.
                Self::Files { format: FileFormat::Ndjson, dir: std::path::absolute(dir)?.join("") }
            }
            Self::Files { format, dir } => Self::Files { format: *format, dir: std::path::absolute(dir)? },
            // A URL whose password must not be saved has to be given again, or set in [http], when the run is resumed.
            Self::Http { url: Some(url) } if !url.is_whole() => Self::Http { url: None },
            other => other.clone(),
        })
    }
}

impl fmt::Display for HandlerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Ndjson { path: None } => f.write_str("ndjson"),
            Self::Ndjson { path: Some(path) } => write!(f, "ndjson:{}", path.display()),
            Self::Exec { command } if command.is_empty() => f.write_str("exec"),
            Self::Exec { command } => write!(f, "exec:{}", shell_words::join(command)),
            Self::Http { url: None } => f.write_str("http"),
            Self::Http { url: Some(url) } => url.fmt(f),
            Self::Projection { path: None } => f.write_str("projection"),
            Self::Projection { path: Some(path) } => write!(f, "projection:{}", path.display()),
            Self::Topic { name: None } => f.write_str("topic"),
            Self::Topic { name: Some(name) } => write!(f, "topic:{name}"),
            Self::Files { format, dir } => {
                write!(f, "{format}:{}", dir.display())?;
                // Without a trailing slash the path would mean a single file.
                let is_marked = *format != FileFormat::Ndjson || dir.as_os_str().as_encoded_bytes().ends_with(b"/");
                if is_marked { Ok(()) } else { f.write_str("/") }
            }
            Self::Simulate(simulate) => write!(f, "simulate:{simulate}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_handler_text_parses_and_displays_unchanged() {
        for text in [
            "null",
            "ndjson",
            "ndjson:out/records.ndjson",
            "projection",
            "projection:orders.toml",
            "ndjson:out/",
            "csv:out",
            "parquet:/data/out",
            "simulate:1ms",
            "simulate:uniform:1ms:5ms",
            "simulate:lognormal:5ms:0.5,fail=0.01",
            "simulate:1ms,fail=0.01,poison=0.02",
            "exec",
            "http",
            "https://h:1/x?a=b",
            "exec:./handler --to 'a b'",
            "topic",
            "topic:orders.v2",
            "topic:{channel}.v2:12",
        ] {
            assert_eq!(text.parse::<HandlerSpec>().unwrap().to_string(), text);
        }
        assert_eq!("simulate".parse::<HandlerSpec>().unwrap().to_string(), "simulate:1ms");
        assert_eq!("topic:{topic}.v2".parse::<HandlerSpec>().unwrap().to_string(), "topic:{channel}.v2");
    }

    #[test]
    fn a_url_is_displayed_without_its_password_and_absolute_drops_it() {
        let spec: HandlerSpec = "http:https://ada:hunter2@h/x".parse().unwrap();
        assert_eq!(spec.to_string(), "https://ada:***@h/x");
        assert!(!format!("{spec:?}").contains("hunter2"));
        assert_eq!(spec.absolute().unwrap().to_string(), "http");
        let error = "bttp://ada:hunter2@h/x".parse::<HandlerSpec>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!("https://h/x".parse::<HandlerSpec>().unwrap().absolute().unwrap().to_string(), "https://h/x");
    }

    #[test]
    fn errors_name_the_allowed_syntax() {
        for (text, part) in [
            ("nul", "did you mean null?"),
            ("simulat:1ms", "did you mean simulate?"),
            ("kafka", "there is no such handler; use null, simulate:TIME, ndjson[:FILE], ndjson:DIR/"),
            ("topic:a b", "does not name a topic"),
            ("null:1", "takes no settings"),
            ("projection:", "use projection:FILE"),
            ("csv", "csv needs a directory: csv:DIR"),
            ("parquet:", "parquet needs a directory"),
            ("simulate:1", "is not a time"),
            ("simulate:1ms,fail=2", "fail must be 0 to 1"),
            ("simulate:1ms,poison=x", "poison must be 0 to 1"),
            ("simulate:1ms,faill=1", "is not an option"),
            ("simulate:uniform:5ms:1ms", "shorter time first"),
            ("simulate:lognormal:5ms:9", "0 to 3"),
            ("simulate:61m", "0 to 60m"),
            ("exec:sh -c 'x", "not closed"),
            ("http:host/x", "not a URL"),
            ("https://ada:***@h/x", "was not saved"),
        ] {
            let error = text.parse::<HandlerSpec>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
