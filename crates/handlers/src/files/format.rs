//! The output format of a file. It is stored with the file, so that another run with other settings can complete it.

use std::{fmt, str::FromStr, sync::Arc};

use super::{Column, Compression, ExportSettings, FileFormat};

/// Everything that determines the bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutputFormat {
    pub(super) format: FileFormat,
    /// Never [`Compression::Auto`].
    pub(super) compression: Compression,
    pub(super) columns: Arc<[Column]>,
}

impl OutputFormat {
    /// The output format of the settings.
    ///
    /// # Errors
    /// The format does not support the compression, or two columns have the same name.
    pub(super) fn of(format: FileFormat, settings: &ExportSettings) -> Result<Self, String> {
        let compression = match (format, settings.compression) {
            (FileFormat::Parquet, Compression::Auto) => Compression::Zstd,
            (_, Compression::Auto) => Compression::None,
            (FileFormat::Csv | FileFormat::Ndjson, Compression::Snappy) => {
                return Err(
                    "export.compression is snappy, which only Parquet supports; choose none, gzip or zstd".into()
                );
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

    /// The file name extension of a complete file.
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

    /// Whether a complete file contains exactly the appended bytes.
    pub(super) fn is_plain(&self) -> bool {
        self.format != FileFormat::Parquet && self.compression == Compression::None
    }

    pub(super) fn wants_headers(&self) -> bool {
        self.format == FileFormat::Ndjson || self.columns.iter().any(Column::wants_headers)
    }
}

/// One line each: the format, the compression, and every column.
impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.format, self.compression)?;
        self.columns.iter().try_for_each(|column| write!(f, "\n{column}"))
    }
}

impl FromStr for OutputFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.split('\n');
        let format = match lines.next() {
            Some("csv") => FileFormat::Csv,
            Some("parquet") => FileFormat::Parquet,
            Some("ndjson") => FileFormat::Ndjson,
            _ => return Err("the format of a file is unknown".into()),
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
    fn an_output_format_parses_and_displays_unchanged() {
        for format in [FileFormat::Csv, FileFormat::Parquet, FileFormat::Ndjson] {
            let output = OutputFormat::of(format, &ExportSettings::default()).unwrap();
            assert_eq!(output.to_string().parse::<OutputFormat>().unwrap(), output);
            assert_eq!(output.is_plain(), format != FileFormat::Parquet);
        }
        assert!("xlsx\nnone".parse::<OutputFormat>().is_err());
    }

    #[test]
    fn unsupported_settings_are_rejected_before_the_run() {
        let settings = |compression, columns: &[&str]| ExportSettings {
            compression,
            columns: columns.iter().map(|column| column.parse().unwrap()).collect(),
            ..ExportSettings::default()
        };
        let error = |format, settings: ExportSettings| OutputFormat::of(format, &settings).unwrap_err();
        assert!(error(FileFormat::Csv, settings(Compression::Snappy, &["key"])).contains("only Parquet supports"));
        assert!(error(FileFormat::Csv, settings(Compression::None, &[])).contains("is empty"));
        let twice = settings(Compression::None, &["a=key", "a=value"]);
        assert!(error(FileFormat::Parquet, twice.clone()).contains("two columns `a`"));
        assert!(OutputFormat::of(FileFormat::Ndjson, &twice).is_ok(), "JSON lines have no columns");
    }
}
