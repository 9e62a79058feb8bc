//! The layout of the console for one cluster, in the state directory.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use kreplay_console::layout_store::LayoutStore;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Config, Environment};

/// The folder below the state directory.
const FOLDER: &str = "kreplay/layouts";
/// More than any layout has, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// The file with the layout for one cluster.
#[derive(Debug)]
struct LayoutFile(PathBuf);

/// Where the layout for the configured cluster is kept; `None` without a cluster or a state directory, or if the
/// configuration says so.
pub(super) fn of_cluster(config: &Config, environment: &Environment) -> Option<Arc<dyn LayoutStore>> {
    let servers = config.kafka.bootstrap_servers.as_deref().filter(|_| config.console.remember)?;
    Some(Arc::new(LayoutFile::below(&config.state_dir(environment)?, servers)))
}

impl LayoutFile {
    /// The file below a state directory, for the cluster with these bootstrap servers. Their order does not matter.
    fn below(state_dir: &Path, bootstrap_servers: &str) -> Self {
        let mut servers: Vec<&str> = bootstrap_servers.split(',').map(str::trim).collect();
        servers.sort_unstable();
        Self(state_dir.join(FOLDER).join(format!("{:016x}.json", xxh3_64(servers.join(",").as_bytes()))))
    }

    fn read(&self) -> io::Result<String> {
        let mut text = String::new();
        fs::File::open(&self.0)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_BYTES { Err(io::Error::other("it is too large")) } else { Ok(text) }
    }

    /// Writes a new file and puts it in the place of the old one, so that a crash leaves one of the two.
    fn replace(&self, text: &str) -> io::Result<()> {
        if let Some(folder) = self.0.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = self.0.with_extension(format!("{}.new", std::process::id()));
        fs::write(&new, text)?;
        fs::rename(&new, &self.0)
    }
}

impl LayoutStore for LayoutFile {
    fn load(&self) -> Result<Option<String>, String> {
        match self.read() {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot read {}: {error}", self.0.display())),
        }
    }

    fn save(&self, text: &str) -> Result<(), String> {
        self.replace(text).map_err(|error| format!("cannot write {}: {error}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_kept_for_each_cluster() {
        let dir = tempfile::tempdir().unwrap();
        let file = LayoutFile::below(dir.path(), "b:1, a:1");
        assert_eq!(file.load(), Ok(None));
        file.save("one").unwrap();
        file.save("two").unwrap();
        assert_eq!(LayoutFile::below(dir.path(), "a:1,b:1").load(), Ok(Some("two".to_owned())));
        assert_eq!(LayoutFile::below(dir.path(), "a:1").load(), Ok(None));
        let names: Vec<_> =
            fs::read_dir(file.0.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(names, std::slice::from_ref(&file.0), "no other file is left");
        fs::write(&file.0, vec![b' '; 300_000]).unwrap();
        assert!(file.load().is_err_and(|why| why.contains("too large")));
        fs::write(&file.0, [0xFF]).unwrap();
        assert!(file.load().is_err());
    }

    #[test]
    fn nothing_is_kept_without_a_cluster_or_if_the_configuration_says_so() {
        let environment = Environment::default();
        let mut config = Config::default();
        config.run.journal.state_dir = Some("/nowhere".into());
        assert!(of_cluster(&config, &environment).is_none());
        config.kafka.bootstrap_servers = Some("a:1".into());
        assert!(of_cluster(&config, &environment).is_some());
        config.console.remember = false;
        assert!(of_cluster(&config, &environment).is_none());
    }
}
