//! The beginning of a recording: what it is, in which version, and who wrote it.

use std::{fmt, io};

use chrono::{DateTime, Utc};
use kreplay_model::domain::framing::{self, Mark};
use serde::{Deserialize, Serialize};

/// The first bytes of each recording. The first one is not a character, so that no text file begins like this.
const MAGIC: [u8; 8] = *b"\x89KREPLAY";
const ABOUT_MARK: Mark = [0xF1, 0xAB];
/// The size of magic number and version.
const FIXED_BYTES: usize = 12;
/// More than any header has.
pub(crate) const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The version of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Files of another major version cannot be read.
    pub major: u16,
    /// A higher minor version adds kinds of entries, which are skipped, or fields.
    pub minor: u16,
}

impl Version {
    /// The version that is written.
    pub const CURRENT: Self = Self { major: 1, minor: 0 };
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Who wrote a recording, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The version of kreplay.
    pub kreplay: String,
    /// The command, such as `run`.
    pub command: String,
    /// When recording began.
    pub began_at: DateTime<Utc>,
}

impl About {
    /// This version of kreplay, and the present.
    #[must_use]
    pub fn now(command: &str) -> Self {
        Self { kreplay: env!("CARGO_PKG_VERSION").into(), command: command.into(), began_at: Utc::now() }
    }
}

/// Why a file cannot be opened as a recording.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system refuses.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It is another kind of file.
    #[error("it is not a kreplay recording")]
    NotARecording,
    /// It has another major version.
    #[error(
        "it has format {found}, written by kreplay {kreplay}, but this kreplay reads format {}.x; open it with that \
         version",
        Version::CURRENT.major
    )]
    OtherVersion {
        /// Its version.
        found: Version,
        /// The kreplay that wrote it.
        kreplay: String,
    },
    /// The header is damaged, or the file ends in it.
    #[error("its header is corrupt or incomplete; nothing was recorded, or the file was changed")]
    Header,
    /// It has no frame.
    #[error("it has no frame: recording ended before the first one was written")]
    NoFrame,
}

/// The header of a recording.
pub(crate) fn encode(about: &About) -> Result<Vec<u8>, serde_json::Error> {
    let about = serde_json::to_vec(about)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(Version::CURRENT.major.to_le_bytes());
    bytes.extend(Version::CURRENT.minor.to_le_bytes());
    framing::append(&mut bytes, ABOUT_MARK, |body| body.extend(about));
    Ok(bytes)
}

/// Reads the header from the beginning of a file. Returns its size in bytes, too.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Version, About, usize), OpenError> {
    if !bytes.starts_with(&MAGIC) {
        let is_cut = !bytes.is_empty() && MAGIC.starts_with(bytes);
        return Err(if is_cut { OpenError::Header } else { OpenError::NotARecording });
    }
    let number = |at: usize| bytes.get(at..at + 2).and_then(|two| Some(u16::from_le_bytes(two.try_into().ok()?)));
    let (Some(major), Some(minor)) = (number(MAGIC.len()), number(MAGIC.len() + 2)) else {
        return Err(OpenError::Header);
    };
    let version = Version { major, minor };
    // This part is the same in all versions.
    let (about, rest) =
        bytes.get(FIXED_BYTES..).and_then(|rest| framing::split(rest, ABOUT_MARK)).ok_or(OpenError::Header)?;
    let about: About = serde_json::from_slice(about).map_err(|_| OpenError::Header)?;
    if major != Version::CURRENT.major {
        return Err(OpenError::OtherVersion { found: version, kreplay: about.kreplay });
    }
    Ok((version, about, bytes.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_recording_is_read_and_of_other_files_is_refused() {
        let about = About::now("run");
        let mut bytes = encode(&about).unwrap();
        let size = bytes.len();
        bytes.extend(b"entries");
        assert_eq!(decode(&bytes).unwrap(), (Version::CURRENT, about, size));
        for other in [&b""[..], b"PAR1", b"{\"at\":1}"] {
            assert!(matches!(decode(other), Err(OpenError::NotARecording)));
        }
        for cut in 1..size {
            assert!(matches!(decode(&bytes[..cut]), Err(OpenError::Header)), "{cut}");
        }
    }

    #[test]
    fn another_major_version_is_named_with_the_kreplay_that_wrote_it() {
        let mut bytes = encode(&About { kreplay: "9.1.0".into(), ..About::now("run") }).unwrap();
        bytes[MAGIC.len()..FIXED_BYTES].copy_from_slice(&[2, 0, 7, 0]);
        assert_eq!(
            decode(&bytes).unwrap_err().to_string(),
            "it has format 2.7, written by kreplay 9.1.0, but this kreplay reads format 1.x; open it with that version"
        );
        bytes[MAGIC.len()..FIXED_BYTES].copy_from_slice(&[1, 0, 7, 0]);
        assert_eq!(decode(&bytes).unwrap().0.minor, 7);
    }
}
