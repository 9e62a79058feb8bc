//! A disk that is full soon.

use std::path::{Path, PathBuf};

use crate::support::process::{Finished, Program};
use crate::support::server;

/// A file system in memory with a directory of its own. It goes with this.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of that size over a directory, which is made; `None` where this user may not, which is told.
    pub fn over(directory: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(directory).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], directory);
        if mounted.code() == Some(0) {
            return Some(Self(directory.to_owned()));
        }
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        server::report(&format!("SKIPPED: {name} has to mount a tmpfs, which needs root: {}", mounted.stderr.trim()));
        None
    }

    /// There is room now.
    pub fn grow(&self) {
        mount(&["-o", "remount,size=256m"], &self.0).expect_success();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what still has a file open must not keep the directory from being removed.
        drop(Program::named("umount").args(["--lazy".as_ref(), self.0.as_os_str()]).run());
    }
}

fn mount(args: &[&str], directory: &Path) -> Finished {
    // By way of a shell, which is there where `mount` is not.
    Program::named("sh").args(["-c", "mount \"$@\"", "mount"]).args(args).args([directory]).run()
}
