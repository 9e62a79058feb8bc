//! `[export]`

use std::{fmt, str::FromStr, time::Duration};

use super::{Column, NamePattern};

/// `[export]`
#[derive(Clone, Debug, PartialEq)]
pub struct ExportSettings {
    /// The size of its rows, in bytes before compression, at which a file is completed.
    pub file_size: u64,
    /// The age of its first row at which a file is completed; `None` to complete files only by size and at the run's
    /// end.
    pub file_age: Option<Duration>,
    /// How files are compressed.
    pub compression: Compression,
    /// The pattern of file names, without extension.
    pub name: NamePattern,
    /// Which records share a file.
    pub series: Series,
    /// The columns of CSV and Parquet.
    pub columns: Vec<Column>,
    /// Whether every batch is synced to disk, so that a power failure loses nothing.
    pub sync: bool,
}

impl Default for ExportSettings {
    fn default() -> Self {
        Self {
            file_size: 128 << 20,
            file_age: Some(Duration::from_secs(600)),
            compression: Compression::default(),
            name: NamePattern::default(),
            series: Series::default(),
            columns: Column::default_columns(),
            sync: false,
        }
    }
}

/// How files are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// The format's default: `zstd` within Parquet, none otherwise.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// gzip: text files as a whole, with the extension `.gz`; Parquet internally.
    Gzip,
    /// Zstandard: text files as a whole, with the extension `.zst`; Parquet internally.
    Zstd,
    /// Snappy: Parquet only.
    Snappy,
}

/// Which records share a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Series {
    /// All records of the process.
    #[default]
    Shared,
    /// The records of one worker.
    Worker,
    /// The records of one topic.
    Topic,
}

macro_rules! words {
    ($type:ty, $($variant:ident $word:literal),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("`{other}` is not one of {}", [$($word),+].join(", "))),
                }
            }
        }
    };
}

words!(Compression, Auto "auto", None "none", Gzip "gzip", Zstd "zstd", Snappy "snappy");
words!(Series, Shared "shared", Worker "worker", Topic "topic");
