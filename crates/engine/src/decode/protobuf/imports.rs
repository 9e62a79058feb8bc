//! Resolves the files that a schema imports.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use protox::{
    Error,
    file::{File, FileResolver, GoogleFileResolver},
};

use super::known;

/// The imports returned by a registry, and the built-in files.
pub(super) struct Imports {
    files: BTreeMap<String, Arc<str>>,
    /// The first name under which a text is registered.
    first_names: HashMap<Arc<str>, String>,
}

impl Imports {
    /// `own` is the schema itself, and `others` are its imports: names with texts. A text with several names is one
    /// file, because its types may be defined only once.
    pub(super) fn new(own: (&str, &str), others: &[(String, String)]) -> Self {
        let mut files: BTreeMap<String, Arc<str>> =
            others.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect();
        let mut first_names = HashMap::new();
        for (name, text) in &files {
            first_names.entry(Arc::clone(text)).or_insert_with(|| name.clone());
        }
        files.insert(own.0.to_owned(), own.1.into());
        first_names.insert(own.1.into(), own.0.to_owned());
        Self { files, first_names }
    }

    /// The only file whose path ends with this name, or whose path is a suffix of it: registries keep the names from
    /// the serializer, which may be relative to another folder than the import.
    fn find(&self, name: &str) -> Option<(&str, &Arc<str>)> {
        let is_tail = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|head| head.ends_with('/'));
        let others = self.files.iter().filter(|(known, _)| *known != super::SCHEMA_FILE);
        let mut found = others.filter(|(known, _)| is_tail(known, name) || is_tail(name, known));
        match (found.next(), found.next()) {
            (Some((known, text)), None) => Some((known.as_str(), text)),
            _ => None,
        }
    }

    /// Opens a file that is imported as `name` and registered as `known`.
    fn open(&self, name: &str, known: &str, text: &Arc<str>) -> Result<File, Error> {
        let first = self.first_names.get(text).map_or(known, String::as_str);
        if first == name {
            return File::from_source(name, text);
        }
        // Under every other name, the file re-exports the first one.
        let first = first.replace('\\', "\\\\").replace('"', "\\\"");
        File::from_source(name, &format!("syntax = \"proto3\"; import public \"{first}\";"))
    }
}

impl FileResolver for Imports {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        if let Some(text) = self.files.get(name) {
            return self.open(name, name, text);
        }
        if let Ok(file) = GoogleFileResolver::new().open_file(name) {
            return Ok(file);
        }
        if let Some(source) = known::source(name) {
            return File::from_source(name, &source);
        }
        match self.find(name) {
            Some((known, text)) => self.open(name, known, text),
            None => Err(Error::file_not_found(name)),
        }
    }
}
