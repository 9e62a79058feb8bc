//! `[export]`

use std::{fmt, str::FromStr, time::Duration};

use super::{Column, NamePattern};

/// `[export]`
#[derive(Clone, Debug, PartialEq)]
pub struct ExportSettings {
    /// A file is complete when its rows have taken so many bytes, before compression.
    pub file_size: u64,
    /// A file is complete when its first row is so old; `None` leaves that to its size and the run's end.
    pub file_age: Option<Duration>,
    /// How files are compressed.
    pub compression: Compression,
    /// What files are called, without the ending.
    pub name: NamePattern,
    /// Which records share a file.
    pub series: Series,
    /// What a row of CSV or Parquet consists of.
    pub columns: Vec<Column>,
    /// Whether every batch is brought to the disk itself, so that a loss of power takes nothing either.
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
            columns: Column::all_of_a_record(),
            sync: false,
        }
    }
}

/// How files are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As is usual for the format: `zstd` within Parquet, none otherwise.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// A file of text as a whole, with `.gz` at the end of its name; Parquet within.
    Gzip,
    /// A file of text as a whole, with `.zst` at the end of its name; Parquet within.
    Zstd,
    /// Within Parquet only.
    Snappy,
}

/// Which records share a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Series {
    /// All of the process.
    #[default]
    Shared,
    /// Those that a worker handles.
    Worker,
    /// Those of a topic.
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
                    other => Err(format!("`{other}` is none of {}", [$($word),+].join(", "))),
                }
            }
        }
    };
}

words!(Compression, Auto "auto", None "none", Gzip "gzip", Zstd "zstd", Snappy "snappy");
words!(Series, Shared "shared", Worker "worker", Topic "topic");
