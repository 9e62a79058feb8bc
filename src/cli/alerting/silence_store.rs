//! The silences of a cluster, kept in the state directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kreplay_alerts::Silences;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Config, Environment};

/// The folder below the state directory.
const FOLDER: &str = "kreplay/silences";

/// The file with the silences of one cluster.
#[derive(Clone, Debug)]
pub(in crate::cli) struct SilenceStore(PathBuf);

impl SilenceStore {
    /// The store below a state directory, for the cluster with these bootstrap servers. Their order does not matter.
    fn below(state_dir: &Path, bootstrap_servers: &str) -> Self {
        let mut servers: Vec<&str> = bootstrap_servers.split(',').map(str::trim).collect();
        servers.sort_unstable();
        Self(state_dir.join(FOLDER).join(format!("{:016x}.json", xxh3_64(servers.join(",").as_bytes()))))
    }

    /// The store of the configured cluster; `None` without a cluster or a state directory.
    pub(in crate::cli) fn of(config: &Config, environment: &Environment) -> Option<Self> {
        let servers = config.kafka.bootstrap_servers.as_deref()?;
        Some(Self::below(&config.state_dir(environment)?, servers))
    }

    /// The silences that were kept. A file that is missing or damaged has none: alerts are not lost for it.
    pub(super) fn read(&self) -> Silences {
        fs::read(&self.0).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Replaces the silences.
    ///
    /// # Errors
    /// One sentence: the file cannot be written.
    pub(super) fn write(&self, silences: &Silences) -> Result<(), String> {
        self.replace(silences).map_err(|error| {
            format!("cannot store the silence, so it ends when this process exits: {}: {error}", self.0.display())
        })
    }

    /// Writes a new file and puts it in the place of the old one, so that a crash leaves one of the two.
    fn replace(&self, silences: &Silences) -> io::Result<()> {
        if let Some(folder) = self.0.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = self.0.with_extension(format!("{}.new", std::process::id()));
        fs::write(&new, serde_json::to_vec(silences)?)?;
        fs::rename(&new, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;

    #[test]
    fn silences_are_kept_for_each_cluster() {
        let dir = tempfile::tempdir().unwrap();
        let store = SilenceStore::below(dir.path(), "b:1, a:1");
        assert_eq!(store.read(), Silences::default());
        let mut silences = Silences::default();
        silences.add("lag", DateTime::UNIX_EPOCH, Duration::from_secs(60));
        store.write(&silences).unwrap();
        assert!(store.0.starts_with(dir.path().join("kreplay")), "the directory is shared with other programs");
        assert_eq!(SilenceStore::below(dir.path(), "a:1,b:1").read(), silences);
        assert_eq!(SilenceStore::below(dir.path(), "a:1").read(), Silences::default());
        fs::write(&store.0, "damaged").unwrap();
        assert_eq!(store.read(), Silences::default());
    }
}
