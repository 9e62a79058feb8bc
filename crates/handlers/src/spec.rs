//! The text form of a handler, as given to `--handler`: `null`, `simulate:1ms`, `simulate:uniform:1ms:5ms`,
//! `simulate:lognormal:5ms:0.5,fail=0.01`, `ndjson`, `ndjson:FILE`, `ndjson:DIR/`, `csv:DIR`, `parquet:DIR`,
//! `projection`, `projection:FILE`, `topic`, `topic:NAME`, `exec`, `exec:COMMAND`, `http`, or an HTTP URL.

use std::{fmt, io, path::PathBuf, str::FromStr, time::Duration};

use kreplay_model::domain::{MASK, Secret, SecretFormat};
use kreplay_topics::TopicTemplate;

use super::FileFormat;

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

/// The settings of `simulate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulate {
    /// The time that a record takes.
    pub work: WorkTime,
    /// The share of attempts that fail, 0 to 1.
    pub fail: f64,
    /// The share of records that fail on every attempt, 0 to 1. Chosen by the hash of their value.
    pub poison: f64,
}

/// The distribution of the time that a record takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WorkTime {
    /// Constant.
    Fixed(Duration),
    /// Uniform between two times.
    Uniform(Duration, Duration),
    /// Log-normal, given by the median and the standard deviation of the logarithm.
    LogNormal(Duration, f64),
}

impl WorkTime {
    /// The mean time of a record, in seconds.
    #[must_use]
    pub fn mean_s(self) -> f64 {
        match self {
            Self::Fixed(time) => time.as_secs_f64(),
            Self::Uniform(low, high) => f64::midpoint(low.as_secs_f64(), high.as_secs_f64()),
            Self::LogNormal(median, sigma) => median.as_secs_f64() * (sigma * sigma / 2.0).exp(),
        }
    }
}

/// A handler text that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("handler `{text}`: {reason}{}", if *is_unknown { HANDLER_SYNTAX } else { "" })]
pub struct SpecError {
    text: String,
    reason: String,
    /// Neither a handler of that name nor one of a similar name exists.
    is_unknown: bool,
}

/// The valid handler texts, appended to the error about an unknown handler.
const HANDLER_SYNTAX: &str = "; use null, simulate:TIME, ndjson[:FILE], ndjson:DIR/, csv:DIR, parquet:DIR, projection[:FILE], topic[:NAME], \
                     exec[:COMMAND] or http[:URL]";
const HANDLER_NAMES: [&str; 9] =
    ["null", "simulate", "ndjson", "csv", "parquet", "projection", "topic", "exec", "http"];

impl SpecError {
    /// The error without the list of valid handlers.
    #[must_use]
    pub fn without_forms(&self) -> String {
        format!("handler `{}`: {}", self.text, self.reason)
    }
}

/// The error about an unknown handler, with the most similar name if there is one.
fn unknown(name: &str) -> String {
    let near = |known: &&str| strsim::damerau_levenshtein(name, known) <= 2.min(known.len() / 2);
    match HANDLER_NAMES.into_iter().filter(near).min_by_key(|known| strsim::damerau_levenshtein(name, known)) {
        Some(meant) => format!("there is no such handler; did you mean {meant}?"),
        None => "there is no such handler".into(),
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
                Err("projection: needs a definition file; write projection:FILE, or just projection".into())
            }
            ("topic", None | Some("")) => Ok(Self::Topic { name: None }),
            ("topic", Some(name)) => topic_name(name).map(|name| Self::Topic { name: Some(name) }),
            ("simulate", rest) => parse_simulate(rest.unwrap_or("1ms")).map(Self::Simulate),
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
        return Err("not a URL; write http:URL, or just the URL".into());
    }
    Ok(HandlerSpec::Http { url: Some(Secret::plain(SecretFormat::Address, text.to_owned())) })
}

fn parse_simulate(text: &str) -> Result<Simulate, String> {
    let mut options = text.split(',');
    let work = parse_work(options.next().unwrap_or_default())?;
    let (mut fail, mut poison) = (0.0, 0.0);
    for option in options {
        let (name, rate) = option.split_once('=').unwrap_or((option, ""));
        let target = match name {
            "fail" => &mut fail,
            "poison" => &mut poison,
            _ => return Err(format!("`{option}` is not an option of simulate; use fail=RATE or poison=RATE")),
        };
        *target = rate
            .parse::<f64>()
            .ok()
            .filter(|rate| (0.0..=1.0).contains(rate))
            .ok_or_else(|| format!("{name} must be 0 to 1, not `{rate}`"))?;
    }
    Ok(Simulate { work, fail, poison })
}

fn parse_work(text: &str) -> Result<WorkTime, String> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["uniform", low, high] => {
            let (low, high) = (parse_duration(low)?, parse_duration(high)?);
            if low > high {
                Err("uniform takes the shorter time first".into())
            } else {
                Ok(WorkTime::Uniform(low, high))
            }
        }
        ["lognormal", median, sigma] => {
            let sigma = sigma
                .parse::<f64>()
                .ok()
                .filter(|sigma| (0.0..=3.0).contains(sigma))
                .ok_or_else(|| format!("lognormal's deviation must be 0 to 3, not `{sigma}`"))?;
            Ok(WorkTime::LogNormal(parse_duration(median)?, sigma))
        }
        [fixed] | ["fixed", fixed] => Ok(WorkTime::Fixed(parse_duration(fixed)?)),
        _ => Err("the work time must be TIME, uniform:SHORTEST:LONGEST or lognormal:MEDIAN:DEVIATION".into()),
    }
}

/// Parses a duration such as `250us`, `1ms`, `1.5s` or `2m`; at most an hour.
///
/// # Errors
/// One sentence that shows the valid forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "" if text == "0" => 1.0,
        _ => return Err(format!("`{text}` is not a time; write 250us, 1ms, 1.5s or 2m")),
    };
    number
        .parse::<f64>()
        .ok()
        .map(|number| number * scale)
        .filter(|seconds| (0.0..=3600.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("`{text}` is not a time from 0 to 60m"))
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
            Self::Simulate(Simulate { work, fail, poison }) => {
                match work {
                    WorkTime::Fixed(time) => write!(f, "simulate:{time:?}")?,
                    WorkTime::Uniform(low, high) => write!(f, "simulate:uniform:{low:?}:{high:?}")?,
                    WorkTime::LogNormal(median, sigma) => write!(f, "simulate:lognormal:{median:?}:{sigma}")?,
                }
                if *fail > 0.0 {
                    write!(f, ",fail={fail}")?;
                }
                if *poison > 0.0 { write!(f, ",poison={poison}") } else { Ok(()) }
            }
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
            ("projection:", "write projection:FILE"),
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

    #[test]
    fn mean_of_each_distribution() {
        let ms = Duration::from_millis;
        assert!((WorkTime::Uniform(ms(1), ms(3)).mean_s() - 0.002).abs() < 1e-9);
        assert!((WorkTime::LogNormal(ms(5), 0.5).mean_s() - 0.005 * (0.125_f64).exp()).abs() < 1e-9);
    }
}
