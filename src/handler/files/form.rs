//! The form of a file: enough to complete it, also for another run with other settings.

use std::{fmt, str::FromStr, sync::Arc};

use super::{Column, Compression, ExportSettings};

/// The formats that files are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// A line of comma-separated values a record, after a line of names.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// A line of JSON a record.
    Ndjson,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
        })
    }
}

impl FileFormat {
    /// The name of its handler, as errors say it.
    pub(super) fn handler(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
        }
    }
}

/// The form of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) format: FileFormat,
    /// Never [`Compression::Auto`].
    pub(super) compression: Compression,
    pub(super) columns: Arc<[Column]>,
}

impl Form {
    /// The form that the settings ask for.
    ///
    /// # Errors
    /// A compression that the format does not have, or columns of the same name.
    pub(super) fn of(format: FileFormat, settings: &ExportSettings) -> Result<Self, String> {
        let compression = match (format, settings.compression) {
            (FileFormat::Parquet, Compression::Auto) => Compression::Zstd,
            (_, Compression::Auto) => Compression::None,
            (FileFormat::Csv | FileFormat::Ndjson, Compression::Snappy) => {
                return Err("export.compression is snappy, which only Parquet has; choose none, gzip or zstd".into());
            }
            (_, other) => other,
        };
        if format != FileFormat::Ndjson {
            if settings.columns.is_empty() {
                return Err("export.columns is empty; name at least one column".into());
            }
            let mut titles: Vec<_> = settings.columns.iter().map(Column::title).collect();
            titles.sort_unstable();
            if let Some((twice, _)) = titles.iter().zip(titles.iter().skip(1)).find(|(one, next)| one == next) {
                return Err(format!("export.columns has two columns `{twice}`; give one of them another NAME="));
            }
        }
        Ok(Self { format, compression, columns: settings.columns.as_slice().into() })
    }

    /// The ending of a complete file.
    pub(super) fn ending(&self) -> &'static str {
        match (self.format, self.compression) {
            (FileFormat::Parquet, _) => "parquet",
            (FileFormat::Csv, Compression::Gzip) => "csv.gz",
            (FileFormat::Csv, Compression::Zstd) => "csv.zst",
            (FileFormat::Csv, _) => "csv",
            (FileFormat::Ndjson, Compression::Gzip) => "ndjson.gz",
            (FileFormat::Ndjson, Compression::Zstd) => "ndjson.zst",
            (FileFormat::Ndjson, _) => "ndjson",
        }
    }

    /// Whether a complete file holds the very bytes that were appended.
    pub(super) fn is_plain(&self) -> bool {
        self.format != FileFormat::Parquet && self.compression == Compression::None
    }

    pub(super) fn wants_headers(&self) -> bool {
        self.format == FileFormat::Ndjson || self.columns.iter().any(Column::wants_headers)
    }
}

/// One line each: the format, the compression, the columns.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.format, self.compression)?;
        self.columns.iter().try_for_each(|column| write!(f, "\n{column}"))
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.split('\n');
        let format = match lines.next() {
            Some("csv") => FileFormat::Csv,
            Some("parquet") => FileFormat::Parquet,
            Some("ndjson") => FileFormat::Ndjson,
            _ => return Err("the format of a file is not known".into()),
        };
        let compression = lines.next().unwrap_or_default().parse()?;
        let columns = lines.map(str::parse).collect::<Result<Vec<Column>, _>>().map_err(|error| error.to_string())?;
        Ok(Self { format, compression, columns: columns.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_reads_back_as_it_is_written() {
        for format in [FileFormat::Csv, FileFormat::Parquet, FileFormat::Ndjson] {
            let form = Form::of(format, &ExportSettings::default()).unwrap();
            assert_eq!(form.to_string().parse::<Form>().unwrap(), form);
            assert_eq!(form.is_plain(), format != FileFormat::Parquet);
        }
        assert!("xlsx\nnone".parse::<Form>().is_err());
    }

    #[test]
    fn what_a_format_cannot_do_is_told_before_the_run() {
        let settings = |compression, columns: &[&str]| ExportSettings {
            compression,
            columns: columns.iter().map(|column| column.parse().unwrap()).collect(),
            ..ExportSettings::default()
        };
        let error = |format, settings: ExportSettings| Form::of(format, &settings).unwrap_err();
        assert!(error(FileFormat::Csv, settings(Compression::Snappy, &["key"])).contains("only Parquet has"));
        assert!(error(FileFormat::Csv, settings(Compression::None, &[])).contains("is empty"));
        let twice = settings(Compression::None, &["a=key", "a=value"]);
        assert!(error(FileFormat::Parquet, twice.clone()).contains("two columns `a`"));
        assert!(Form::of(FileFormat::Ndjson, &twice).is_ok(), "lines of JSON have no columns");
    }
}
