//! The definition file of a projection: its target, its schema, and the statements for each record.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use kreplay_model::domain::Glob;
use serde::Deserialize;
use toml::Spanned;

use super::{
    statement::{Parameter, Statement},
    target::ProjectionTarget,
};

/// The maximum size of a file, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The definition of a projection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Definition {
    /// The file that it was read from, for errors.
    pub(super) origin: PathBuf,
    /// Its name. Each projection in a database has separate positions under its name.
    pub(super) name: String,
    /// The target.
    pub(super) target: ProjectionTarget,
    /// SQL that creates its tables. It is run at each start, so it needs `IF NOT EXISTS`.
    pub(super) schema: Option<String>,
    /// A query that returns the errors in a rebuilt projection: no rows mean that it is correct.
    pub(super) check: Option<String>,
    /// The `[[on]]` entries. All entries that match a record are applied, in this order.
    pub(super) on: Vec<OnEntry>,
    /// The statements of all entries, in order.
    pub(super) statements: Vec<Statement>,
    /// Whether it is the built-in projection.
    pub(super) is_builtin: bool,
}

/// An `[[on]]` entry: statements for matching records.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OnEntry {
    /// Patterns for the topic, one of which must match. Empty: every topic matches.
    pub(super) topics: Vec<Glob>,
    /// Patterns for the event type, one of which must match. Empty: every record matches, even without an event type.
    pub(super) event_types: Vec<Glob>,
    /// The range of its statements in [`Definition::statements`].
    pub(super) statements: Range<usize>,
}

/// Why a definition cannot be used, with the place of the error.
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
struct DefinitionFile {
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
    /// Reads a definition file. `target` overrides the target in the file. Paths in the file are relative to it.
    ///
    /// # Errors
    /// The file cannot be read, or is invalid; the error has the line and the key.
    pub(super) fn read(path: &Path, target: Option<&ProjectionTarget>) -> Result<Self, DefinitionError> {
        let failed = |message: String| DefinitionError { path: path.into(), line: None, key: None, message };
        let text = read_text(path).map_err(|error| failed(format!("cannot read the definition: {error}")))?;
        Self::parse(path, &text, target)
    }

    /// Parses the text of a definition.
    pub(super) fn parse(path: &Path, text: &str, target: Option<&ProjectionTarget>) -> Result<Self, DefinitionError> {
        let reader = DefinitionReader { path, text };
        let file: DefinitionFile = toml::from_str(text).map_err(|error| DefinitionError {
            path: path.into(),
            line: error.span().map(|span| reader.line(span.start)),
            key: None,
            message: error.message().trim().replace('\n', " "),
        })?;
        let name = match &file.name {
            Some(name) if name.get_ref().is_empty() || name.get_ref().chars().any(char::is_control) => {
                return Err(reader.error(name, "name", "it must be printable text".into()));
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
            let message = "there is no [[on]] entry, so no record would be applied".into();
            return Err(DefinitionError { path: path.into(), line: None, key: None, message });
        }
        for (number, on) in file.on.iter().enumerate() {
            reader.on(number + 1, on.get_ref(), &mut definition)?;
        }
        Ok(definition)
    }

    /// Whether records need their headers. `event_types`: event types may be read from headers. `lane_keys`: lane keys
    /// may be made from headers.
    pub(super) fn wants_headers(&self, event_types: bool, lane_keys: bool) -> bool {
        let needs_headers = |parameter: &Parameter| match parameter {
            Parameter::Header(_) => true,
            Parameter::EventType => event_types,
            Parameter::LaneKey | Parameter::Unkeyed => lane_keys,
            _ => false,
        };
        self.statements.iter().any(|statement| statement.parameters().iter().any(needs_headers))
            || event_types && self.on.iter().any(|on| !on.event_types.is_empty())
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_FILE_BYTES { Err("it is larger than 4 MiB".into()) } else { Ok(text) }
}

struct DefinitionReader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl DefinitionReader<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
    }

    fn error<T>(&self, value: &Spanned<T>, key: &str, message: String) -> DefinitionError {
        self.error_at(self.line(value.span().start), key, message)
    }

    fn error_at(&self, line: usize, key: &str, message: String) -> DefinitionError {
        DefinitionError { path: self.path.into(), line: Some(line), key: Some(key.into()), message }
    }

    fn target(
        &self,
        file: &DefinitionFile,
        override_target: Option<&ProjectionTarget>,
    ) -> Result<ProjectionTarget, DefinitionError> {
        if let Some(target) = override_target {
            return Ok(target.clone());
        }
        let Some(target) = &file.target else {
            let message = "no target given; set target = \"sqlite:FILE\" here or in [projection] of the configuration";
            return Err(DefinitionError { path: self.path.into(), line: None, key: None, message: message.into() });
        };
        match target.get_ref().parse().map_err(|message| self.error(target, "target", message))? {
            ProjectionTarget::Sqlite(path) => Ok(ProjectionTarget::Sqlite(self.resolve_path(&path))),
            other @ ProjectionTarget::Postgres(_) => Ok(other),
        }
    }

    fn resolve_path(&self, path: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| path.to_owned(), |dir| dir.join(path))
    }

    fn schema(&self, file: &DefinitionFile) -> Result<Option<String>, DefinitionError> {
        match (&file.schema, &file.schema_path) {
            (Some(_), Some(schema_file)) => {
                Err(self.error(schema_file, "schema_file", "schema is set as well; use only one of the two".into()))
            }
            (Some(schema), None) => Ok(Some(schema.get_ref().clone())),
            (None, Some(name)) => {
                let path = self.resolve_path(Path::new(name.get_ref()));
                let unreadable =
                    |error| self.error(name, "schema_file", format!("cannot read {}: {error}", path.display()));
                read_text(&path).map(Some).map_err(unreadable)
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
            return Err(self.error(&on.sql, &key, "it contains no statement".into()));
        }
        let first = definition.statements.len();
        definition.statements.extend(statements.into_iter().map(|mut statement| {
            statement.line = self.line_within(&on.sql, statement.at);
            statement
        }));
        definition.on.push(OnEntry { topics, event_types, statements: first..definition.statements.len() });
        Ok(())
    }

    /// The line of a byte offset within a string. Multi-line strings have the lines of the file, except that a line
    /// feed at the beginning is dropped.
    fn line_within(&self, value: &Spanned<String>, at: usize) -> usize {
        let first = self.line(value.span().start);
        let literal = self.text.get(value.span()).unwrap_or_default();
        if !literal.starts_with("\"\"\"") && !literal.starts_with("'''") {
            return first;
        }
        let trimmed = usize::from(literal[3..].starts_with('\n') || literal[3..].starts_with("\r\n"));
        let before = value.get_ref().as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
        first + trimmed + before
    }
}
