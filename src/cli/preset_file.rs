//! The presets of the launch form, in the state directory: one file for all clusters, which people can read and edit.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use kreplay_console::{
    preset_store::{PresetKept, PresetStore},
    state::Preset,
};
use kreplay_model::domain::Redactor;
use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use crate::config::{Config, Environment};

/// The file below the state directory, next to the folder of the layouts.
const FILE: &str = "kreplay/presets.toml";
/// More than any collection of presets has, in bytes.
const MAX_BYTES: u64 = 256 * 1024;
/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;
/// What a new file begins with.
const HEAD: &str = "\
# Presets of kreplay's launch form. The settings are those of the table [run] of a configuration file, as texts.
# Secrets are not stored: *** stands for them.

version = 1
";

/// The file with the presets.
#[derive(Debug)]
struct PresetFile {
    path: PathBuf,
    /// Masks the secrets of the process, in whatever setting they are written.
    redactor: Redactor,
}

/// Where the presets are kept; `None` without a state directory.
pub(super) fn of_user(config: &Config, environment: &Environment) -> Option<Arc<dyn PresetStore>> {
    let path = config.state_dir(environment)?.join(FILE);
    Some(Arc::new(PresetFile { path, redactor: Redactor::new(config.secrets()) }))
}

/// The content of the file. Other keys than these are those of another program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    #[serde(default)]
    presets: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

impl PresetFile {
    /// The text of the file, or of a new one if there is none.
    fn read(&self) -> Result<String, String> {
        match read_at_most(&self.path, MAX_BYTES) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HEAD.to_owned()),
            Err(error) => Err(format!("the presets of {} cannot be read: {error}", self.path.display())),
        }
    }

    /// The content of a text.
    ///
    /// # Errors
    /// Why it is not the content of a preset file, in one sentence.
    fn content(&self, text: &str) -> Result<Content, String> {
        let shown = self.path.display();
        let content: Content = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            // What to do comes first: a prompt may have no room for all of it.
            format!("repair or remove the preset file: {shown}, line {line}: {}", error.message())
        })?;
        if content.version == VERSION {
            return Ok(content);
        }
        let theirs = content.version;
        Err(format!("{shown} uses preset format {theirs}, but this kreplay reads format {VERSION}"))
    }

    /// Changes the presets while no other console does. Comments stay. A file that cannot be read is not replaced.
    fn change<T>(&self, change: impl FnOnce(&mut dyn TableLike) -> Result<T, T>) -> Result<T, String> {
        let shown = self.path.display();
        let unwritten = |error: io::Error| format!("the presets cannot be written to {shown}: {error}");
        let _lock = self.lock().map_err(unwritten)?;
        let text = self.read()?;
        self.content(&text)?;
        let mut document: DocumentMut = text.parse().map_err(|error| unwritten(io::Error::other(error)))?;
        let presets = document.entry("presets").or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        let presets = presets.as_table_like_mut().ok_or_else(|| unwritten(io::ErrorKind::InvalidData.into()))?;
        match change(presets) {
            Ok(changed) => {
                self.replace(&document.to_string()).map_err(unwritten)?;
                Ok(changed)
            }
            Err(unchanged) => Ok(unchanged),
        }
    }

    /// Waits until no other console changes the file, which takes milliseconds.
    fn lock(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).open(self.path.with_extension("lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        Ok(lock)
    }

    /// Writes a new file and puts it in the place of the old one, so that a crash leaves one of the two.
    fn replace(&self, text: &str) -> io::Result<()> {
        let new = self.path.with_extension(format!("{}.new", std::process::id()));
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)
    }
}

impl PresetStore for PresetFile {
    fn load(&self) -> Result<Vec<Preset>, String> {
        let content = self.content(&self.read()?)?;
        let preset = |(name, values): (String, BTreeMap<String, toml::Value>)| Preset {
            name,
            values: values.into_iter().map(|(name, value)| (name, text_of(&value))).collect(),
        };
        Ok(content.presets.into_iter().map(preset).collect())
    }

    fn keep(&self, preset: &Preset, replace: bool) -> Result<PresetKept, String> {
        self.change(|presets| {
            if !replace && presets.contains_key(&preset.name) {
                return Err(PresetKept::NameTaken);
            }
            let kept = presets.entry(&preset.name).or_insert(Item::Table(Table::new()));
            if let Some(kept) = kept.as_table_like_mut() {
                let values = preset.values.iter().map(|(name, text)| (&**name, self.redactor.redact(text)));
                replace_values(kept, &values.collect());
            }
            Ok(PresetKept::Kept)
        })
    }

    fn delete(&self, name: &str) -> Result<(), String> {
        self.change(|presets| presets.remove(name).map(drop).ok_or(()))
    }
}

fn read_at_most(path: &Path, max: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > max { Err(io::Error::other("it is too large")) } else { Ok(text) }
}

/// Replaces the values of a table. Those that stay keep their places and comments.
fn replace_values(table: &mut dyn TableLike, values: &BTreeMap<&str, String>) {
    let before: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
    for name in before.iter().filter(|name| !values.contains_key(name.as_str())) {
        table.remove(name);
    }
    for (name, text) in values {
        if let Some(before) = table.get_mut(name).and_then(Item::as_value_mut) {
            let decor = before.decor().clone();
            *before = text.into();
            *before.decor_mut() = decor;
        } else {
            table.insert(name, value(text));
        }
    }
}

/// A value as it is typed into a field: lists are separated by commas.
fn text_of(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, secrets: &[&str]) -> PresetFile {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        PresetFile { path: folder.join(FILE), redactor: Redactor::new(secrets) }
    }

    fn preset(name: &str, values: &[(&str, &str)]) -> Preset {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Preset { name: name.to_owned(), values: values.collect() }
    }

    #[test]
    fn presets_are_kept_replaced_on_request_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), &[]);
        assert_eq!(file.load(), Ok(Vec::new()));
        let nightly = preset("nightly \"orders\"\n[x]", &[("topics", "orders,payments"), ("from", "-2h")]);
        assert_eq!(file.keep(&nightly, false), Ok(PresetKept::Kept));
        assert_eq!(file.keep(&preset("b", &[]), false), Ok(PresetKept::Kept));
        let other = preset(&nightly.name, &[("topics", "other")]);
        assert_eq!(file.keep(&other, false), Ok(PresetKept::NameTaken));
        assert_eq!(file.load(), Ok(vec![preset("b", &[]), nightly.clone()]));
        assert_eq!(file.keep(&other, true), Ok(PresetKept::Kept));
        assert_eq!(file.delete("b"), Ok(()));
        assert_eq!(file.delete("b"), Ok(()));
        assert_eq!(file.load(), Ok(vec![other]));
    }

    #[test]
    fn the_file_can_be_read_and_written_by_hand() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), &[]);
        file.keep(&preset("nightly", &[("topics", "orders"), ("concurrency", "8")]), false).unwrap();
        let text = fs::read_to_string(&file.path).unwrap();
        let expected = "\n[presets.nightly]\nconcurrency = \"8\"\ntopics = \"orders\"\n";
        assert_eq!(text.strip_prefix(HEAD), Some(expected));
        let by_hand = "version = 1\n[presets.a]\ntopics = [\"x\", \"y\"]\nconcurrency = 8\ndry = true\n";
        fs::write(&file.path, by_hand).unwrap();
        let expected = preset("a", &[("topics", "x,y"), ("concurrency", "8"), ("dry", "true")]);
        assert_eq!(file.load(), Ok(vec![expected]));
    }

    #[test]
    fn comments_stay_when_presets_are_replaced_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), &[]);
        file.keep(&preset("b", &[]), false).unwrap();
        let by_hand = "# mine\nversion = 1\n\n# every night\n[presets.a] # at two\n# all of them\ntopics = \"x\" # one\n\
                       from = \"-1h\"\n\n[presets.b]\nto = \"5\"\n";
        fs::write(&file.path, by_hand).unwrap();
        file.keep(&preset("a", &[("topics", "y"), ("to", "7")]), true).unwrap();
        file.delete("b").unwrap();
        let expected = "# mine\nversion = 1\n\n# every night\n[presets.a] # at two\n# all of them\ntopics = \"y\" # one\n\
                        to = \"7\"\n";
        assert_eq!(fs::read_to_string(&file.path).unwrap(), expected);
        fs::write(&file.path, "version = 1\npresets = { a = { topics = \"x\" } }\n").unwrap();
        file.keep(&preset("b", &[("topics", "z")]), false).unwrap();
        let both = vec![preset("a", &[("topics", "x")]), preset("b", &[("topics", "z")])];
        assert_eq!(file.load(), Ok(both));
    }

    #[test]
    fn a_damaged_or_foreign_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), &[]);
        file.keep(&preset("a", &[]), false).unwrap();
        for (text, part) in [
            ("version = 1\n[presets.a\n", "line 2"),
            ("[kafka]\nbootstrap_servers = \"b:1\"\n", "kafka"),
            ("version = 1\nname = \"x\"\n", "name"),
            ("version = 2\n", "format 2"),
            ("[presets.a]\n", "version"),
            ("version = 1\npresets = 3\n", "line 2"),
        ] {
            fs::write(&file.path, text).unwrap();
            for problem in [
                file.load().unwrap_err(),
                file.keep(&preset("b", &[]), true).unwrap_err(),
                file.delete("a").unwrap_err(),
            ] {
                assert!(problem.contains(part) && problem.contains("presets.toml"), "{text}: {problem}");
            }
            assert_eq!(fs::read_to_string(&file.path).unwrap(), text, "it is as it was");
        }
        for bytes in [vec![b' '; 300_000], vec![0xFF]] {
            fs::write(&file.path, &bytes).unwrap();
            assert!(file.load().is_err() && file.keep(&preset("b", &[]), true).is_err());
            assert_eq!(fs::read(&file.path).unwrap(), bytes);
        }
    }

    #[test]
    fn a_secret_of_the_process_is_masked_in_every_setting() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), &["hunter2"]);
        file.keep(&preset("a", &[("handler", "exec:curl -u ada:hunter2 h")]), false).unwrap();
        assert_eq!(file.load(), Ok(vec![preset("a", &[("handler", "exec:curl -u ada:*** h")])]));
        assert!(!fs::read_to_string(&file.path).unwrap().contains("hunter2"));
    }

    #[test]
    fn several_consoles_keep_presets_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let file = file(folder.path(), &[]);
                scope.spawn(move || file.keep(&preset(&format!("{number}"), &[]), false).unwrap());
            }
        });
        assert_eq!(file(folder.path(), &[]).load().unwrap().len(), 8);
    }

    #[test]
    fn presets_need_a_state_directory_but_no_cluster() {
        let mut config = Config::default();
        assert!(of_user(&config, &Environment::default()).is_none());
        config.run.journal.state_dir = Some("/nowhere".into());
        assert!(of_user(&config, &Environment::default()).is_some());
    }
}
