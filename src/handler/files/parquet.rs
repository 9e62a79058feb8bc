//! From packed rows to a file of Parquet.

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
    column::{Kind, Part},
    packed::{self, Unpacked},
};

/// A row group is complete with so many bytes of cells or so many rows: it is in memory as a whole while it is made.
const GROUP_BYTES: usize = 32 << 20;
const GROUP_ROWS: u64 = 1 << 20;

/// Reads `rows` packed rows and writes them as a file of Parquet.
///
/// # Errors
/// What cannot be read or written.
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
    let mut left = rows;
    while left > 0 {
        let mut held: Vec<Held> = columns.iter().map(Held::of).collect();
        let (mut bytes, mut count) = (0, 0);
        while left > 0 && bytes < GROUP_BYTES && count < GROUP_ROWS {
            for column in &mut held {
                bytes += column.push(packed::read(from)?)?;
            }
            left -= 1;
            count += 1;
        }
        let mut group = writer.next_row_group()?;
        for column in held {
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
        let (physical, logical) = match (&column.part, column.kind_in(FileFormat::Parquet)) {
            (Part::Partition, _) => (Physical::INT32, None),
            (Part::Timestamp, _) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
            (_, Kind::Long) => (Physical::INT64, None),
            (_, Kind::Double) => (Physical::DOUBLE, None),
            (_, Kind::Boolean) => (Physical::BOOLEAN, None),
            (_, Kind::Bytes) => (Physical::BYTE_ARRAY, None),
            (_, Kind::Text) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let repetition = if column.is_always_there() { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let field = Type::primitive_type_builder(&title, physical).with_repetition(repetition);
        field.with_logical_type(logical).build().map(Arc::new)
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Type::group_type_builder("record").with_fields(fields).build()?))
}

impl Column {
    fn is_always_there(&self) -> bool {
        matches!(self.part, Part::Topic | Part::Partition | Part::Offset | Part::Headers)
    }
}

/// A column of a row group; `there` tells for each row whether it has a value, where some may not.
struct Held {
    there: Option<Vec<i16>>,
    values: Values,
}

enum Values {
    Int(Vec<i32>),
    Long(Vec<i64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    Bytes(Vec<ByteArray>),
}

impl Held {
    fn of(column: &Column) -> Self {
        let values = match (&column.part, column.kind_in(FileFormat::Parquet)) {
            (Part::Partition, _) => Values::Int(Vec::new()),
            (_, Kind::Long) => Values::Long(Vec::new()),
            (_, Kind::Double) => Values::Double(Vec::new()),
            (_, Kind::Boolean) => Values::Boolean(Vec::new()),
            (_, Kind::Bytes | Kind::Text) => Values::Bytes(Vec::new()),
        };
        Self { there: (!column.is_always_there()).then(Vec::new), values }
    }

    /// Takes a cell in; returns how much memory it takes.
    fn push(&mut self, cell: Unpacked) -> Result<usize> {
        let wrong = || Err(ParquetError::General("a packed cell is not of its column's kind".into()));
        match (&mut self.there, &cell) {
            (Some(there), cell) => there.push(i16::from(*cell != Unpacked::Null)),
            (None, Unpacked::Null) => return wrong(),
            (None, _) => {}
        }
        let mut size = 16;
        match (&mut self.values, cell) {
            (_, Unpacked::Null) => {}
            (Values::Int(values), Unpacked::Long(number)) => match i32::try_from(number) {
                Ok(number) => values.push(number),
                Err(_) => return wrong(),
            },
            (Values::Long(values), Unpacked::Long(number)) => values.push(number),
            (Values::Double(values), Unpacked::Double(number)) => values.push(number),
            (Values::Boolean(values), Unpacked::Boolean(value)) => values.push(value),
            (Values::Bytes(values), Unpacked::Bytes(bytes)) => {
                size += 32 + bytes.len();
                values.push(bytes.into());
            }
            _ => return wrong(),
        }
        Ok(size)
    }

    fn write<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        let there = self.there.as_deref();
        let Some(mut column) = group.next_column()? else { return Ok(()) };
        match &self.values {
            Values::Int(values) => column.typed::<Int32Type>().write_batch(values, there, None)?,
            Values::Long(values) => column.typed::<Int64Type>().write_batch(values, there, None)?,
            Values::Double(values) => column.typed::<DoubleType>().write_batch(values, there, None)?,
            Values::Boolean(values) => column.typed::<BoolType>().write_batch(values, there, None)?,
            Values::Bytes(values) => column.typed::<ByteArrayType>().write_batch(values, there, None)?,
        };
        column.close()
    }
}
