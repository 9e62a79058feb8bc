//! The configuration file: finding it, reading it, and parsing its values with their positions.

use std::{
    fs::File,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    ConfigError, Environment, Origin, Problem, catalog,
    input::{Assignment, Input},
    keys, named_tables,
};

/// Maximum size of a configuration file.
const MAX_FILE_BYTES: u64 = 1 << 20;

const PROPERTIES: &str = "kafka.properties";

/// The file to read, the first of: the one given by the flag, the one given by `KREPLAY_CONFIG`, an existing
/// `kreplay.toml` in the working directory, an existing `kreplay/config.toml` in the user's configuration directory.
pub(super) fn find(flag: Option<&Path>, environment: &Environment, directory: &Path) -> Option<PathBuf> {
    if let Some(path) = flag {
        return Some(path.to_owned());
    }
    if let Some(path) = environment.path("KREPLAY_CONFIG") {
        return Some(path.into());
    }
    let home = || Some(PathBuf::from(environment.path("HOME")?).join(".config"));
    let user = environment.path("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
    let local = PathBuf::from("kreplay.toml");
    if directory.join(&local).is_file() {
        return Some(local);
    }
    user.map(|user| user.join("kreplay/config.toml")).filter(|path| path.is_file())
}

/// Reads a file. A relative `path` is relative to `directory`.
///
/// # Errors
/// [`ConfigError::Unreadable`] with the reason.
pub(super) fn read(directory: &Path, path: &Path) -> Result<String, ConfigError> {
    let failed = |reason: String| ConfigError::Unreadable { path: path.into(), reason };
    let mut bytes = Vec::new();
    File::open(directory.join(path))
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(failed("the file is larger than 1 MiB".into()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        failed(format!("the file is not valid UTF-8 (line {line})"))
    })
}

/// The settings in a file's text, and all problems with it.
pub(super) fn parse(path: &Path, text: &str) -> (Vec<Assignment>, Vec<Problem>) {
    let mut reader = Reader { path: path.into(), text, assignments: Vec::new(), problems: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reader.problem(error.span().unwrap_or_default(), None, format!("not valid TOML: {}", error.message()));
    }
    // The keys of a broken document are not checked: follow-up errors would only confuse.
    if errors.is_empty() {
        reader.table("", document.get_ref());
    }
    (reader.assignments, reader.problems)
}

struct Reader<'a> {
    path: Arc<Path>,
    text: &'a str,
    assignments: Vec<Assignment>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            let within = format!("{key}.");
            let is_table = [PROPERTIES, keys::TABLE].iter().any(|table| key == *table || table.starts_with(&within))
                || named_tables::is_table(prefix, &key)
                || catalog::settings().any(|setting| setting.key.starts_with(&within));
            match value.get_ref() {
                // TOML reads an unquoted dotted key as a table: sasl.password = "…" sets the property of that name.
                DeValue::Table(inner) if key == PROPERTIES || key.starts_with("kafka.properties.") => {
                    self.table(&key, inner);
                }
                DeValue::Table(inner) if is_table => self.table(&key, inner),
                other if is_table => {
                    let message = format!("must be a table, not {}", type_name(other));
                    self.problem(value.span(), Some(key), message);
                }
                _ => self.value(key, name, value),
            }
        }
    }

    fn value(&mut self, key: String, name: &Spanned<impl Sized>, value: &Spanned<DeValue<'_>>) {
        let action = key.strip_prefix(keys::PREFIX).map(keys::action);
        let known = key.starts_with("kafka.properties.") || catalog::setting(&key).is_some();
        if known || matches!(action, Some(Ok(_))) {
            let origin = self.origin(value.span());
            self.assignments.push(Assignment { key, input: input(value.get_ref()), origin });
            return;
        }
        if named_tables::has(&key) {
            match named_tables::check_key(&key) {
                Ok(()) => {
                    let origin = self.origin(value.span());
                    self.assignments.push(Assignment { key, input: input(value.get_ref()), origin });
                }
                Err(message) => self.problem(name.span(), Some(key), message),
            }
            return;
        }
        if let Some(Err(message)) = action {
            return self.problem(name.span(), Some(key), message);
        }
        let message = match (catalog::suggest(&key), key.rsplit_once('.')) {
            (Some(meant), _) => format!("unknown setting; did you mean {meant}?"),
            (None, Some((table, _))) if catalog::tables().any(|known| known == table) => {
                format!("unknown setting; [{table}] has {}", setting_names(table))
            }
            (None, None) if similar_table(&key).is_some() => {
                format!("unknown table; did you mean [{}]?", similar_table(&key).unwrap_or_default())
            }
            (None, _) => {
                let tables: Vec<_> = tables().map(|table| format!("[{table}]")).collect();
                format!("unknown setting; the tables are {}", tables.join(", "))
            }
        };
        self.problem(name.span(), Some(key), message);
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Origin::File {
            path: Arc::clone(&self.path),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn problem(&mut self, span: Range<usize>, key: Option<String>, message: String) {
        let origin = self.origin(span);
        self.problems.push(Problem { origin, key, message });
    }
}

/// The table with a similar name.
fn similar_table(name: &str) -> Option<&'static str> {
    tables().find(|table| strsim::damerau_levenshtein(name, table) <= 2)
}

/// All tables, also those in which the user chooses the names.
fn tables() -> impl Iterator<Item = &'static str> {
    catalog::tables().chain(["alerts", "notify"])
}

/// The names of a table's settings, separated by commas.
fn setting_names(table: &str) -> String {
    let within = |key: &'static str| key.strip_prefix(table)?.strip_prefix('.');
    catalog::settings().filter_map(|setting| within(setting.key)).collect::<Vec<_>>().join(", ")
}

fn input(value: &DeValue<'_>) -> Input {
    match value {
        DeValue::String(text) => Input::Text(text.to_string()),
        DeValue::Boolean(value) => Input::Bool(*value),
        DeValue::Float(number) => Input::Float(number.as_str().to_owned()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Input::Integer(number),
            Err(_) => Input::Other("a number that is too large"),
        },
        DeValue::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(|item| Some(item.get_ref().as_str()?.to_owned())).collect();
            texts.map_or(Input::Other("a list with other types"), Input::List)
        }
        other => Input::Other(type_name(other)),
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
