//! Writes exported tables to files.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::Path,
};

use kreplay_model::domain::printable;

/// Writes a file that does not exist yet. A file that cannot be written completely is removed.
///
/// # Errors
/// Why the file was not written, in one sentence.
pub(super) fn write_new(path: &Path, content: &str) -> Result<(), String> {
    let shown = path.display().to_string();
    let shown = printable(&shown);
    let mut file = File::create_new(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => format!("{shown} exists already and is not replaced; type another name"),
        _ => format!("cannot create {shown}: {error}"),
    })?;
    file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        // The file is new, so nothing of the user's is lost. If it cannot be removed, the first error matters more.
        let _ = fs::remove_file(path);
        format!("cannot write {shown}: {error}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_written_and_an_existing_one_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("partitions.csv");
        assert_eq!(write_new(&path, "topic\r\n"), Ok(()));
        let error = write_new(&path, "other").unwrap_err();
        assert!(error.contains("exists already"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "topic\r\n");
    }

    #[test]
    fn an_error_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("\u{1b}.csv");
        let error = write_new(&path, "").unwrap_err();
        assert!(error.starts_with("cannot create ") && error.contains("\\u{1b}.csv"), "{error}");
    }
}
