//! Converts encoded rows to a Parquet file.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use parquet::{
    basic::{Compression as Codec, GzipLevel, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type},
    errors::{ParquetError, Result},
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{Type, TypePtr},
};

use super::{
    Column, Compression, FileFormat,
    column::{Kind, RecordPart},
    row_encoding::{self, DecodedCell},
};

/// A row group ends at this size of its cells or this number of rows. It is in memory as a whole while it is built.
const ROW_GROUP_BYTES: usize = 32 << 20;
const MAX_ROW_GROUP_ROWS: u64 = 1 << 20;

/// Reads `rows` encoded rows and writes them as a Parquet file.
///
/// # Errors
/// A row cannot be read, or the file cannot be written.
pub(super) fn convert(
    from: &mut impl Read,
    rows: u64,
    columns: &[Column],
    compression: Compression,
    to: impl Write + Send,
) -> io::Result<()> {
    write(from, rows, columns, compression, to).map_err(|error| match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    })
}

fn write(
    from: &mut impl Read,
    rows: u64,
    columns: &[Column],
    compression: Compression,
    to: impl Write + Send,
) -> Result<()> {
    let codec = match compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Gzip => Codec::GZIP(GzipLevel::default()),
        Compression::Snappy => Codec::SNAPPY,
        Compression::Zstd | Compression::Auto => Codec::ZSTD(ZstdLevel::default()),
    };
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_created_by(concat!("kreplay ", env!("CARGO_PKG_VERSION")).into());
    let mut writer = SerializedFileWriter::new(to, schema(columns)?, Arc::new(properties.build()))?;
    let mut remaining = rows;
    while remaining > 0 {
        let mut buffers: Vec<ColumnBuffer> = columns.iter().map(ColumnBuffer::of).collect();
        let (mut bytes, mut count) = (0, 0);
        while remaining > 0 && bytes < ROW_GROUP_BYTES && count < MAX_ROW_GROUP_ROWS {
            for column in &mut buffers {
                bytes += column.push(row_encoding::read(from)?)?;
            }
            remaining -= 1;
            count += 1;
        }
        let mut group = writer.next_row_group()?;
        for column in buffers {
            column.write(&mut group)?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn schema(columns: &[Column]) -> Result<TypePtr> {
    let fields = columns.iter().map(|column| {
        let title = column.title();
        let (physical, logical) = match (&column.part, column.kind_for(FileFormat::Parquet)) {
            (RecordPart::Partition, _) => (Physical::INT32, None),
            (RecordPart::Timestamp, _) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
            (_, Kind::Long) => (Physical::INT64, None),
            (_, Kind::Double) => (Physical::DOUBLE, None),
            (_, Kind::Boolean) => (Physical::BOOLEAN, None),
            (_, Kind::Bytes) => (Physical::BYTE_ARRAY, None),
            (_, Kind::Text) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let repetition = if column.is_required() { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let field = Type::primitive_type_builder(&title, physical).with_repetition(repetition);
        field.with_logical_type(logical).build().map(Arc::new)
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Type::group_type_builder("record").with_fields(fields).build()?))
}

impl Column {
    fn is_required(&self) -> bool {
        matches!(self.part, RecordPart::Topic | RecordPart::Partition | RecordPart::Offset | RecordPart::Headers)
    }
}

/// A column of a row group. The definition levels tell for each row whether it has a value, if the column is optional.
struct ColumnBuffer {
    definition_levels: Option<Vec<i16>>,
    values: Values,
}

enum Values {
    Int(Vec<i32>),
    Long(Vec<i64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    Bytes(Vec<ByteArray>),
}

impl ColumnBuffer {
    fn of(column: &Column) -> Self {
        let values = match (&column.part, column.kind_for(FileFormat::Parquet)) {
            (RecordPart::Partition, _) => Values::Int(Vec::new()),
            (_, Kind::Long) => Values::Long(Vec::new()),
            (_, Kind::Double) => Values::Double(Vec::new()),
            (_, Kind::Boolean) => Values::Boolean(Vec::new()),
            (_, Kind::Bytes | Kind::Text) => Values::Bytes(Vec::new()),
        };
        Self { definition_levels: (!column.is_required()).then(Vec::new), values }
    }

    /// Adds a cell; returns its memory size in bytes.
    fn push(&mut self, cell: DecodedCell) -> Result<usize> {
        let mismatch = || Err(ParquetError::General("an encoded cell does not match its column's kind".into()));
        match (&mut self.definition_levels, &cell) {
            (Some(definition_levels), cell) => definition_levels.push(i16::from(*cell != DecodedCell::Null)),
            (None, DecodedCell::Null) => return mismatch(),
            (None, _) => {}
        }
        let mut size = 16;
        match (&mut self.values, cell) {
            (_, DecodedCell::Null) => {}
            (Values::Int(values), DecodedCell::Long(number)) => match i32::try_from(number) {
                Ok(number) => values.push(number),
                Err(_) => return mismatch(),
            },
            (Values::Long(values), DecodedCell::Long(number)) => values.push(number),
            (Values::Double(values), DecodedCell::Double(number)) => values.push(number),
            (Values::Boolean(values), DecodedCell::Boolean(value)) => values.push(value),
            (Values::Bytes(values), DecodedCell::Bytes(bytes)) => {
                size += 32 + bytes.len();
                values.push(bytes.into());
            }
            _ => return mismatch(),
        }
        Ok(size)
    }

    fn write<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        let definition_levels = self.definition_levels.as_deref();
        let Some(mut column) = group.next_column()? else { return Ok(()) };
        match &self.values {
            Values::Int(values) => column.typed::<Int32Type>().write_batch(values, definition_levels, None)?,
            Values::Long(values) => column.typed::<Int64Type>().write_batch(values, definition_levels, None)?,
            Values::Double(values) => column.typed::<DoubleType>().write_batch(values, definition_levels, None)?,
            Values::Boolean(values) => column.typed::<BoolType>().write_batch(values, definition_levels, None)?,
            Values::Bytes(values) => column.typed::<ByteArrayType>().write_batch(values, definition_levels, None)?,
        };
        column.close()
    }
}
