//! The file that defines a projection: where it is kept, its schema, and what each record does to it.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use super::{
    statement::{Parameter, Statement},
    target::Target,
};
use crate::plan::Glob;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// What a projection is: its target, its schema, and what each record does.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Definition {
    /// The file that it was read from, for errors.
    pub(super) origin: PathBuf,
    /// Tells projections in one database apart: each has positions of its own.
    pub(super) name: String,
    /// Where it is kept.
    pub(super) target: Target,
    /// SQL that makes its tables; run at each start, so it has to say `IF NOT EXISTS`.
    pub(super) schema: Option<String>,
    /// A query for what is wrong with a rebuilt projection: no rows mean that all is well.
    pub(super) check: Option<String>,
    /// What is done, and for which records: every entry that a record meets, in this order.
    pub(super) on: Vec<On>,
    /// All statements, entry by entry.
    pub(super) statements: Vec<Statement>,
    /// Whether it is kreplay's own.
    pub(super) is_builtin: bool,
}

/// What is done for some records.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct On {
    /// Patterns for the topic, of which one has to match; none means every topic.
    pub(super) topics: Vec<Glob>,
    /// Patterns for the event type, of which one has to match; none means every record, with an event type or without.
    pub(super) event_types: Vec<Glob>,
    /// Which of [`Definition::statements`] are carried out, in their order.
    pub(super) statements: Range<usize>,
}

/// A definition that cannot be used: place and reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) struct DefinitionError {
    path: PathBuf,
    line: Option<usize>,
    key: Option<String>,
    message: String,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.message)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<Spanned<String>>,
    target: Option<Spanned<String>>,
    schema: Option<Spanned<String>>,
    #[serde(rename = "schema_file")]
    schema_path: Option<Spanned<String>>,
    check: Option<Spanned<String>>,
    #[serde(default)]
    on: Vec<Spanned<OnTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnTable {
    #[serde(default)]
    topics: Vec<Spanned<String>>,
    #[serde(default)]
    event_types: Vec<Spanned<String>>,
    sql: Spanned<String>,
}

impl Definition {
    /// Reads a definition's file. `target` is stronger than what the file says; paths in the file are relative to it.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong: said with its line and key.
    pub(super) fn read(path: &Path, target: Option<&Target>) -> Result<Self, DefinitionError> {
        let failed = |message: String| DefinitionError { path: path.into(), line: None, key: None, message };
        let text = text_of(path).map_err(|error| failed(format!("the definition cannot be read: {error}")))?;
        Self::parse(path, &text, target)
    }

    /// Reads a definition's text.
    pub(super) fn parse(path: &Path, text: &str, target: Option<&Target>) -> Result<Self, DefinitionError> {
        let reader = Reader { path, text };
        let file: File = toml::from_str(text).map_err(|error| DefinitionError {
            path: path.into(),
            line: error.span().map(|span| reader.line(span.start)),
            key: None,
            message: error.message().trim().replace('\n', " "),
        })?;
        let name = match &file.name {
            Some(name) if name.get_ref().is_empty() || name.get_ref().chars().any(char::is_control) => {
                return Err(reader.error(name, "name", "it has to be printable text".into()));
            }
            Some(name) => name.get_ref().clone(),
            None => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let target = reader.target(&file, target)?;
        let mut definition = Self {
            origin: path.to_owned(),
            name,
            schema: reader.schema(&file)?,
            check: file.check.as_ref().map(|check| check.get_ref().clone()),
            on: Vec::new(),
            statements: Vec::new(),
            is_builtin: false,
            target,
        };
        if file.on.is_empty() {
            let message = "there is no [[on]] entry, so nothing would be done with any record".into();
            return Err(DefinitionError { path: path.into(), line: None, key: None, message });
        }
        for (number, on) in file.on.iter().enumerate() {
            reader.on(number + 1, on.get_ref(), &mut definition)?;
        }
        Ok(definition)
    }

    /// Whether records need their headers. `event_types` says whether event types are looked for in headers, `lane_keys`
    /// whether keys of lanes are made of them.
    pub(super) fn wants_headers(&self, event_types: bool, lane_keys: bool) -> bool {
        let wants = |parameter: &Parameter| match parameter {
            Parameter::Header(_) => true,
            Parameter::EventType => event_types,
            Parameter::LaneKey | Parameter::Unkeyed => lane_keys,
            _ => false,
        };
        self.statements.iter().any(|statement| statement.parameters().iter().any(wants))
            || event_types && self.on.iter().any(|on| !on.event_types.is_empty())
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LONGEST { Err("it is larger than 4 MiB".into()) } else { Ok(text) }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
    }

    fn error<T>(&self, value: &Spanned<T>, key: &str, message: String) -> DefinitionError {
        self.error_at(self.line(value.span().start), key, message)
    }

    fn error_at(&self, line: usize, key: &str, message: String) -> DefinitionError {
        DefinitionError { path: self.path.into(), line: Some(line), key: Some(key.into()), message }
    }

    fn target(&self, file: &File, stronger: Option<&Target>) -> Result<Target, DefinitionError> {
        if let Some(target) = stronger {
            return Ok(target.clone());
        }
        let Some(target) = &file.target else {
            let message =
                "there is no target; write target = \"sqlite:FILE\" here, or in [projection] of the configuration";
            return Err(DefinitionError { path: self.path.into(), line: None, key: None, message: message.into() });
        };
        match target.get_ref().parse().map_err(|message| self.error(target, "target", message))? {
            Target::Sqlite(path) => Ok(Target::Sqlite(self.beside(&path))),
            other @ Target::Postgres(_) => Ok(other),
        }
    }

    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| path.to_owned(), |dir| dir.join(path))
    }

    fn schema(&self, file: &File) -> Result<Option<String>, DefinitionError> {
        match (&file.schema, &file.schema_path) {
            (Some(_), Some(second)) => {
                Err(self.error(second, "schema_file", "there is schema, too; give one of the two".into()))
            }
            (Some(schema), None) => Ok(Some(schema.get_ref().clone())),
            (None, Some(name)) => {
                let path = self.beside(Path::new(name.get_ref()));
                let unreadable =
                    |error| self.error(name, "schema_file", format!("cannot read {}: {error}", path.display()));
                text_of(&path).map(Some).map_err(unreadable)
            }
            (None, None) => Ok(None),
        }
    }

    fn on(&self, number: usize, on: &OnTable, definition: &mut Definition) -> Result<(), DefinitionError> {
        let globs = |patterns: &[Spanned<String>], name: &str| {
            let parse = |pattern: &Spanned<String>| {
                let wrong = |message| self.error(pattern, &format!("on[{number}].{name}"), message);
                pattern.get_ref().parse::<Glob>().map_err(wrong)
            };
            patterns.iter().map(parse).collect::<Result<Vec<_>, _>>()
        };
        let (topics, event_types) = (globs(&on.topics, "topics")?, globs(&on.event_types, "event_types")?);
        let key = format!("on[{number}].sql");
        let sql = on.sql.get_ref();
        let statements = Statement::parse_all(sql, definition.target.dialect())
            .map_err(|error| self.error_at(self.line_within(&on.sql, error.at), &key, error.message))?;
        if statements.is_empty() {
            return Err(self.error(&on.sql, &key, "there is no statement in it".into()));
        }
        let first = definition.statements.len();
        definition.statements.extend(statements.into_iter().map(|mut statement| {
            // From here on it is its line.
            statement.line = self.line_within(&on.sql, statement.at);
            statement
        }));
        definition.on.push(On { topics, event_types, statements: first..definition.statements.len() });
        Ok(())
    }

    /// The line of a place within a string: those of several lines stand as they are, but for a line feed at the beginning.
    fn line_within(&self, value: &Spanned<String>, at: usize) -> usize {
        let first = self.line(value.span().start);
        let raw = self.text.get(value.span()).unwrap_or_default();
        if !raw.starts_with("\"\"\"") && !raw.starts_with("'''") {
            return first;
        }
        let trimmed = usize::from(raw[3..].starts_with('\n') || raw[3..].starts_with("\r\n"));
        let before = value.get_ref().as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
        first + trimmed + before
    }
}
