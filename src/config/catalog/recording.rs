//! `[recording]`: where runs and watches are recorded.

use super::table::settings;

settings! { RECORDING:
    /// Record what the console shows to this file, for `kreplay open`. The file must not exist yet.
    "recording.file": Path("the path of a file that does not exist yet") => recording.file;
    /// Maximum size of the recording; recording ends there, and the run continues.
    "recording.limit": Bytes(1 << 20..=1 << 40, "512MiB") => recording.limit_bytes;
}
