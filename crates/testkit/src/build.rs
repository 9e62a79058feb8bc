//! Where the files of this repository and of this build are.

use std::path::{Path, PathBuf};

/// A file of the repository, by its path from the root.
pub fn repository(path: &str) -> PathBuf {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is two folders below the root");
    root.join(path)
}

/// The folder with the build output, such as `target`. Tests are in `target/debug/deps`.
pub fn target_dir() -> PathBuf {
    let profile = profile_dir();
    profile.parent().expect("profiles are below the build output").to_owned()
}

/// The path of this build's `kreplay` binary.
pub fn kreplay_binary() -> String {
    let binary = profile_dir().join(format!("kreplay{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.exists(), "{} is missing; run `cargo build`", binary.display());
    binary.display().to_string()
}

/// The folder of this build's profile, such as `target/debug`.
fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors().nth(2).expect("tests are two folders below their profile").to_owned()
}
