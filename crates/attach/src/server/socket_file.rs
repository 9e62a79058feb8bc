//! The file of a Unix socket.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use crate::{Address, BindError};

/// Only the owner can connect.
const SOCKET_MODE: u32 = 0o600;

/// The file of a socket on which this process listens. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// The device and the number of the file: another process may have replaced it.
    id: (u64, u64),
    owner: u32,
}

impl SocketFile {
    /// Listens on a path. Replaces a socket that no process serves any more.
    pub(super) fn bind(path: &Path) -> Result<(UnixListener, Self), BindError> {
        let address = || Address::Socket(path.to_owned());
        let system = |source| BindError::System { address: address(), source };
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket(address())),
            Ok(_) => match UnixStream::connect(path) {
                Ok(_) => return Err(BindError::InUse(address())),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(system)?;
                }
                Err(error) => return Err(system(error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(system(error)),
        }
        let listener = UnixListener::bind(path).map_err(system)?;
        fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).map_err(system)?;
        let metadata = fs::symlink_metadata(path).map_err(system)?;
        let file = Self { path: path.to_owned(), id: (metadata.dev(), metadata.ino()), owner: metadata.uid() };
        Ok((listener, file))
    }

    /// Whether a user may connect: the owner, or the superuser. Before its mode was set, the socket may have accepted
    /// others.
    pub(super) fn allows(&self, user: u32) -> bool {
        user == self.owner || user == 0
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.id);
        if is_ours {
            // A file that remains is replaced by the next process that serves there.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_private_and_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let (_listener, file) = SocketFile::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(SocketFile::bind(&path), Err(BindError::InUse(_))));
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_another_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let (_listener, first) = SocketFile::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "text").unwrap();
        assert!(matches!(SocketFile::bind(&path), Err(BindError::NotASocket(_))));
        drop(first);
        assert!(path.exists(), "the file of another process is kept");
        assert!(matches!(SocketFile::bind(&folder.path().join("none/a.sock")), Err(BindError::System { .. })));
    }
}
